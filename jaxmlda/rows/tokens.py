"""A stream's texts as tokens: flat arrays that know their documents, forms, parts and characters.

In: records of tokenised texts (from the SeqIO Tasks); stored as Parquet shards; out: `Tokens` for layout and ledger.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from etils import epath

from jaxmlda.storage import read_table, replacing

SCHEMA = pa.schema(
    [
        ("document", pa.string()),
        ("form", pa.string()),
        ("tokens", pa.list_(pa.int32())),
        ("ends", pa.list_(pa.int32())),
        ("part_stop", pa.list_(pa.int32())),
        ("part_language", pa.list_(pa.string())),
        ("part_from", pa.list_(pa.int32())),
    ]
)
TEXTS_A_GROUP = 2_000


class TokenText(NamedTuple):
    """One text: its tokens with the end-of-document token last, and the character at which each ends."""

    document: str
    form: str
    tokens: Any
    ends: Any
    part_stop: Any
    part_language: Any
    part_from: Any


@dataclass(frozen=True)
class Tokens:
    """All texts of a stream; text i has tokens `bounds[i]:bounds[i+1]` and parts `part_bounds[i]:part_bounds[i+1]`."""

    documents: list[str]
    forms: list[str]
    bounds: np.ndarray
    ids: np.ndarray
    ends: np.ndarray
    part_bounds: np.ndarray
    part_stop: np.ndarray
    part_language: list[str]
    part_from: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text."""
        return np.diff(self.bounds)


def write(path: epath.PathLike, texts: Iterable[TokenText]) -> int:
    """Stores texts in groups, whatever their number; gives the number of tokens."""
    total = 0
    with (
        replacing(path) as neighbour,
        neighbour.open("wb") as stream,
        pq.ParquetWriter(stream, SCHEMA, compression="zstd") as sink,
    ):
        for group in _groups(texts):
            columns = dict(zip(SCHEMA.names, map(list, zip(*group, strict=True)), strict=True))
            sink.write_table(pa.table(columns, schema=SCHEMA))
            total += sum(len(text.tokens) for text in group)
    return total


def _groups(texts: Iterable[TokenText]) -> Iterator[list[TokenText]]:
    group: list[TokenText] = []
    for text in texts:
        group.append(text)
        if len(group) == TEXTS_A_GROUP:
            yield group
            group = []
    if group:
        yield group


def read(paths: list[epath.PathLike]) -> Tokens:
    """The texts of several shards, one after the other."""
    table = pa.concat_tables([read_table(path) for path in paths]).combine_chunks()

    def lists(name: str) -> tuple[np.ndarray, pa.Array]:
        column = table[name].combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        offsets = column.offsets.to_numpy().astype(np.int64)
        return offsets - (offsets[0] if len(offsets) else 0), column.flatten()

    if not table.num_rows:
        empty, zero = np.zeros(0, np.int32), np.zeros(1, np.int64)
        return Tokens([], [], zero, empty, empty, zero, empty, [], empty)
    bounds, ids = lists("tokens")
    _, ends = lists("ends")
    part_bounds, stop = lists("part_stop")
    _, language = lists("part_language")
    _, start = lists("part_from")
    return Tokens(
        table["document"].to_pylist(),
        table["form"].to_pylist(),
        bounds,
        ids.to_numpy(),
        ends.to_numpy(),
        part_bounds,
        stop.to_numpy(),
        language.to_pylist(),
        start.to_numpy(),
    )
