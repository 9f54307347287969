"""The sweep: one evaluator over many checkpoints.

In: checkpoints with their loaders, handed in by the caller. Out: score tables, `summary.json`, and what was
done. A finished checkpoint is skipped without being loaded; the next one is loaded while one is scored; a
torn one is named and the sweep goes on. It can be stopped at any moment and started again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
from etils import epath

from jaxmlda import progress
from jaxmlda.errors import UserError
from jaxmlda.probe import summary
from jaxmlda.probe.evaluate import Evaluator
from jaxmlda.probe.scorer import Params

log = logging.getLogger(__name__)


class Checkpoint(NamedTuple):
    """A step, the digest of its weights, and a function that loads them."""

    step: int
    digest: str
    load: Callable[[], Params]


@dataclass
class Outcome:
    """Steps that were scored, steps that had been before, and (step, what was wrong) of those that could
    not be.
    """

    scored: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    failed: list[tuple[int, str]] = field(default_factory=list)


def run(evaluator: Evaluator, checkpoints: Iterable[Checkpoint], out_dir: epath.PathLike) -> Outcome:
    """Score every checkpoint that is not finished in `out_dir`, in the order given, and write the summary."""
    outcome = Outcome()
    todo = []
    for checkpoint in map(Checkpoint._make, checkpoints):
        if evaluator.pending(checkpoint.step, checkpoint.digest, out_dir):
            todo.append(checkpoint)
        else:
            outcome.skipped.append(checkpoint.step)
    with progress.bar(total=len(todo) * evaluator.n_questions, label="probe", unit="question") as bar:
        for checkpoint, loaded in _ahead(todo):
            problem = _evaluate(evaluator, checkpoint, loaded, out_dir)
            if problem:
                log.error("step %d could not be scored: %s", checkpoint.step, problem)
                outcome.failed.append((checkpoint.step, problem))
            else:
                outcome.scored.append(checkpoint.step)
            bar.update(evaluator.n_questions)
    summary.write(evaluator, out_dir, sorted(outcome.scored + outcome.skipped))
    return outcome


def _evaluate(
    evaluator: Evaluator, checkpoint: Checkpoint, loaded: Callable[[], Params], out_dir: epath.PathLike
) -> str:
    """Score one checkpoint; the text says what was wrong with it, and is empty if nothing was."""
    try:
        params = loaded()
    except Exception as error:  # a torn file fails in as many ways as there are readers; the step is named, not hidden
        return f"its weights cannot be read ({type(error).__name__}: {error})"
    try:
        evaluator(checkpoint.step, params, checkpoint.digest, out_dir)
    except UserError as error:
        return str(error)
    return ""


def _ahead(checkpoints: list[Checkpoint]) -> Iterator[tuple[Checkpoint, Callable[[], Params]]]:
    """Yield each checkpoint with its weights, those of the next being loaded meanwhile in a thread.

    With several processes a restore is a collective of its own and must not run beside the scorer's: no
    thread then.
    """
    if jax.process_count() > 1:
        yield from ((checkpoint, checkpoint.load) for checkpoint in checkpoints)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="restore") as pool:
        following: Future | None = pool.submit(checkpoints[0].load) if checkpoints else None
        for place, checkpoint in enumerate(checkpoints):
            current = following
            # Waiting here keeps at most two checkpoints in memory: the one scored, the one loaded meanwhile.
            current.exception()
            following = pool.submit(checkpoints[place + 1].load) if place + 1 < len(checkpoints) else None
            yield checkpoint, current.result
