"""From tokenised streams to stored rows: layout, order, ledger, the check against the trial.

In: a recipe, the settings of rows, the tokens of every stream; out: the rows folder. Budgets are exact. Rows and ledger
are made a shard of rows at a time, so memory does not grow with the tokens.
"""

import tempfile
from collections.abc import Iterator
from typing import Any

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
from jaxmlda.rows.laid import Special, StreamRows, fill, lay_out, pieces_of, special
from jaxmlda.rows.layout import Pieces
from jaxmlda.rows.order import ordered
from jaxmlda.rows.tokens import Tokens
from jaxmlda.storage import keyed


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
    bos: int | None,
    trial: Trial,
    transfer: dict[str, bool],
    meta: dict[str, Any],
    scratch: epath.PathLike | None = None,
) -> dict[str, Any]:
    """Lays out every phase, checks the ledger against the trial, writes the rows, and gives their meta data.

    `scratch` is a local folder for what lies on disk meanwhile; None takes the system's.
    """
    given = special(settings, pad, bos)
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        laid = [
            lay_out(
                stream,
                tokens[stream.name],
                settings,
                budget=budget_of(recipe, phase, stream, settings),
                opens=given.opening is not None,
                scratch=epath.Path(place),
            )
            for phase in recipe.phases
            for stream in phase.streams
        ]
        places = order_of(recipe, settings, laid)
        meta = meta | {
            "sequence_length": settings.sequence_length,
            "attention": settings.attention,
            "opening": given.opening,
            "rows": len(places),
            "streams": [_stream_meta(stream, rows) for stream, rows in zip(recipe.streams, laid, strict=True)],
            "tokens": sum(rows.real_tokens for rows in laid),
        }
        ledger = checked(_ledger_blocks(laid, places), trial, transfer)
        store.write(folder, _row_blocks(laid, places, settings, given), ledger, places[:, 0], meta)
    return meta


def order_of(recipe: Recipe, settings: Settings, laid: list[StreamRows]) -> np.ndarray:
    """The rows in training order, phase by phase, as pairs (stream, row of the stream)."""
    order, first = [], 0
    for number, phase in enumerate(recipe.phases):
        # Of the recipe too: under one seed orders of like length begin alike, and recipes would share first rows.
        seed = keyed("passes", recipe.identity(), settings.seed, number)
        epochs = [rows.epochs for rows in laid[first : first + len(phase.streams)]]
        order.append(ordered(epochs, seed, whole=not recipe.counts_tokens) + np.array([[first, 0]]))
        first += len(phase.streams)
    return np.concatenate(order)


def _stream_meta(stream: Stream, rows: StreamRows) -> dict[str, Any]:
    return {
        "name": stream.name,
        "tokens": rows.real_tokens,
        "rows": sum(rows.epochs),
        "epochs": len(rows.epochs),
        "weight": stream.weight,
        "languages": list(stream.languages),
    }


def _in_blocks(laid: list[StreamRows], places: np.ndarray, label: str) -> Iterator[tuple[np.ndarray, list]]:
    """Blocks of one shard in training order: their numbers, and (stream, which of them, its pieces) of every stream."""
    with bar(total=len(places), label=label, unit="row") as progress:
        for start in range(0, len(places), store.ROWS_A_SHARD):
            block = places[start : start + store.ROWS_A_SHARD]
            found = []
            for number, rows in enumerate(laid):
                which = np.flatnonzero(block[:, 0] == number)
                if len(which):
                    found.append((rows, which, pieces_of(rows, block[which, 1])))
            yield np.arange(start, start + len(block)), found
            progress.update(len(block))


def _ledger_blocks(laid: list[StreamRows], places: np.ndarray) -> Iterator[pa.Table]:
    for numbers, streams in _in_blocks(laid, places, "ledger"):
        tables = []
        for rows, which, pieces in streams:
            numbered = Pieces(
                pieces.text, pieces.start, pieces.stop, numbers[which][pieces.row], pieces.column, pieces.rows
            )
            tables.append(ledgers.table(rows.tokens, numbered, rows.name))
        whole = pa.concat_tables(tables)
        stable = np.argsort(whole["row"].to_numpy(), kind="stable")
        yield whole.take(pa.array(stable)).combine_chunks()


def checked(ledger: Iterator[pa.Table], trial: Trial, transfer: dict[str, bool]) -> Iterator[pa.Table]:
    """The same ledger; where it ends, whatever breaks the trial stops the work."""
    found = []
    for table in ledger:
        found += ledgers.breaches(table, trial, transfer)
        yield table
    ledgers.check(found, trial)


def _row_blocks(
    laid: list[StreamRows], places: np.ndarray, settings: Settings, given: Special
) -> Iterator[dict[str, np.ndarray]]:
    for numbers, streams in _in_blocks(laid, places, "rows"):
        shape = (len(numbers), settings.sequence_length)
        block = {name: np.zeros(shape, dtype) for name, dtype in store.ARRAYS.items()}
        for rows, which, pieces in streams:
            for name, array in fill(rows.tokens, pieces, settings, given).items():
                block[name][which] = array
        yield block
