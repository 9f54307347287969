"""From tokenised streams to stored rows: layout, order, ledger, the check against the trial.

In: a recipe, the settings of rows, the tokens of every stream; out: the rows folder. Budgets are exact.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from etils import epath

from jaxmlda.config import Phase, Recipe, Stream
from jaxmlda.config.run import Rows as Settings
from jaxmlda.corpus import Trial
from jaxmlda.errors import UserError
from jaxmlda.progress import bar
from jaxmlda.rows import ledger as ledgers
from jaxmlda.rows import store
from jaxmlda.rows.layout import PACKINGS, Pieces, epoch_budgets, epochs_for, keyed_order, with_budget
from jaxmlda.rows.order import ordered
from jaxmlda.rows.tokens import Tokens
from jaxmlda.storage import digest, keyed


class StreamRows(NamedTuple):
    """The rows of one stream over its epochs."""

    tokens: np.ndarray
    segment_ids: np.ndarray
    epochs: list[int]
    ledger: pa.Table
    real_tokens: int


def lay_out(stream: Stream, tokens: Tokens, settings: Settings, budget: int | None, pad: int) -> StreamRows:
    """All epochs of a stream as rows, each epoch in an order of its own."""
    if budget == 0:
        raise UserError(f"stream {stream.name}: its share of rows.total_tokens is not even one token; give it more")
    available = int(tokens.lengths.sum())
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
    filled, tables, counts, real, begin = [], [], [], 0, 0
    for epoch, left in enumerate(epoch_budgets(budget, epochs, available)):
        order = keyed_order(tokens.documents, settings.seed, stream.name, epoch)
        order, taken = with_budget(tokens.lengths, order, left)
        pieces = PACKINGS[settings.packing](order, taken, settings.sequence_length)
        filled.append(fill(tokens, pieces, settings, pad))
        table = ledgers.table(tokens, pieces, stream.name)
        tables.append(table.set_column(0, "row", pa.array(table["row"].to_numpy() + begin)))
        counts.append(pieces.rows)
        real, begin = real + int(taken.sum()), begin + pieces.rows
    ids, segments = (np.concatenate(arrays) for arrays in zip(*filled, strict=True))
    return StreamRows(ids, segments, counts, pa.concat_tables(tables), real)


def fill(tokens: Tokens, pieces: Pieces, settings: Settings, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and segment ids [rows, length]; segment 0 is padding."""
    shape = (pieces.rows, settings.sequence_length)
    ids, segments = np.full(shape, pad, np.int32), np.zeros(shape, np.int32)
    first = np.searchsorted(pieces.row, pieces.row)
    for number in range(len(pieces.text)):
        row, column = pieces.row[number], pieces.column[number]
        start = tokens.bounds[pieces.text[number]] + pieces.start[number]
        size = pieces.stop[number] - pieces.start[number]
        ids[row, column : column + size] = tokens.ids[start : start + size]
        segment = 1 if settings.attention == "across" else number - first[number] + 1
        segments[row, column : column + size] = segment
    return ids, segments


def budget_of(recipe: Recipe, phase: Phase, stream: Stream, settings: Settings) -> int | None:
    """Tokens of a stream: run's total x phase's share x stream's share; None where the recipe counts epochs."""
    if not recipe.counts_tokens:
        if settings.total_tokens is not None:
            raise UserError(f"recipe {recipe.name} gives epochs: rows.total_tokens must be null")
        return None
    if settings.total_tokens is None:
        raise UserError(f"recipe {recipe.name} gives shares: the run must say rows.total_tokens")
    return round(settings.total_tokens * phase.share * stream.share)


def build(
    folder: epath.PathLike,
    recipe: Recipe,
    settings: Settings,
    tokens: dict[str, Tokens],
    *,
    pad: int,
    trial: Trial,
    transfer: dict[str, bool],
    meta: dict[str, Any],
) -> dict[str, Any]:
    """Lays out every phase, checks the ledger against the trial, writes the rows, and gives their meta data."""
    names = [stream.name for phase in recipe.phases for stream in phase.streams]
    laid: dict[str, StreamRows] = {}
    order = []
    for number, phase in enumerate(recipe.phases):
        for stream in phase.streams:
            budget = budget_of(recipe, phase, stream, settings)
            laid[stream.name] = lay_out(stream, tokens[stream.name], settings, budget, pad)
        first = names.index(phase.streams[0].name)
        # Of the recipe too: under one seed orders of like length begin alike, and recipes would share first rows.
        seed = keyed("passes", digest(recipe.model_dump(mode="json")), settings.seed, number)
        pairs = ordered([laid[stream.name].epochs for stream in phase.streams], seed)
        order.append(pairs + np.array([[first, 0]]))
    places = np.concatenate(order)
    ledger = _in_order([laid[name].ledger for name in names], places)
    ledgers.check(ledger, trial, transfer)
    meta = meta | {
        "sequence_length": settings.sequence_length,
        "attention": settings.attention,
        "rows": len(places),
        "streams": [_stream_meta(stream, laid[stream.name]) for phase in recipe.phases for stream in phase.streams],
        "tokens": sum(laid[name].real_tokens for name in names),
    }
    store.write(folder, _blocks([laid[name] for name in names], places), ledger, places[:, 0], meta)
    return meta


def _stream_meta(stream: Stream, rows: StreamRows) -> dict[str, Any]:
    return {
        "name": stream.name,
        "tokens": rows.real_tokens,
        "rows": sum(rows.epochs),
        "epochs": len(rows.epochs),
        "weight": stream.weight,
        "languages": list(stream.languages),
    }


def _in_order(tables: list[pa.Table], places: np.ndarray) -> pa.Table:
    """One ledger with the rows numbered as they are trained on."""
    moved = []
    for stream, table in enumerate(tables):
        numbers = np.flatnonzero(places[:, 0] == stream)
        new = np.empty(len(numbers), np.int64)
        new[places[numbers, 1]] = numbers
        moved.append(table.set_column(0, "row", pa.array(new[table["row"].to_numpy()])))
    whole = pa.concat_tables(moved)
    stable = np.argsort(whole["row"].to_numpy(), kind="stable")
    return whole.take(pa.array(stable)).combine_chunks()


def _blocks(streams: list[StreamRows], places: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    """Blocks of one shard in training order, with a progress bar in rows."""
    length = streams[0].tokens.shape[1]
    with bar(total=len(places), label="rows", unit="row") as progress:
        for start in range(0, len(places), store.ROWS_A_SHARD):
            block = places[start : start + store.ROWS_A_SHARD]
            ids, segments = (np.zeros((len(block), length), np.int32) for _ in range(2))
            for number, rows in enumerate(streams):
                here = block[:, 0] == number
                ids[here], segments[here] = rows.tokens[block[here, 1]], rows.segment_ids[block[here, 1]]
            yield {"tokens": ids, "segment_ids": segments, "loss_mask": (segments > 0).astype(np.uint8)}
            progress.update(len(block))
