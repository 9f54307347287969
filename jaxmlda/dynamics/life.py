"""Item life: which questions became right, stayed right, or were lost, with control's churn beside.

In: a study. Out: a row for each cell and group, and the fate of each question.
"""

import numpy as np
from numpy.typing import NDArray

from jaxmlda.dynamics import describe
from jaxmlda.dynamics.registry import Row, measure
from jaxmlda.dynamics.study import Cell, Study

FATES = ("acquired", "forgotten", "retained", "unacquired")
STABLE_FOR = 3


def fates(first: NDArray, last: NDArray) -> NDArray:
    """Fate of each question between two checkpoints, from its credit there (right = credit above one
    half).
    """
    before, after = first > 0.5, last > 0.5
    names = np.where(after, np.where(before, "retained", "acquired"), np.where(before, "forgotten", "unacquired"))
    return names.astype(object)


def first_learned(steps: NDArray, credit: NDArray, stable_for: int = STABLE_FOR) -> list[int | None]:
    """First step from which a question that was wrong at the start is right at `stable_for` checkpoints in a
    row.

    At the end of a run fewer checkpoints than that are left: such a run of right answers does not count.
    """
    right = credit > 0.5
    windows = np.lib.stride_tricks.sliding_window_view(right, min(stable_for, len(steps)), axis=0).all(axis=-1)
    found = windows.any(axis=0) & ~right[0]
    return [int(steps[at]) if ok else None for ok, at in zip(found, windows.argmax(axis=0), strict=True)]


@measure(
    "life",
    "Item life",
    "Questions between the first and the last checkpoint: acquired (wrong, then right), forgotten (right, "
    "then wrong), retained, "
    "unacquired. Net = acquired - forgotten. Control's row shows how much of this happens without training "
    "on the documents.",
)
def life(study: Study) -> list[Row]:
    """One row for each cell and label, counts and shares, exact McNemar and the clustered error of the
    change.
    """
    rows = []
    for cell in study.cells():
        at = study.usable_steps(cell)
        if len(at) < 2:
            continue
        for label in sorted(set(study.label[cell.index].tolist()), key=_order):
            rows.append(_row(study, cell, label, int(at[0]), int(at[-1])))
    return rows


def _order(label: str) -> tuple[int, str]:
    names = ("en", "ja", "both", "none")
    return (names.index(label) if label in names else len(names), label)


def _row(study: Study, cell: Cell, label: str, first: int, last: int) -> Row:
    index = cell.index[study.label[cell.index] == label]
    credit = study.scores.values["token"]
    names = fates(credit[first, index], credit[last, index])
    counts = {fate: int((names == fate).sum()) for fate in FATES}
    n = len(index)
    low, high = describe.wilson(counts["acquired"], n)
    return {
        "run": study.run,
        "ask": cell.language,
        "form": cell.form,
        "group": label,
        "from_step": int(study.scores.steps[first]),
        "to_step": int(study.scores.steps[last]),
        "n_questions": n,
        "n_documents": study.documents(index),
        **counts,
        "acquired_share": counts["acquired"] / n,
        "acquired_low": low,
        "acquired_high": high,
        "forgotten_share": counts["forgotten"] / n,
        "net_share": (counts["acquired"] - counts["forgotten"]) / n,
        "mcnemar_p": describe.mcnemar(counts["forgotten"], counts["acquired"]),
        "clustered_error": describe.clustered_error(credit[last, index] - credit[first, index], study.cluster[index]),
    }
