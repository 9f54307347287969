"""How a stream's texts become pieces of rows. In: lengths of texts, an order, a budget; out: pieces, nothing lost.

A piece is (text, from_token, to_token, row, column): tokens [from, to) of a text stand in a row from a column on. With
an opening of 1, the column before a text's first token is kept free for the token that opens the text.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from jaxmlda.storage import keyed

ROWS_A_LOOK, TEXTS_A_LOOK = 1024, 1 << 18


@dataclass(frozen=True)
class Pieces:
    """Parallel integer arrays, in the order of their rows and columns; `rows` counts the rows."""

    text: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    row: np.ndarray
    column: np.ndarray
    rows: int


def spread(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For counts (2, 3): which of them (0 0 1 1 1), and the place within it (0 1 0 1 2)."""
    which = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)


def keyed_order(documents: Iterable[str], seed: int, stream: str, epoch: int) -> np.ndarray:
    """The texts of a stream in one epoch, by keyed hash of their document; texts of one document stay together."""

    def keys() -> Iterator[int]:
        last, key = None, 0
        for document in documents:
            if document != last:
                last, key = document, keyed("order", seed, stream, epoch, document)
            yield key

    return np.argsort(np.fromiter(keys(), np.uint64), kind="stable").astype(np.int64)


def with_budget(lengths: np.ndarray, order: np.ndarray, budget: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The texts that a token budget reaches, and how many tokens of each: only the last one is cut."""
    taken = lengths[order]
    if budget is None:
        return order, taken
    ends = np.cumsum(taken, dtype=np.int64)
    count = min(int(np.searchsorted(ends, budget)) + 1, len(order))
    taken = taken[:count].copy()
    taken[-1] -= max(int(ends[count - 1]) - budget, 0)
    return order[:count], taken


def _row_begins(begins: np.ndarray, total: int, length: int, opening: int) -> np.ndarray:
    """Where rows begin in texts end to end. A row's last column is left free where a text would open in it."""
    if not opening:
        return np.arange(0, total, length)
    found, at = [], 0
    while at < total:
        ahead = np.arange(at, min(at + ROWS_A_LOOK * length, total), length)
        lasts = ahead + length - 1
        places = np.minimum(np.searchsorted(begins, lasts), len(begins) - 1)
        opens = np.flatnonzero(begins[places] == lasts)
        kept = ahead[: opens[0] + 1] if len(opens) else ahead
        found.append(kept)
        at = int(kept[-1]) + length - bool(len(opens))
    return np.concatenate(found)


def cut(order: np.ndarray, taken: np.ndarray, length: int, opening: int = 0) -> Pieces:
    """Texts end to end, cut every `length` tokens; the last row may be short."""
    ends = np.cumsum(taken + opening, dtype=np.int64)
    begins = ends - taken - opening
    total = int(ends[-1]) if len(ends) else 0
    edges = np.append(_row_begins(begins, total, length, opening), total)
    looks = [slice(start, start + TEXTS_A_LOOK) for start in range(0, max(len(order), 1), TEXTS_A_LOOK)]
    found = [_cut_some(order[look], begins[look], ends[look], edges, opening) for look in looks]
    return Pieces(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)), len(edges) - 1)


def _cut_some(
    order: np.ndarray, begins: np.ndarray, ends: np.ndarray, edges: np.ndarray, opening: int
) -> list[np.ndarray]:
    """The pieces of some texts: (text, start, stop, row, column), cut at the edges."""
    first = np.searchsorted(edges, begins, "right") - 1
    which, within = spread(np.searchsorted(edges, ends, "left") - first)
    row = first[which] + within
    # Within the text as it stands in the row; the opening is no token of it.
    start = np.maximum(begins[which], edges[row]) - begins[which]
    stop = np.minimum(ends[which], edges[row + 1]) - begins[which] - opening
    column = begins[which] + start - edges[row]
    opens = opening * (start == 0)
    pieces = (order[which], start - opening + opens, stop, row, column + opens)
    return [array.astype(np.int32) for array in pieces]


def whole(order: np.ndarray, taken: np.ndarray, length: int, opening: int = 0) -> Pieces:
    """Whole texts, each into the fullest open row that holds it (best fit); those too long are cut, overlap 0."""
    sizes = (taken + opening).astype(np.int32)
    which, begin = spread(-(-sizes // length))
    begin *= length
    end = np.minimum(begin + length, sizes[which])
    row, column, rows = _best_fit(end - begin, length)
    opens = opening * (begin == 0)
    by_place = np.lexsort((column, row))
    pieces = (order[which], begin - opening + opens, end - opening, row, column + opens)
    return Pieces(*(array[by_place].astype(np.int32) for array in pieces), rows)


def _best_fit(sizes: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Row and column of each size, placed one after the other, and the number of rows."""
    rows, columns = (np.empty(len(sizes), np.int32) for _ in range(2))
    free_rows: list[list[int]] = [[] for _ in range(length + 1)]
    spaces, used = 0, 0
    for number, need in enumerate(sizes):
        need = int(need)
        fitting = spaces >> need
        if fitting:
            space = need + (fitting & -fitting).bit_length() - 1
            row = free_rows[space].pop()
            spaces &= ~(0 if free_rows[space] else 1 << space)
        else:
            space, row, used = length, used, used + 1
        rows[number], columns[number] = row, length - space
        if space > need:
            free_rows[space - need].append(row)
            spaces |= 1 << (space - need)
    return rows, columns, used


PACKINGS = {"cut": cut, "whole": whole}


def epochs_for(budget: int, tokens: int) -> int:
    """How often a stream of `tokens` must be begun to fill a budget."""
    return -(-budget // tokens)


def epoch_budgets(budget: int | None, epochs: int, tokens: int) -> Iterator[int | None]:
    """The budget of each epoch: whole epochs first, the rest in the last."""
    for epoch in range(epochs):
        left = None if budget is None else budget - epoch * tokens
        yield None if left is None or left >= tokens else left
