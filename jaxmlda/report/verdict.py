"""The box at the top: what was learned, in which language, whether it crossed, and how sure, in sentences.

In: an analysed run. Out: a headline for each question a reader has, the figures behind it, and what the
intervals cover.
"""

from typing import Any

from jaxmlda.dynamics.flags import smallest
from jaxmlda.dynamics.registry import Row
from jaxmlda.report import words
from jaxmlda.report.data import Analysed

Line = dict[str, Any]
_WORD = {"up": "yes", "down": "no (below it)", "none": "not shown", "few": "too few documents"}


def verdict(run: Analysed) -> dict[str, Any]:
    """`lines`: one for each contrast with its claim; `covers`: what the intervals say and what they do
    not.
    """
    rows = [row for row in run.summary if row["measure"] in ("acquisition", "transfer", "both", "added")]
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["measure"], row["train"], row["ask"]), []).append(row)
    order = {"acquisition": 0, "transfer": 1, "both": 2, "added": 3}
    lines = [_line(*key, groups[key]) for key in sorted(groups, key=lambda key: (order[key[0]], key[1:]))]
    return {"headline": _headline(groups), "lines": lines, "covers": _covers(run, rows)}


def _headline(groups: dict[tuple[str, str, str], list[Row]]) -> str:
    told = []
    for name, heading in (("acquisition", "Learned beyond control"), ("transfer", "Crossed beyond control")):
        found = [
            (
                words.language(train) if name == "acquisition" else f"{words.language(train)} → {words.language(ask)}",
                rows,
            )
            for (measure, train, ask), rows in sorted(groups.items())
            if measure == name
        ]
        if found:
            told.append(f"{heading}: {'; '.join(f'{who} {_short(rows)}' for who, rows in found)}.")
    return " ".join(told) or "No effect can be estimated in this run."


def _short(rows: list[Row]) -> str:
    return ", ".join(f"{words.short_form(row['form'])} {_WORD[row['claimed']]}" for row in rows)


def _line(measure: str, train: str, ask: str, rows: list[Row]) -> Line:
    return {
        "question": _question(measure, train, ask),
        "answer": _answer(rows),
        "claim": _joint_claim(rows),
        "figures": [{"claim": row["claimed"], "text": sentence(row)} for row in rows],
    }


def _question(measure: str, train: str, ask: str) -> str:
    x, y = words.language(train), words.language(ask)
    return {
        "acquisition": f"Was the {x} text learned, asked in {y}?",
        "transfer": f"Did it cross from {x} to {y}?",
        "both": f"Trained in both languages, was it learned, asked in {y}?",
        "added": f"Does training in both add to {y} alone, asked in {y}?",
    }[measure]


def _joint_claim(rows: list[Row]) -> str:
    claims = [row["claimed"] for row in rows]
    for name in ("up", "down", "none"):
        if name in claims:
            return name
    return "few"


def _answer(rows: list[Row]) -> str:
    shown = [words.form(row["form"]) for row in rows if row["claimed"] == "up"]
    lost = [words.form(row["form"]) for row in rows if row["claimed"] == "down"]
    if shown and len(shown) == len(rows):
        return "Yes."
    if shown and lost:
        return f"Yes for {' and '.join(shown)}; below what it is held against for {' and '.join(lost)}."
    if shown:
        return f"Yes for {' and '.join(shown)}; not shown otherwise."
    if lost:
        return f"No: below what it is held against for {' and '.join(lost)}."
    if all(row["claimed"] == "few" for row in rows):
        return "Cannot be said: too few documents in a group."
    return "Not shown."


def sentence(row: Row) -> str:
    """One contrast at the last checkpoint, with its interval, sizes, onset or the smallest effect that could
    have been seen.
    """
    sizes = f"{row['n_questions']} questions of {row['n_documents']} documents"
    if row["against"]:
        name = words.group(row["against"]).split(",")[0]
        sizes += f" against {row['against_questions']} of {row['against_documents']} ({name})"
    if row["claimed"] == "few":
        return f"{words.form(row['form'])}: {sizes}; no effect is estimated from so few documents."
    text = f"{words.form(row['form'])}: {words.points(row['estimate'])} points (95 % interval "
    text += f"{words.span(row['low'], row['high'])}); {sizes}"
    if row["claimed"] == "none":
        return f"{text}; {smallest(row)}."
    if row["onset"] is None:
        return f"{text}; the curve's band holds 0 somewhere in every three checkpoints: no onset."
    return f"{text}; away from 0 since step {row['onset']}."


def _covers(run: Analysed, rows: list[Row]) -> list[str]:
    counted = sum(row["low"] is not None for row in rows)
    told = [
        (
            "Every figure is a difference in accuracy by token at the last checkpoint against step 0, in "
            "percentage points, minus "
            "the same difference of the group it is held against."
        ),
        (
            "The intervals cover which documents, with their questions, fell into each group (bootstrap "
            "over document clusters, "
            f"{run.study.draws:,} draws). They do not cover another seed: this is one run, with one order of "
            "text and one "
            "initialisation."
        ),
    ]
    if counted:
        told.append(f"{counted} effects are looked at here; at 95 % about one in twenty leaves 0 out by chance alone.")
    else:
        told.append(
            "No group is large enough for an effect, or the run has no trial: the curves below describe, "
            "they do not show cause."
        )
    return told
