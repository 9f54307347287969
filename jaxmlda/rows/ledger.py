"""The row ledger: which tokens of which document stand in which row, in which language, form and characters.

In: a stream's tokens and pieces; out: a table row, document, language, stream, form, tokens, from_char, to_char,
and the check of that table against the trial.
"""

import numpy as np
import pyarrow as pa

from jaxmlda.corpus import Trial
from jaxmlda.errors import UserError
from jaxmlda.rows.layout import Pieces
from jaxmlda.rows.tokens import Tokens

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


def part_of_tokens(tokens: Tokens) -> np.ndarray:
    """For every token the part (a flat number) in which it ends; the end-of-document token is of the last part."""
    stride = int(tokens.ends.max(initial=0)) + 1
    text_of_part = np.repeat(np.arange(len(tokens.documents)), np.diff(tokens.part_bounds))
    text_of_token = np.repeat(np.arange(len(tokens.documents)), tokens.lengths)
    return np.searchsorted(text_of_part * stride + tokens.part_stop, text_of_token * stride + tokens.ends)


def entries(tokens: Tokens, pieces: Pieces, parts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Runs of tokens of one piece and one part: (piece, part, first token, last token + 1), flat token numbers."""
    sizes = pieces.stop - pieces.start
    which = np.repeat(np.arange(len(sizes)), sizes)
    within = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    flat = tokens.bounds[pieces.text[which]] + pieces.start[which] + within
    part = parts[flat]
    new = np.ones(len(flat), bool)
    new[1:] = (which[1:] != which[:-1]) | (part[1:] != part[:-1])
    begin = np.flatnonzero(new)
    stop = np.append(begin[1:], len(flat))
    return which[begin], part[begin], flat[begin], flat[stop - 1] + 1


def table(tokens: Tokens, pieces: Pieces, stream: str) -> pa.Table:
    """The ledger of one stream in one epoch, rows counted within the stream; characters are the document's, or -1."""
    piece, part, first, last = entries(tokens, pieces, part_of_tokens(tokens))
    text = pieces.text[piece]
    part_start = np.where(part > tokens.part_bounds[text], tokens.part_stop[np.maximum(part - 1, 0)], 0)
    previous = np.where(first > tokens.bounds[text], tokens.ends[np.maximum(first - 1, 0)], 0)
    begin = np.clip(previous, part_start, tokens.part_stop[part]) - part_start
    end = np.clip(tokens.ends[last - 1], part_start, tokens.part_stop[part])
    # A part that the piece goes on after is there to its end, even where its last characters share the next token.
    end[:-1] = np.where(piece[1:] == piece[:-1], tokens.part_stop[part[:-1]], end[:-1])
    end -= part_start
    origin = tokens.part_from[part]
    known = origin >= 0
    columns = {
        "row": pieces.row[piece],
        "document": pa.array(tokens.documents).take(pa.array(text)),
        "language": pa.array(tokens.part_language).take(pa.array(part)),
        "stream": pa.array([stream] * len(piece), pa.string()),
        "form": pa.array(tokens.forms).take(pa.array(text)),
        "tokens": (last - first).astype(np.int32),
        "from_token": (first - tokens.bounds[text]).astype(np.int32),
        "to_token": (last - tokens.bounds[text]).astype(np.int32),
        "from_char": np.where(known, origin + begin, -1).astype(np.int32),
        "to_char": np.where(known, origin + end, -1).astype(np.int32),
    }
    return pa.table(columns, schema=SCHEMA)


def check(ledger: pa.Table, trial: Trial, transfer: dict[str, bool]) -> None:
    """Stops at the first row that trains a document in a language, or by a stream, that its arm does not permit."""
    groups = ledger.group_by(["document", "language", "stream"]).aggregate([("row", "min")])
    breaches = [
        (row, document, language, stream)
        for document, language, stream, row in zip(
            *(groups[name].to_pylist() for name in ("document", "language", "stream", "row_min")), strict=True
        )
        if not trial.permits(document, language, transfer[stream])
    ]
    if breaches:
        row, document, language, stream = min(breaches)
        raise UserError(
            f"the trial is broken by {len(breaches)} entries; first: document {document} (arm {trial.arm(document)}) "
            f"stands in row {row} in {language} by stream {stream}; change the stream's arms or the trial"
        )
