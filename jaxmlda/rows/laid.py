"""One stream as rows: laid out epoch by epoch on index arrays, then filled for any of its rows.

In: a stream's tokens, settings, a budget; out: `StreamRows`, whose pieces lie in files, and blocks of rows.
"""

from typing import NamedTuple

import numpy as np
from etils import epath

from jaxmlda.config import Stream
from jaxmlda.config.run import Rows as Settings
from jaxmlda.errors import UserError
from jaxmlda.rows.flat import Flat
from jaxmlda.rows.layout import PACKINGS, Pieces, epoch_budgets, epochs_for, keyed_order, spread, with_budget
from jaxmlda.rows.tokens import Tokens


class StreamRows(NamedTuple):
    """The rows of one stream over its epochs: row r has pieces `bounds[r]:bounds[r + 1]`."""

    name: str
    tokens: Tokens
    pieces: Flat
    bounds: np.ndarray
    epochs: list[int]
    real_tokens: int


class Special(NamedTuple):
    """The tokens that no text has of itself: padding, and what opens a text, None for nothing."""

    pad: int
    opening: int | None


def special(settings: Settings, pad: int, bos: int | None) -> Special:
    """Where attention stays within a text, the text opens with the BOS after which it is also scored."""
    opening = bos if settings.attention == "within" else None
    if opening is not None and settings.sequence_length < 2:
        raise UserError("rows.sequence_length is 1: a row holds a BOS and a token at least where attention is `within`")
    return Special(pad, opening)


def lay_out(
    stream: Stream, tokens: Tokens, settings: Settings, *, budget: int | None, opens: bool, scratch: epath.Path
) -> StreamRows:
    """All epochs of a stream as pieces of rows, each epoch in an order of its own."""
    lengths = tokens.lengths
    epochs = epochs_of(stream, int(lengths.sum()), budget)
    files, counts, begins, rows, real = [], [], [], [], 0
    for epoch, left in enumerate(epoch_budgets(budget, epochs, int(lengths.sum()))):
        order = keyed_order(tokens.names(), settings.seed, stream.name, epoch)
        order, taken = with_budget(lengths, order, left)
        pieces = PACKINGS[settings.packing](order, taken, settings.sequence_length, int(opens))
        begins.append(np.searchsorted(pieces.row, np.arange(pieces.rows)) + sum(counts))
        files.append(scratch / f"{stream.name}-{epoch:04d}.pieces.npy")
        np.save(files[-1], np.stack([pieces.text, pieces.start, pieces.stop, pieces.column], 1).astype(np.int32))
        counts.append(len(pieces.text))
        rows.append(pieces.rows)
        real += int(taken.sum())
    bounds = np.concatenate([*begins, [sum(counts)]])
    return StreamRows(stream.name, tokens, Flat(files, counts, (4,)), bounds, rows, real)


def epochs_of(stream: Stream, available: int, budget: int | None) -> int:
    """How often a stream is begun, or why its budget cannot be met."""
    if budget == 0:
        raise UserError(f"stream {stream.name}: its share of rows.total_tokens is not even one token; give it more")
    if not available:
        raise UserError(
            f"stream {stream.name}: no text (arms {', '.join(stream.arms)}; languages {', '.join(stream.languages)})"
        )
    epochs = epochs_for(budget, available) if budget else stream.epochs
    if budget and epochs > 1 and not stream.repeat:
        raise UserError(
            f"stream {stream.name}: a budget of {budget:,} tokens, but it holds {available:,}; lower "
            "rows.total_tokens, give it a smaller share, or say `repeat: true`"
        )
    return epochs


def pieces_of(rows: StreamRows, numbers: np.ndarray) -> Pieces:
    """The pieces of some rows of a stream, their rows numbered by their place among `numbers`."""
    counts = rows.bounds[numbers + 1] - rows.bounds[numbers]
    row, within = spread(counts)
    text, start, stop, column = rows.pieces.take(rows.bounds[numbers][row] + within).T
    return Pieces(text, start, stop, row, column, len(numbers))


def fill(tokens: Tokens, pieces: Pieces, settings: Settings, tokens_of_none: Special) -> dict[str, np.ndarray]:
    """Rows [rows, length] with their segments, 0 for padding, and the mask of real tokens."""
    shape = (pieces.rows, settings.sequence_length)
    sizes, begin = pieces.stop - pieces.start, pieces.row.astype(np.int64) * settings.sequence_length + pieces.column
    edges = np.zeros(shape[0] * shape[1] + 1, np.int8)
    edges[begin] += 1
    edges[begin + sizes] -= 1
    real = np.cumsum(edges[:-1], dtype=np.int8).view(bool)
    ids, segments = np.full(real.shape, tokens_of_none.pad, np.int32), np.zeros(real.shape, np.int32)
    number = np.ones(len(sizes), np.int32)
    if settings.attention == "within":
        number += np.arange(len(sizes), dtype=np.int32) - np.searchsorted(pieces.row, pieces.row).astype(np.int32)
    # The real places of rows, read row by row, are the tokens of the pieces end to end.
    ids[real] = tokens.ids.runs(tokens.bounds[pieces.text] + pieces.start, sizes)
    segments[real] = np.repeat(number, sizes)
    if tokens_of_none.opening is not None:
        opened = pieces.start == 0
        ids[begin[opened] - 1], segments[begin[opened] - 1] = tokens_of_none.opening, number[opened]
    arrays = {"tokens": ids, "segment_ids": segments, "loss_mask": real.astype(np.uint8)}
    return {name: array.reshape(shape) for name, array in arrays.items()}
