"""Which group a document belongs to: what its arm permits, as far as the recipe trains those languages.

In: document ids, the trial table, the recipe's native languages. Out: a group and a label for each document.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

GROUPS = ("en", "ja", "both", "none")
NEVER = ("bridge", "outside")
PERMITS = {"en": {"en"}, "ja": {"ja"}, "both": {"en", "ja"}, "none": set()}


def group_of(arm: str, native: Sequence[str]) -> str:
    """group = permitted(arm) ∩ native languages; `bridge` and `outside` (and unknown arms) never estimate an
    effect.
    """
    if arm not in PERMITS:
        return arm if arm in NEVER else "outside"
    trained = PERMITS[arm] & set(native)
    return "both" if len(trained) == 2 else next(iter(trained), "none")


def label_of(arm: str, native: Sequence[str]) -> str:
    """The group's name, or the arm with a star where the recipe trains less of it than its arm permits
    (`ja*`).
    """
    group = group_of(arm, native)
    return arm if group == arm else f"{arm}*" if arm in PERMITS else group


def assign(documents: Sequence[str], trial: pa.Table | None, native: Sequence[str]) -> tuple[NDArray, NDArray]:
    """(groups, labels), one for each document; a document that the trial does not know is `outside`."""
    arms: dict[str, str] = {}
    if trial is not None:
        arms = dict(zip(trial["document"].to_pylist(), trial["arm"].to_pylist(), strict=True))
    of_document = [arms.get(document, "outside") for document in documents]
    groups = np.array([group_of(arm, native) for arm in of_document], dtype=object)
    labels = np.array([label_of(arm, native) for arm in of_document], dtype=object)
    return groups, labels
