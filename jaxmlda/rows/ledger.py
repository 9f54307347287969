"""The row ledger: which tokens of which document stand in which row, in which language, form and characters.

In: a stream's tokens and pieces; out: a table row, document, language, stream, form, tokens, from_char, to_char,
and the check of that table against the trial.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from jaxmlda.config import LANGUAGES
from jaxmlda.corpus import Trial
from jaxmlda.errors import UserError
from jaxmlda.rows.layout import Pieces, spread
from jaxmlda.rows.tokens import FROM, LANGUAGE, STOP, TOKENS, Tokens

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("document", pa.string()),
        ("language", pa.string()),
        ("stream", pa.string()),
        ("form", pa.string()),
        ("tokens", pa.int32()),
        ("from_token", pa.int32()),
        ("to_token", pa.int32()),
        ("from_char", pa.int32()),
        ("to_char", pa.int32()),
    ]
)


class Entries(NamedTuple):
    """Runs of tokens of one piece and one part: tokens [first, last) of a text, both its own numbers."""

    piece: np.ndarray
    text: np.ndarray
    part: np.ndarray
    first: np.ndarray
    last: np.ndarray


def entries(tokens: Tokens, pieces: Pieces) -> tuple[Entries, np.ndarray]:
    """Entries in the order of their pieces, and the stored part of each."""
    piece, within = spread(np.diff(tokens.part_bounds)[pieces.text])
    text = pieces.text[piece]
    part = tokens.part_bounds[text] + within
    stored = tokens.parts.take(part)
    before = np.where(within > 0, np.append(0, stored[:-1, TOKENS]), 0)
    first = np.maximum(before, pieces.start[piece])
    last = np.minimum(stored[:, TOKENS], pieces.stop[piece])
    there = np.flatnonzero(first < last)
    return Entries(*(array[there] for array in (piece, text, part, first, last))), stored[there]


def characters(tokens: Tokens, found: Entries, stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The characters [begin, end) of the document's text that stand in each entry, -1 where it is none of that text."""
    inner = found.part > tokens.part_bounds[found.text]
    part_start = np.zeros(len(found.part), np.int64)
    part_start[inner] = tokens.parts.take(found.part[inner] - 1)[:, STOP]
    origin = tokens.bounds[found.text]
    previous = np.zeros(len(found.part), np.int64)
    previous[found.first > 0] = tokens.ends.take((origin + found.first - 1)[found.first > 0])
    begin = np.clip(previous, part_start, stored[:, STOP])
    end = np.clip(tokens.ends.take(origin + found.last - 1), part_start, stored[:, STOP])
    # A part that the piece goes on after is there to its end, even where its last characters share the next token.
    goes_on = found.piece[1:] == found.piece[:-1]
    end[:-1][goes_on] = stored[:-1, STOP][goes_on]
    place = stored[:, FROM] - part_start
    known = stored[:, FROM] >= 0
    return np.where(known, place + begin, -1), np.where(known, place + end, -1)


def table(tokens: Tokens, pieces: Pieces, stream: str) -> pa.Table:
    """The ledger of some pieces of one stream; characters are the document's, or -1."""
    found, stored = entries(tokens, pieces)
    begin, end = characters(tokens, found, stored)
    languages = pa.DictionaryArray.from_arrays(stored[:, LANGUAGE].astype(np.int32), list(LANGUAGES))
    texts, which = np.unique(found.text, return_inverse=True)

    def named(column: pa.ChunkedArray) -> pa.Array:
        return column.take(pa.array(texts)).cast(pa.string()).combine_chunks().take(pa.array(which))

    columns = {
        "row": pieces.row[found.piece],
        "document": named(tokens.documents),
        "language": languages.cast(pa.string()),
        "stream": pa.repeat(pa.scalar(stream, pa.string()), len(which)),
        "form": named(tokens.forms),
        "tokens": found.last - found.first,
        "from_token": found.first,
        "to_token": found.last,
        "from_char": begin,
        "to_char": end,
    }
    return pa.table({name: _column(values, SCHEMA.field(name).type) for name, values in columns.items()}, SCHEMA)


def _column(values: np.ndarray | pa.Array, kind: pa.DataType) -> pa.Array:
    return pa.array(values.astype(kind.to_pandas_dtype())) if isinstance(values, np.ndarray) else values


Breach = tuple[int, str, str, str]


def breaches(ledger: pa.Table, trial: Trial, transfer: dict[str, bool]) -> list[Breach]:
    """What the trial does not permit: (first row, document, language, stream)."""
    groups = ledger.group_by(["document", "language", "stream"]).aggregate([("row", "min")])
    names = ("row_min", "document", "language", "stream")
    return [
        (row, document, language, stream)
        for row, document, language, stream in zip(*(groups[name].to_pylist() for name in names), strict=True)
        if not trial.permits(document, language, transfer[stream])
    ]


def check(found: list[Breach], trial: Trial) -> None:
    """Stops at the first row that trains a document in a language, or by a stream, that its arm does not permit."""
    if found:
        row, document, language, stream = min(found)
        count = len({breach[1:] for breach in found})
        raise UserError(
            f"the trial is broken by {count} entries; first: document {document} (arm {trial.arm(document)}) "
            f"stands in row {row} in {language} by stream {stream}; change the stream's arms or the trial"
        )
