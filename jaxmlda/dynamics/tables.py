"""One score table (`scores/step_XXXXXXXX/SET.parquet`) as arrays.

In: a path and the step its folder names. Out: a `SetTable`, questions sorted by id, [question, option].
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from etils import epath
from numpy.typing import NDArray

from jaxmlda.errors import UserError
from jaxmlda.storage import read_table

LABELS = ("document", "cluster", "language", "written_in", "form", "pair")
SUMS = ("sum_logp", "sum_logp_neutral", "sum_logp_alone")
LENGTHS = ("n_tok", "n_char", "n_byte")
REQUIRED = ("step", "digest", "set", "question", "option", "gold", *LABELS, *SUMS, *LENGTHS, "truncated")
MOST_OPTIONS = 1000


@dataclass(frozen=True)
class SetTable:
    """The scores of one question set at one step; `tables` counts the tables that the file holds (1 is
    right).
    """

    path: str
    step: int
    set: str
    ids: list[str]
    labels: dict[str, NDArray]
    gold: NDArray[np.bool_]
    values: dict[str, NDArray[np.float64]]
    truncated: NDArray[np.bool_]
    digest: str
    content: str
    tables: int


def read_set(path: epath.PathLike, step: int) -> SetTable:
    """Reads a score file; rows of another step, and second rows of one option, are counted as another table
    and left out.
    """
    source = epath.Path(path)
    table = read_table(source)
    missing = [name for name in REQUIRED if name not in table.column_names]
    if missing:
        raise UserError(f"{source}: no score table, it lacks {', '.join(missing)}; probe this checkpoint again")
    own = table.filter(pc.equal(table["step"], step))
    if own.num_rows == 0:
        raise UserError(f"{source}: holds no row of step {step}; probe this checkpoint again")
    digests = own["digest"].unique().to_pylist()
    strangers = len(table["step"].unique()) - 1 + len(digests) - 1
    own = own.filter(pc.fill_null(pc.equal(own["digest"], digests[0]), True)) if len(digests) > 1 else own
    return _arrange(own, str(source), step, str(digests[0]), strangers)


def _arrange(table: pa.Table, path: str, step: int, digest: str, strangers: int) -> SetTable:
    names = table["question"].combine_chunks().dictionary_encode()
    ids = names.dictionary.to_pylist()
    option = table["option"].to_numpy().astype(np.int64)
    if None in ids or names.indices.null_count or option.min() < 0 or option.max() >= MOST_OPTIONS:
        raise UserError(f"{path}: a row has no question id or an impossible option number; probe this checkpoint again")
    order = sorted(range(len(ids)), key=ids.__getitem__)
    place = np.empty(len(ids), np.int64)
    place[order] = np.arange(len(ids))
    question = place[names.indices.to_numpy()]
    width = int(option.max()) + 1
    slots, first, counts = np.unique(question * width + option, return_index=True, return_counts=True)
    alone = "n_tok_alone" if "n_tok_alone" in table.column_names else "n_tok"
    values = {name: _spread(table, name, slots, first, (len(ids), width)) for name in (*SUMS, *LENGTHS)}
    values["n_tok_alone"] = _spread(table, alone, slots, first, (len(ids), width))
    heads = np.empty(len(ids), np.int64)
    heads[question[::-1]] = np.arange(len(question))[::-1]
    return SetTable(
        path=path,
        step=step,
        set=epath.Path(path).name.removesuffix(".parquet"),
        ids=[ids[i] for i in order],
        labels={name: _texts(table, name)[heads] for name in LABELS},
        gold=_spread(table, "gold", slots, first, (len(ids), width)) == 1.0,
        values=values,
        truncated=(_spread(table, "truncated", slots, first, (len(ids), width)) == 1.0).any(axis=1),
        digest=digest,
        content=hashlib.sha256(values["sum_logp"].tobytes()).hexdigest()[:16],
        tables=int(counts.max()) + strangers,
    )


def _spread(table: pa.Table, name: str, slots: NDArray, first: NDArray, shape: tuple[int, int]) -> NDArray[np.float64]:
    column = table[name]
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.int8())
    flat = np.full(shape[0] * shape[1], np.nan)
    flat[slots] = pc.cast(column, pa.float64()).to_numpy()[first]
    return flat.reshape(shape)


def _texts(table: pa.Table, name: str) -> NDArray:
    return np.array(pc.fill_null(pc.cast(table[name], pa.string()), "").to_pylist(), dtype=object)
