"""Warnings about the tables and question sets themselves.

In: a study (its scores, the facts remembered of each file, baselines of the sets). Out: (where, text).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from jaxmlda.dynamics.registry import Flag, Results, flag
from jaxmlda.dynamics.study import Study

Found = Iterator[tuple[str, str]]
OPTIONS_ALONE = 0.30


def options_alone(study: Study, name: str) -> dict[str, float]:
    """How far a set can be answered without its questions: the options by themselves, by a model and by a
    classifier.

    The model's figure is the given baseline, else accuracy by `sum_logp_alone` per token at the first step.
    """
    given = study.baselines.get(name, {})
    found = {key: given[key] for key in ("options_model", "options_classifier") if given.get(key) is not None}
    alone = study.scores.values["alone"][:, study.scores.sets == name]
    known = alone[np.isfinite(alone).all(axis=1)]
    if "options_model" not in found and known.size:
        found["options_model"] = float(known[0].mean())
    return found


@flag("options alone", "The options give the answer away without the question (30 % or more).")
def answerable_without_question(study: Study, results: Results) -> Found:
    """A set whose options alone reach 30 %, by the model or by the classifier."""
    for name in sorted(set(study.scores.sets.tolist())):
        for how, value in options_alone(study, name).items():
            if value >= OPTIONS_ALONE:
                yield name, f"{how.replace('_', ' ')} answers {100 * value:.1f} % without seeing the question"


@flag("truncated", "A question did not fit the scorer's rows and was cut.")
def truncated(study: Study, results: Results) -> Found:
    """Questions with a truncated option."""
    for name in sorted(set(study.scores.sets.tolist())):
        cut = study.scores.truncated[study.scores.sets == name]
        if cut.any():
            yield name, f"{int(cut.sum())} of {len(cut)} questions were cut; use longer rows"


@flag("two tables in a file", "A score file holds the rows of two tables.")
def doubled(study: Study, results: Results) -> Found:
    """A file with two rows of one option, two steps, or two digests."""
    for fact in study.scores.tables:
        if fact.tables > 1:
            yield fact.path, "holds more than one table; the first was used: delete the file and probe again"


@flag(
    "identical tables",
    "Two checkpoints have the very same scores: one was probed twice, or nothing was trained.",
)
def identical(study: Study, results: Results) -> Found:
    """Two steps of a set with equal scores."""
    seen: dict[tuple[str, str], int] = {}
    for fact in study.scores.tables:
        first = seen.setdefault((fact.set, fact.content), fact.step)
        if first != fact.step:
            yield fact.set, f"steps {first} and {fact.step} have identical scores"


@flag("missing tables", "A set was not probed at every checkpoint; curves leave that checkpoint out.")
def missing(study: Study, results: Results) -> Found:
    """Steps at which a set has no table."""
    for name in sorted({name for _, name in study.scores.missing}):
        steps = [str(step) for step, other in study.scores.missing if other == name]
        yield name, f"no table at step {', '.join(steps)}"


def identical_between(studies: Sequence[Study]) -> list[Flag]:
    """Tables after step 0 that two runs share: at step 0 two runs from one model must agree, later they must
    not.
    """
    seen: dict[tuple[str, str], tuple[str, int]] = {}
    flags = []
    for study in studies:
        for fact in study.scores.tables:
            if fact.step == 0:
                continue
            run, step = seen.setdefault((fact.set, fact.content), (study.run, fact.step))
            if run != study.run:
                text = f"step {step} of {run} and step {fact.step} of {study.run} have identical scores"
                flags.append(Flag("identical tables", fact.set, text))
    return flags
