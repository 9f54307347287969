"""Each contrast in one line: its last figure, its onset, and the smallest effect it could have shown.

In: a study and its effect rows. Out: one row for each contrast of the primary outcome.
"""

import numpy as np

from jaxmlda.dynamics import describe
from jaxmlda.dynamics.registry import Row
from jaxmlda.dynamics.study import Study

PRIMARY = "token"


def by_contrast(rows: list[Row], outcome: str = PRIMARY) -> dict[tuple[str, str, str, str], list[Row]]:
    """Rows of one outcome by (measure, train, ask, form), steps rising."""
    found: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        if row["outcome"] == outcome:
            found.setdefault((row["measure"], row["train"], row["ask"], row["form"]), []).append(row)
    return {key: sorted(group, key=lambda row: row["step"]) for key, group in found.items()}


def summarise(study: Study, rows: list[Row]) -> list[Row]:
    """The last row of each contrast with `onset` (step or None), `smallest_effect` (None: nothing changed)
    and `claimed`: up, down, none, or few.

    A claim is made at the last checkpoint, by the interval of that checkpoint.
    """
    cells = {(cell.language, cell.form): cell for cell in study.cells()}
    summaries = []
    for (measure, _, ask, form), curve in by_contrast(rows).items():
        if measure == "accuracy":
            continue
        last = dict(curve[-1])
        banded = [row for row in curve if row["band_low"] is not None]
        last["onset"] = describe.onset(
            np.array([row["step"] for row in banded]),
            np.array([row["band_low"] for row in banded]),
            np.array([row["band_high"] for row in banded]),
        )
        last["smallest_effect"] = _smallest(study, cells[ask, form].index, last)
        last["claimed"] = claim(last)
        summaries.append(last)
    return summaries


def claim(row: Row) -> str:
    """up or down where the interval leaves 0 out, none where it does not, few where there is no interval."""
    if row["low"] is None:
        return "few"
    return "up" if row["low"] > 0 else "down" if row["high"] < 0 else "none"


def _smallest(study: Study, index: np.ndarray, row: Row) -> float | None:
    names = [name for name in (row["train"], row["against"]) if name]
    source = study.label if any(name.endswith("*") for name in names) else study.group
    chosen = index[np.isin(source[index], names)]
    credit = study.scores.values[PRIMARY]
    at = np.flatnonzero(np.isfinite(credit[:, chosen]).all(axis=1))
    change = credit[at[-1], chosen] - credit[at[0], chosen]
    if not change.any():
        return None
    clusters = study.cluster[chosen]
    per_cluster = len(chosen) / len(set(clusters.tolist()))
    return describe.smallest_effect(
        float((change != 0).mean()),
        row["n_questions"],
        row["against_questions"],
        per_cluster,
        describe.intraclass(change, clusters),
    )
