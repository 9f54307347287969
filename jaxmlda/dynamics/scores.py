"""All score tables of a run as arrays over [step, question].

In: a run folder (`scores/step_XXXXXXXX/SET.parquet`). Out: `Scores`; a missing set is NaN at that step and
listed.
"""

import re
from dataclasses import dataclass, field

import numpy as np
from etils import epath
from numpy.typing import NDArray

from jaxmlda.dynamics import items
from jaxmlda.dynamics.tables import LABELS, SetTable, read_set
from jaxmlda.errors import UserError

NORMALISATIONS = ("token", "sum", "char", "byte", "pmi", "delta")
NOT_SETS = ("side",)


@dataclass(frozen=True)
class TableFact:
    """What is remembered of each file: enough to find doubled and identical tables."""

    path: str
    step: int
    set: str
    digest: str
    content: str
    tables: int


@dataclass(frozen=True)
class Scores:
    """Values by outcome, each [step, question]: credit by `token` (primary), `sum`, `char`, `byte`, `pmi`,
    `delta`, `alone`, and `gold_probability`, `margin`, `rank` of the per-token scores. `options`: per-token
    scores [step, question, option].
    """

    steps: NDArray[np.int64]
    sets: NDArray
    ids: NDArray
    labels: dict[str, NDArray]
    values: dict[str, NDArray[np.float64]]
    options: NDArray[np.float64]
    gold: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    tables: list[TableFact] = field(default_factory=list)
    missing: list[tuple[int, str]] = field(default_factory=list)

    @property
    def chance(self) -> NDArray[np.float64]:
        """Share of a question's options that are right."""
        counted = (~np.isnan(self.options)).any(axis=0).sum(axis=1)
        return self.gold.sum(axis=1) / np.maximum(counted, 1)


def load(run: epath.PathLike, sets: list[str] | None = None, ties: str = "share") -> Scores:
    """Reads the score tables of a run folder; `sets` keeps some sets only, `ties` is the rule of
    `items.credit`.
    """
    folder = epath.Path(run) / "scores"
    files = _files(folder, sets)
    steps = np.array(sorted({step for step, _ in files}), np.int64)
    names = sorted({name for _, name in files})
    parts, facts, missing = [], [], []
    for name in names:
        tables = {step: read_set(files[step, name], step) for step in steps.tolist() if (step, name) in files}
        _same_questions(list(tables.values()))
        missing += [(step, name) for step in steps.tolist() if step not in tables]
        facts += [TableFact(t.path, t.step, t.set, t.digest, t.content, t.tables) for t in tables.values()]
        parts.append(_set_scores(steps, tables, ties))
    return _joined(steps, parts, facts, missing)


def _files(folder: epath.Path, sets: list[str] | None) -> dict[tuple[int, str], epath.Path]:
    found = {}
    for step_folder in sorted(folder.iterdir()) if folder.exists() else []:
        match = re.fullmatch(r"step_(\d+)", step_folder.name)
        for path in sorted(step_folder.glob("*.parquet")) if match else []:
            name = path.name.removesuffix(".parquet")
            if not name.startswith(".") and name not in NOT_SETS and (sets is None or name in sets):
                found[int(match.group(1)), name] = path
    absent = sorted(set(sets or []) - {name for _, name in found})
    if absent:
        raise UserError(f"{folder}: no score table of set {', '.join(absent)}; probe it, or leave it out")
    if not found:
        raise UserError(f"{folder}: no score tables (step_XXXXXXXX/SET.parquet); probe the run first")
    return found


def _same_questions(tables: list[SetTable]) -> None:
    for table in tables[1:]:
        same = table.ids == tables[0].ids and table.gold.shape == tables[0].gold.shape
        if not (same and np.array_equal(table.gold, tables[0].gold)):
            raise UserError(
                f"{table.path}: asks other questions or has other answers than {tables[0].path}; "
                "the question file changed between checkpoints: probe all of them again"
            )


def _set_scores(steps: NDArray, tables: dict[int, SetTable], ties: str) -> Scores:
    head = next(iter(tables.values()))
    shape = (len(steps), *head.gold.shape)
    raw = {name: np.full(shape, np.nan) for name in head.values}
    for row, step in enumerate(steps.tolist()):
        if step in tables:
            for name, array in tables[step].values.items():
                raw[name][row] = array
    by_token = _per(raw["sum_logp"], raw["n_tok"])
    logp = raw["sum_logp"]
    base = logp[:1] if 0 in tables else np.full_like(logp[:1], np.nan)
    scored = {
        "token": by_token,
        "sum": logp,
        "char": _per(logp, raw["n_char"]),
        "byte": _per(logp, raw["n_byte"]),
        "pmi": logp - raw["sum_logp_neutral"],
        "delta": logp - base,
    }
    # An option of which no token could be scored is never chosen.
    scored = {name: np.where(raw["n_tok"] == 0, -np.inf, array) for name, array in scored.items()}
    scored["alone"] = _per(raw["sum_logp_alone"], raw["n_tok_alone"])
    values = {name: items.credit(array, head.gold, ties) for name, array in scored.items()}
    for function in (items.gold_probability, items.margin, items.rank):
        values[function.__name__] = function(by_token, head.gold)
    truncated = np.any([table.truncated for table in tables.values()], axis=0)
    sets = np.full(len(head.ids), head.set, dtype=object)
    return Scores(steps, sets, np.array(head.ids, dtype=object), head.labels, values, by_token, head.gold, truncated)


def _per(total: NDArray, length: NDArray) -> NDArray:
    return total / np.maximum(length, 1.0)


def _joined(steps: NDArray, parts: list[Scores], facts: list[TableFact], missing: list[tuple[int, str]]) -> Scores:
    width = max(part.gold.shape[1] for part in parts)

    def widen(array: NDArray, empty: object) -> NDArray:
        pads = [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])]
        return np.pad(array, pads, constant_values=empty)

    return Scores(
        steps=steps,
        sets=np.concatenate([part.sets for part in parts]),
        ids=np.concatenate([part.ids for part in parts]),
        labels={name: np.concatenate([part.labels[name] for part in parts]) for name in LABELS},
        values={name: np.concatenate([p.values[name] for p in parts], axis=1) for name in parts[0].values},
        options=np.concatenate([widen(part.options, np.nan) for part in parts], axis=1),
        gold=np.concatenate([widen(part.gold, False) for part in parts]),
        truncated=np.concatenate([part.truncated for part in parts]),
        tables=facts,
        missing=missing,
    )
