"""A run ready to be measured: its scores, joined with the trial's groups, cut into cells (language × form).

In: `Scores`, the trial table, the recipe's native languages. Out: `Study`, the argument of every measure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jaxmlda.dynamics import groups
from jaxmlda.dynamics.scores import Scores

DRAWS = 10_000
FEWEST_DOCUMENTS = 40


@dataclass(frozen=True)
class Cell:
    """Questions asked in one language and one form; a set without forms is a cell of its own, named after the
    set.
    """

    language: str
    form: str
    index: NDArray[np.int64]

    @property
    def name(self) -> str:
        return f"{self.language} {self.form}".strip()


@dataclass(frozen=True)
class Study:
    """One run's scores with groups; `baselines` is by set: chance, longest, shortest, options_model,
    options_classifier. `leaks`: the recipe was allowed to train documents against their arm.
    """

    run: str
    scores: Scores
    group: NDArray
    label: NDArray
    cluster: NDArray
    native: tuple[str, ...]
    tokens_per_step: float
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    draws: int = DRAWS
    seed: int = 0
    fewest: int = FEWEST_DOCUMENTS
    leaks: bool = False

    def cells(self) -> list[Cell]:
        """The cells in a fixed order: language, then form."""
        language = self.scores.labels["language"]
        form = np.where(self.scores.labels["form"] == "", self.scores.sets, self.scores.labels["form"])
        keys = sorted(set(zip(language.tolist(), form.tolist(), strict=True)), key=_cell_order)
        return [Cell(x, f, np.flatnonzero((language == x) & (form == f))) for x, f in keys]

    def usable_steps(self, cell: Cell) -> NDArray[np.int64]:
        """Positions of the steps at which every question of the cell has a score."""
        return np.flatnonzero(np.isfinite(self.scores.values["token"][:, cell.index]).all(axis=1))

    def documents(self, index: NDArray) -> int:
        """Number of different documents behind some questions."""
        return len(set(self.scores.labels["document"][index].tolist()))


def _cell_order(key: tuple[str, str]) -> tuple:
    return key[0], {"mem": 0, "gen": 1}.get(key[1], 2), key[1]


def study(
    run: str,
    scores: Scores,
    trial: pa.Table | None,
    native: Sequence[str],
    tokens_per_step: float,
    *,
    baselines: Mapping[str, Mapping[str, float]] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    leaks: bool = False,
) -> Study:
    """Joins scores and trial. A question's cluster is the trial's, else the table's, else its document, else
    itself.
    """
    document = scores.labels["document"]
    group, label = groups.assign(document.tolist(), trial, native)
    known: dict[str, str] = {}
    if trial is not None and "cluster" in trial.column_names:
        known = dict(zip(trial["document"].to_pylist(), trial["cluster"].to_pylist(), strict=True))
    fallback = zip(document, scores.labels["cluster"], scores.sets, scores.ids, strict=True)
    cluster = np.array([str(known.get(d) or c or d or f"{s}/{i}") for d, c, s, i in fallback], dtype=object)
    return Study(
        run,
        scores,
        group,
        label,
        cluster,
        tuple(native),
        float(tokens_per_step),
        baselines or {},
        draws,
        seed,
        leaks=leaks,
    )
