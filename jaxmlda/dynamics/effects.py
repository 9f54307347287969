"""Effects: what happened to documents trained on in a language, beyond what happened to those that were not.

In: a study. Out: rows per cell, contrast, outcome and step, with percentile intervals and simultaneous bands.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jaxmlda.dynamics import bootstrap
from jaxmlda.dynamics.groups import GROUPS
from jaxmlda.dynamics.registry import Row, measure
from jaxmlda.dynamics.study import Cell, Study
from jaxmlda.storage import keyed

OUTCOMES = ("token", "sum", "char", "byte", "gold_probability")
EFFECTS = ("acquisition", "transfer", "both", "added")
SCHEMA = pa.schema(
    [
        *[(name, pa.string()) for name in ("run", "measure", "outcome", "train", "ask", "form")],
        ("step", pa.int64()),
        *[(name, pa.float64()) for name in ("tokens", "estimate", "low", "high", "band_low", "band_high")],
        *[(name, pa.int64()) for name in ("n_questions", "n_documents", "n_clusters")],
        ("against", pa.string()),
        *[(name, pa.int64()) for name in ("against_questions", "against_documents", "against_clusters")],
    ]
)


@dataclass(frozen=True)
class Curve:
    """Mean scores of one group: estimate [outcome, step] and draws [outcome, step, draw]."""

    name: str
    n_questions: int
    n_documents: int
    n_clusters: int
    estimate: NDArray[np.float64]
    draws: NDArray[np.float64]

    def change(self) -> "Curve":
        """The same group against its own first step (step 0): A_t - A_0."""
        return Curve(
            self.name,
            self.n_questions,
            self.n_documents,
            self.n_clusters,
            self.estimate - self.estimate[:, :1],
            self.draws - self.draws[:, :1],
        )


@measure(
    "effects",
    "Effects with their intervals",
    "Acquisition in x: the gain of documents trained in x, minus the gain of control documents, asked in x. "
    "Transfer x → y: "
    "the same for documents trained in x only, asked in y. Both: documents trained in both languages against "
    "control. Added: "
    "documents trained in both against those trained only in the language asked. Change: a group against its "
    "own start.",
)
def effects(study: Study) -> list[Row]:
    """(A_x,t - A_x,0) - (A_none,t - A_none,0) and its relatives, for every cell, outcome and step."""
    return [row for cell in study.cells() for row in cell_rows(study, cell)]


def cell_rows(study: Study, cell: Cell) -> list[Row]:
    """All rows of one cell. Groups are resampled apart; below the fewest documents a row has counts and no
    estimate.
    """
    at = study.usable_steps(cell)
    if len(at) == 0:
        return []
    steps = study.scores.steps[at]
    curves = {name: group_curve(study, cell, at, name) for name in _names(study, cell)}
    table = _Rows(study, cell, steps)
    rows = [row for curve in curves.values() for row in table.of("accuracy", curve)]
    if steps[0] != 0 or len(steps) < 2:
        return rows
    changes = {name: curve.change() for name, curve in curves.items()}
    for curve in changes.values():
        rows += table.of("change", curve)
    for name, train, against in contrasts(cell.language):
        if train in changes and against in changes:
            rows += table.of(name, changes[train], changes[against])
    return rows


def contrasts(ask: str) -> list[tuple[str, str, str]]:
    """(measure, trained group, group it is held against) for questions asked in a language."""
    single = [("acquisition" if train == ask else "transfer", train, "none") for train in ("en", "ja")]
    return [*single, ("both", "both", "none"), ("added", "both", ask)]


def group_curve(study: Study, cell: Cell, at: NDArray, name: str) -> Curve:
    """Means of the outcomes over a group's questions at the steps `at`; a starred name is a label within its
    group.
    """
    source = study.label if name.endswith("*") else study.group
    index = cell.index[source[cell.index] == name]
    stacked = np.concatenate([study.scores.values[outcome][np.ix_(at, index)] for outcome in OUTCOMES])
    clusters = study.cluster[index]
    rng = np.random.default_rng(keyed(study.seed, cell.language, cell.form, name))
    means = bootstrap.cluster_means(stacked, clusters, rng, study.draws)
    return Curve(
        name,
        len(index),
        study.documents(index),
        len(set(clusters.tolist())),
        means.estimate.reshape(len(OUTCOMES), len(at)),
        means.draws.reshape(len(OUTCOMES), len(at), -1),
    )


def _names(study: Study, cell: Cell) -> list[str]:
    present = set(study.group[cell.index].tolist()) | {x for x in study.label[cell.index].tolist() if x.endswith("*")}
    return [name for name in GROUPS if name in present] + sorted(present - set(GROUPS))


@dataclass(frozen=True)
class _Rows:
    study: Study
    cell: Cell
    steps: NDArray[np.int64]

    def of(self, name: str, curve: Curve, against: Curve | None = None) -> list[Row]:
        """Rows of one contrast: all outcomes for effects, the primary alone for a group's own curve."""
        outcomes = range(len(OUTCOMES) if name in EFFECTS else 1)
        return [row for k in outcomes for row in self._outcome(k, name, curve, against)]

    def _outcome(self, k: int, name: str, curve: Curve, against: Curve | None) -> list[Row]:
        smaller = min(one.n_clusters for one in (curve, against) if one is not None)
        enough = smaller >= self.study.fewest
        estimate, draws = curve.estimate[k], curve.draws[k]
        if against is not None:
            estimate, draws = estimate - against.estimate[k], draws - against.draws[k]
        figures = np.full((5, len(self.steps)), np.nan)
        if enough or name == "accuracy":
            figures[0] = estimate
        if enough:
            figures[1], figures[2] = bootstrap.interval(draws)
            after = self.steps != 0
            if after.any():
                figures[3, after], figures[4, after] = bootstrap.band(estimate[after], draws[after])
        head = {
            "run": self.study.run,
            "measure": name,
            "outcome": OUTCOMES[k],
            "train": curve.name,
            "ask": self.cell.language,
            "form": self.cell.form,
        }
        tail = {
            "n_questions": curve.n_questions,
            "n_documents": curve.n_documents,
            "n_clusters": curve.n_clusters,
            "against": against.name if against else None,
            "against_questions": against.n_questions if against else None,
            "against_documents": against.n_documents if against else None,
            "against_clusters": against.n_clusters if against else None,
        }
        return [
            {
                **head,
                "step": int(step),
                "tokens": float(step * self.study.tokens_per_step),
                **_figures(column),
                **tail,
            }
            for step, column in zip(self.steps, figures.T, strict=True)
        ]


def _figures(column: NDArray[np.float64]) -> Row:
    names = ("estimate", "low", "high", "band_low", "band_high")
    return {n: None if math.isnan(v) else float(v) for n, v in zip(names, column, strict=True)}


def table(rows: list[Row]) -> pa.Table:
    """The rows as `effects.parquet` holds them."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)
