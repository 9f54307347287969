"""The questions to look through: their texts once, and each run's scores of them.

In: analysed runs. Out: plain data for the page's own script, which builds the table from text only.
"""

from typing import Any

import numpy as np

from jaxmlda.dynamics import life
from jaxmlda.report.data import Analysed

LONGEST_TEXT = 20_000


def questions(runs: list[Analysed]) -> dict[str, Any]:
    """`texts`: one record for each (set, id) that any run scored; `runs`: columns whose `text` points into
    it.
    """
    texts: dict[tuple[str, str], int] = {}
    records: list[dict[str, Any]] = []
    for run in runs:
        for question in run.data.questions:
            key = (question["set"], question["id"])
            if key not in texts:
                texts[key] = len(records)
                records.append(_record(question))
    return {"texts": records, "runs": [_columns(run, texts) for run in runs]}


def _record(question: Any) -> dict[str, Any]:
    return {
        "id": question["id"],
        "set": question["set"],
        "question": _cut(question["question"]),
        "options": [_cut(option) for option in question["options"]],
        "answers": list(question["answers"]),
        "language": question.get("language") or "",
        "form": question.get("form") or "",
        "document": question.get("document") or "",
        "sentence": _cut(question.get("sentence") or ""),
    }


def _cut(text: str) -> str:
    text = str(text)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} … ({len(text)} characters)"


def _columns(run: Analysed, texts: dict[tuple[str, str], int]) -> dict[str, Any]:
    scores = run.study.scores
    credit = scores.values["token"]
    rows = []
    for cell in run.study.cells():
        at = run.study.usable_steps(cell)
        if len(at) == 0:
            continue
        first, last = at[0], at[-1]
        names = life.fates(credit[first, cell.index], credit[last, cell.index])
        learned = life.first_learned(scores.steps[at], credit[np.ix_(at, cell.index)])
        for place, q in enumerate(cell.index.tolist()):
            key = (scores.sets[q], scores.ids[q])
            if key in texts:
                rows.append(
                    {
                        "text": texts[key],
                        "group": run.study.label[q],
                        "fate": names[place],
                        "learned": learned[place],
                        "gain": _round(scores.values["margin"][last, q] - scores.values["margin"][first, q]),
                        "first": [_round(v) for v in scores.options[first, q]],
                        "last": [_round(v) for v in scores.options[last, q]],
                        "steps": [int(scores.steps[first]), int(scores.steps[last])],
                        "seen": None if run.data.exposures is None else run.data.exposures.get(key, 0),
                    }
                )
    return {"name": run.name, "rows": rows}


def _round(value: float) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None
