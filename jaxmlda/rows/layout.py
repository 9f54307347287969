"""How a stream's texts become pieces of rows. In: lengths of texts, an order, a budget; out: pieces, nothing lost.

A piece is (text, from_token, to_token, row, column): tokens [from, to) of a text stand in a row from a column on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jaxmlda.storage import keyed


@dataclass(frozen=True)
class Pieces:
    """Parallel int64 arrays, in the order of their rows and columns; `rows` counts the rows."""

    text: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    row: np.ndarray
    column: np.ndarray
    rows: int


def keyed_order(documents: list[str], seed: int, stream: str, epoch: int) -> np.ndarray:
    """The texts of a stream in one epoch, by keyed hash of their document; texts of one document stay together."""
    keys = {document: keyed("order", seed, stream, epoch, document) for document in set(documents)}
    return np.array(sorted(range(len(documents)), key=lambda number: (keys[documents[number]], number)), np.int64)


def with_budget(lengths: np.ndarray, order: np.ndarray, budget: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The texts that a token budget reaches, and how many tokens of each: only the last one is cut."""
    taken = lengths[order]
    if budget is None:
        return order, taken
    ends = np.cumsum(taken)
    count = min(int(np.searchsorted(ends, budget)) + 1, len(order))
    taken = taken[:count].copy()
    taken[-1] -= max(int(ends[count - 1]) - budget, 0)
    return order[:count], taken


def cut(order: np.ndarray, taken: np.ndarray, length: int) -> Pieces:
    """Texts end to end, cut every `length` tokens; the last row may be short."""
    ends = np.cumsum(taken)
    begins = ends - taken
    first, last = begins // length, np.maximum(ends - 1, begins) // length
    counts = last - first + 1
    which = np.repeat(np.arange(len(order)), counts)
    row = first[which] + np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = np.maximum(begins[which], row * length)
    stop = np.minimum(ends[which], (row + 1) * length)
    rows = int(row[-1]) + 1 if len(row) else 0
    return Pieces(order[which], start - begins[which], stop - begins[which], row, start - row * length, rows)


def whole(order: np.ndarray, taken: np.ndarray, length: int) -> Pieces:
    """Whole texts, each into the fullest open row that holds it (best fit); those too long are cut, overlap 0."""
    spans = [
        (text, start, min(start + length, size))
        for text, size in zip(order.tolist(), taken.tolist(), strict=True)
        for start in range(0, size, length)
    ]
    free_rows: list[list[int]] = [[] for _ in range(length + 1)]
    spaces, rows, placed = 0, 0, []
    for text, start, stop in spans:
        need = stop - start
        fitting = spaces >> need
        if fitting:
            space = need + (fitting & -fitting).bit_length() - 1
            row = free_rows[space].pop()
            spaces &= ~(0 if free_rows[space] else 1 << space)
        else:
            space, row, rows = length, rows, rows + 1
        placed.append((text, start, stop, row, length - space))
        if space > need:
            free_rows[space - need].append(row)
            spaces |= 1 << (space - need)
    columns = np.array(placed, np.int64).reshape(-1, 5).T
    by_place = np.lexsort((columns[4], columns[3]))
    return Pieces(*columns[:, by_place], rows)


PACKINGS = {"cut": cut, "whole": whole}


def epochs_for(budget: int, tokens: int) -> int:
    """How often a stream of `tokens` must be begun to fill a budget."""
    return -(-budget // tokens)


def epoch_budgets(budget: int | None, epochs: int, tokens: int) -> Iterator[int | None]:
    """The budget of each epoch: whole epochs first, the rest in the last."""
    for epoch in range(epochs):
        left = None if budget is None else budget - epoch * tokens
        yield None if left is None or left >= tokens else left
