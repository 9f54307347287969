"""The summary of a folder of scores: `summary.json`, made from the finished tables alone.

In: an evaluator and the steps to tell of. Out: accuracies beside the baselines they must be read with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from etils import epath

from jaxmlda import storage
from jaxmlda.probe import accuracy
from jaxmlda.probe.evaluate import Evaluator, metadata_of, path_of

FILE = "summary.json"


def write(evaluator: Evaluator, out_dir: epath.PathLike, steps: Sequence[int]) -> None:
    """Write `out_dir/summary.json` about finished steps."""
    if jax.process_index() == 0:
        storage.write_json(epath.Path(out_dir) / FILE, build(evaluator, out_dir, steps))


def build(evaluator: Evaluator, out_dir: epath.PathLike, steps: Sequence[int]) -> dict[str, Any]:
    """Accuracies and baselines by checkpoint and set; speed is that of the run in which a set was scored."""
    return {
        "checkpoints": [_checkpoint(evaluator, out_dir, step) for step in steps],
        "rule": evaluator.rule,
        "template": evaluator.template.name,
        "dtype": evaluator.dtype,
        "tokenizer": evaluator.tokenizer,
        "questions_digest": storage.digest(evaluator.question_digests),
    }


def _checkpoint(evaluator: Evaluator, out_dir: epath.PathLike, step: int) -> dict[str, Any]:
    held = [metadata_of(path_of(out_dir, step, name)) for name in evaluator.sets]
    costs = [cost for _, cost in held]
    seconds = sum(cost["seconds"] for cost in costs)
    return {
        "step": step,
        "digest": held[0][0]["checkpoint"],
        "sets": {name: _set(evaluator, out_dir, step, name) for name in evaluator.sets},
        "questions_per_second": sum(cost["questions"] for cost in costs) / seconds,
        "tokens_per_second": sum(cost["tokens"] for cost in costs) / seconds,
    }


def _set(evaluator: Evaluator, out_dir: epath.PathLike, step: int, name: str) -> dict[str, Any]:
    table, base = evaluator.table(name, step, out_dir), evaluator.table(name, 0, out_dir)
    share = evaluator.share_ties
    _, tied = accuracy.credits(table, "token", share=share)
    baselines = evaluator.baselines(name)
    return {
        "n": len(evaluator.sets[name]),
        "accuracy": accuracy.accuracies(table, share=share, base=base),
        "ties": int((tied > 1).sum()),
        "truncated": accuracy.count_truncated(table),
        "baselines": {**baselines, "options_model": accuracy.accuracy(table, "alone", share=share)},
    }
