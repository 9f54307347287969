"""A stream's texts as tokens: flat arrays that know their documents, forms, parts and characters.

In: blocks of tokenised texts (from the SeqIO Tasks), stored in shards: flat .npy arrays, and a table of the texts that
is written last. Out: `Tokens` for layout and ledger, of which only the table is in memory.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from etils import epath

from jaxmlda.config import LANGUAGES
from jaxmlda.rows.flat import Flat, Growing
from jaxmlda.storage import read_table, replacing

SCHEMA = pa.schema(
    [("document", pa.large_string()), ("form", pa.large_string()), ("tokens", pa.int32()), ("parts", pa.int32())]
)
ARRAYS: dict[str, tuple[int, ...]] = {"ids": (), "ends": (), "parts": (4,)}
STOP, LANGUAGE, FROM, TOKENS = range(4)
NAMES_A_LOOK = 1 << 16


class Block(NamedTuple):
    """Many texts: for each its document, form, number of tokens (end-of-document included) and of parts; all else flat.

    A token has its id and the character of its text at which it ends; a part the character at which it ends, its
    language, and its place in the document, -1 for none.
    """

    documents: Sequence[str]
    forms: Sequence[str]
    tokens: np.ndarray
    ids: np.ndarray
    ends: np.ndarray
    parts: np.ndarray
    part_stop: np.ndarray
    part_language: Sequence[str]
    part_from: np.ndarray


@dataclass(frozen=True)
class Tokens:
    """All texts of a stream; text i has tokens `bounds[i]:bounds[i+1]` and parts `part_bounds[i]:part_bounds[i+1]`.

    A part is (character at which it ends, language, place in the document, tokens of the text up to its end).
    """

    documents: pa.ChunkedArray
    forms: pa.ChunkedArray
    bounds: np.ndarray
    part_bounds: np.ndarray
    ids: Flat
    ends: Flat
    parts: Flat

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text."""
        return np.diff(self.bounds)

    def names(self) -> Iterator[str]:
        """The document of each text; few names are in memory at a time."""
        for start in range(0, len(self.documents), NAMES_A_LOOK):
            yield from self.documents.slice(start, NAMES_A_LOOK).to_pylist()


def part_tokens(block: Block) -> np.ndarray:
    """For every part the tokens of its text that end in it or before; a token belongs to the part in which it ends."""
    stride = int(block.ends.max(initial=0)) + 1
    numbers = np.arange(len(block.tokens))
    text_of_part, text_of_token = np.repeat(numbers, block.parts), np.repeat(numbers, block.tokens)
    token_keys = text_of_token * stride + block.ends
    up_to = np.searchsorted(token_keys, text_of_part * stride + block.part_stop, "right")
    before = np.cumsum(block.tokens) - block.tokens
    return up_to - before[text_of_part]


def arrays_of(block: Block) -> dict[str, np.ndarray]:
    """The flat arrays of a block as they are stored."""
    languages = np.array([LANGUAGES.index(language) for language in block.part_language], np.int64)
    parts = np.stack([block.part_stop, languages, block.part_from, part_tokens(block)], axis=1)
    return {"ids": block.ids, "ends": block.ends, "parts": parts}


def table_of(block: Block) -> pa.Table:
    """What is kept of each text."""
    columns = (block.documents, block.forms, block.tokens, block.parts)
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA)


def array_path(path: epath.PathLike, name: str) -> epath.Path:
    """The file of a flat array beside the table of its texts."""
    return epath.Path(path).with_suffix(f".{name}.npy")


def write(path: epath.PathLike, blocks: Iterable[Block]) -> int:
    """Stores a shard block by block, its table at `path` last of all; gives the number of tokens."""
    with contextlib.ExitStack() as stack:
        neighbour = stack.enter_context(replacing(path))
        table = stack.enter_context(pq.ParquetWriter(stack.enter_context(neighbour.open("wb")), SCHEMA))
        sinks = {}
        for name, width in ARRAYS.items():
            file = stack.enter_context(replacing(array_path(path, name)))
            sinks[name] = Growing(stack.enter_context(file.open("wb")), width)
        for block in blocks:
            table.write_table(table_of(block))
            for name, array in arrays_of(block).items():
                sinks[name].add(array)
        for sink in sinks.values():
            sink.close()
    return sinks["ids"].rows


def read(paths: list[epath.PathLike]) -> Tokens:
    """The texts of several shards, one after the other."""
    tables = [read_table(path) for path in paths]
    return joined(tables, [{name: array_path(path, name) for name in ARRAYS} for path in paths])


def joined(tables: list[pa.Table], arrays: list[dict[str, epath.PathLike | np.ndarray]]) -> Tokens:
    """Texts with their flat arrays, which may be files or in memory."""
    table = pa.concat_tables(tables)

    def bounds(name: str) -> np.ndarray:
        return np.append(0, np.cumsum(table[name].to_numpy(), dtype=np.int64))

    def flat(name: str, counted: str) -> Flat:
        lengths = [int(one[counted].to_numpy().sum()) for one in tables]
        return Flat([one[name] for one in arrays], lengths, ARRAYS[name])

    return Tokens(
        table["document"],
        table["form"].dictionary_encode(),
        bounds("tokens"),
        bounds("parts"),
        flat("ids", "tokens"),
        flat("ends", "tokens"),
        flat("parts", "parts"),
    )
