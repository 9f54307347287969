"""Warnings about effects: those that the score tables and the trial alone allow.

In: a study and all rows. Out: (where, text) for each thing a reader must know before believing a figure.
"""

from collections.abc import Iterator

from jaxmlda.dynamics.groups import GROUPS
from jaxmlda.dynamics.registry import Results, Row, flag
from jaxmlda.dynamics.study import Study
from jaxmlda.dynamics.summary import by_contrast, summarise

Found = Iterator[tuple[str, str]]
EARLY_SHARE = 0.01
LARGEST_DISAGREEMENT = 0.03
NORMALISATIONS = ("token", "sum", "char", "byte")


def points(share: float) -> str:
    """A share as percentage points with a sign."""
    return f"{100 * share:+.1f}".replace("-", "−")


def smallest(row: Row) -> str:
    """What a set without a claim could have shown."""
    if row["smallest_effect"] is None:
        return "no question changed"
    return f"the smallest effect this set could have shown is {100 * row['smallest_effect']:.1f} points"


@flag(
    "no better than control", "Documents that were trained on are not shown to do better than documents that were not."
)
def no_better_than_control(study: Study, results: Results) -> Found:
    """Acquisition whose interval at the last checkpoint holds 0 or lies below it."""
    for row in summarise(study, results["effects"]):
        if row["measure"] == "acquisition" and row["claimed"] in ("none", "down"):
            yield (
                f"{row['ask']} {row['form']}",
                (
                    f"documents trained in {row['train']} gained {points(row['estimate'])} points over "
                    "control "
                    f"(95 % interval {points(row['low'])} to {points(row['high'])}); {smallest(row)}"
                ),
            )


@flag("early gain", "A gain within the first 1 % of the tokens is style or format, not facts.")
def early_gain(study: Study, results: Results) -> Found:
    """A group's own change whose simultaneous band lies above 0 within the first 1 % of the run's tokens."""
    for (measure, train, ask, form), curve in by_contrast(results["effects"]).items():
        if measure != "change" or train not in GROUPS:
            continue
        early = [row for row in curve if 0 < row["step"] <= EARLY_SHARE * curve[-1]["step"]]
        found = [row for row in early if row["band_low"] is not None and row["band_low"] > 0]
        if found:
            last = found[-1]
            yield (
                f"{ask} {form}, group {train}",
                (
                    f"{points(last['estimate'])} points were gained by step {last['step']}, within the first "
                    "1 % of the tokens "
                    f"(at the end: {points(curve[-1]['estimate'])})"
                ),
            )


@flag("set too small", "The effect claimed is smaller than what the set shows with 80 % power.")
def too_small(study: Study, results: Results) -> Found:
    """An effect whose interval leaves 0 out, yet below the smallest effect that the set could have shown."""
    for row in summarise(study, results["effects"]):
        if row["measure"] == "change" or row["claimed"] not in ("up", "down"):
            continue
        if abs(row["estimate"]) < row["smallest_effect"]:
            yield (
                f"{row['ask']} {row['form']}",
                (
                    f"{row['measure']} of {row['train']}: {points(row['estimate'])} points are claimed, "
                    f"{row['n_questions']} questions "
                    f"against {row['against_questions']} show {100 * row['smallest_effect']:.1f} points or "
                    "more with 80 % power"
                ),
            )


@flag("too few documents", "A group is too small to estimate an effect; its counts are shown and nothing else.")
def too_few(study: Study, results: Results) -> Found:
    """A group of the trial with fewer documents than an effect needs."""
    for (measure, train, ask, form), curve in by_contrast(results["effects"]).items():
        if measure == "accuracy" and train in GROUPS and curve[-1]["n_documents"] < study.fewest:
            yield (
                f"{ask} {form}",
                f"group {train} has {curve[-1]['n_documents']} documents, an effect needs {study.fewest}",
            )


@flag("leaking recipe", "Documents were trained on in a language that their arm does not permit.")
def leaking(study: Study, results: Results) -> Found:
    """A recipe that says `allow_leak`: groups are no longer what was trained, control alone still is."""
    if study.leaks:
        yield "the run", "the recipe says allow_leak: what looks like transfer may be training in that language"


@flag("no control", "A curve without its control curve cannot tell facts from style.")
def no_control(study: Study, results: Results) -> Found:
    """A cell without documents of group none; a cell without step 0."""
    for cell in study.cells():
        names = set(study.group[cell.index].tolist())
        if "none" not in names:
            yield cell.name, "no question is about a control document: changes here are no effects"
        at = study.usable_steps(cell)
        if len(at) == 0 or study.scores.steps[at[0]] != 0:
            yield cell.name, "no table of step 0: change since the untouched model is unknown"
        elif len(at) == 1:
            yield cell.name, "no checkpoint after step 0 has been probed: there is no change to look at"


@flag("normalisations disagree", "The effect depends on how option scores are normalised.")
def normalisations_disagree(study: Study, results: Results) -> Found:
    """Acquisition or transfer by token, sum, character and byte differ by more than 3 points at the last
    checkpoint.
    """
    curves = {name: by_contrast(results["effects"], name) for name in NORMALISATIONS}
    for key in curves["token"]:
        if key[0] not in ("acquisition", "transfer"):
            continue
        last = {name: curves[name][key][-1]["estimate"] for name in NORMALISATIONS}
        if None not in last.values() and max(last.values()) - min(last.values()) > LARGEST_DISAGREEMENT:
            told = ", ".join(f"{name} {points(value)}" for name, value in last.items())
            yield f"{key[2]} {key[3]}", f"{key[0]} of {key[1]}: {told} points"
