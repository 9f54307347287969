"""Packing: whole trees into rows of one length, rows into batches of one shape.

In: the trees of several groups (question sets) that one compiled function shall score. Out: a `Plan` for
each group, all with batches of the same shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxmlda.errors import UserError
from jaxmlda.probe.trees import Tree

SHORTEST_ROW = 128
TOKENS_PER_BATCH = 8192
EDGE_MULTIPLE = 128


@dataclass(frozen=True)
class Shape:
    """What every batch has in common: rows, their length, room for edges."""

    rows: int
    length: int
    edges: int


@dataclass(frozen=True)
class Batch:
    """Rows [B, R]: `segments` number the trees of a row from 1, 0 is padding. Edges [E], of which `n_edges`
    are real: the token at (`edge_row`, `edge_col`) predicts `edge_target`; padding edges go to the plan's
    spare slot.
    """

    tokens: np.ndarray
    positions: np.ndarray
    segments: np.ndarray
    branches: np.ndarray
    edge_row: np.ndarray
    edge_col: np.ndarray
    edge_target: np.ndarray
    edge_slot: np.ndarray
    n_edges: np.ndarray


@dataclass(frozen=True)
class Plan:
    """Batches of one group; slot `n_slots` is the spare one. `n_tokens` counts tokens that are fed, no
    padding. `twins` are those of its trees.
    """

    shape: Shape
    batches: tuple[Batch, ...]
    n_slots: int
    n_tokens: int
    twins: np.ndarray


def pack(
    groups: Mapping[str, Sequence[Tree]],
    n_slots: Mapping[str, int],
    *,
    vocab_size: int,
    row_length: int | None = None,
    rows_per_batch: int | None = None,
    rows_multiple: int = 1,
) -> dict[str, Plan]:
    """Pack each group by first-fit-decreasing (Johnson 1973) and give all of them one shape.

    Row length: the smallest of 128, 256, 512 ... that holds the largest tree. Rows in
    a batch: about 8,192 tokens, no more than the largest group fills, a multiple of `rows_multiple` (the
    devices that share a batch).
    """
    trees = [tree for group in groups.values() for tree in group]
    _check_ids(trees, vocab_size)
    length = row_length or _row_length(trees)
    rows = {name: fill(group, length) for name, group in groups.items()}
    per_batch = rows_per_batch or min(max(TOKENS_PER_BATCH // length, 1), max(len(r) for r in rows.values()))
    per_batch = -(-max(per_batch, 1) // rows_multiple) * rows_multiple
    batches = {name: [r[i : i + per_batch] for i in range(0, len(r), per_batch)] for name, r in rows.items()}
    edges = {name: [sum(len(tree.edge_from) for row in b for tree in row) for b in of] for name, of in batches.items()}
    most = max((n for counts in edges.values() for n in counts), default=1)
    shape = Shape(per_batch, length, -(-most // EDGE_MULTIPLE) * EDGE_MULTIPLE)
    return {
        name: Plan(
            shape,
            tuple(_batch(rows_of, shape, n_slots[name]) for rows_of in batches[name]),
            n_slots[name],
            sum(len(tree.tokens) for tree in groups[name]),
            np.concatenate([np.zeros((2, 0), np.int64), *(tree.twins for tree in groups[name])], axis=1),
        )
        for name in groups
    }


def fill(trees: Sequence[Tree], length: int) -> list[list[Tree]]:
    """Rows of trees: the largest first, each into the first row with room."""
    sizes = np.array([len(tree.tokens) for tree in trees], int)
    if sizes.size and sizes.max() > length:
        raise UserError(f"A question needs {sizes.max()} tokens, rows hold {length}; choose longer rows for the probe.")
    rows: list[list[Tree]] = []
    room = np.full(len(trees), length)
    for index in np.argsort(-sizes, kind="stable"):
        place = int(np.argmax(room >= sizes[index]))
        if place == len(rows):
            rows.append([])
        rows[place].append(trees[index])
        room[place] -= sizes[index]
    return rows


def _row_length(trees: Sequence[Tree]) -> int:
    largest = max((len(tree.tokens) for tree in trees), default=1)
    length = SHORTEST_ROW
    while length < largest:
        length *= 2
    return length


def _check_ids(trees: Sequence[Tree], vocab_size: int) -> None:
    # An id outside the embedding table gathers NaN or another token's row without any complaint.
    highest = max((int(max(t.tokens.max(initial=0), t.edge_target.max(initial=0))) for t in trees), default=0)
    if highest >= vocab_size:
        raise UserError(
            f"The tokenizer gave id {highest}, the model knows {vocab_size} (0 to {vocab_size - 1}); "
            "tokenizer and weights do not belong together, check vocabulary and model."
        )


def _batch(rows: Sequence[Sequence[Tree]], shape: Shape, spare_slot: int) -> Batch:
    grids = {name: np.zeros((shape.rows, shape.length), np.int32) for name in ("tokens", "positions", "branches")}
    segments = np.zeros((shape.rows, shape.length), np.int32)
    edges = np.zeros((4, shape.edges), np.int32)
    edges[3] = spare_slot
    done = 0
    for r, row in enumerate(rows):
        column = 0
        for number, tree in enumerate(row, start=1):
            here, count = slice(column, column + len(tree.tokens)), len(tree.edge_from)
            for name, grid in grids.items():
                grid[r, here] = getattr(tree, name)
            segments[r, here] = number
            edges[:, done : done + count] = _edges(tree, r, column)
            column, done = here.stop, done + count
    return Batch(
        **grids,
        segments=segments,
        **dict(zip(("edge_row", "edge_col", "edge_target", "edge_slot"), edges, strict=True)),
        n_edges=np.int32(done),
    )


def _edges(tree: Tree, row: int, column: int) -> np.ndarray:
    rows = np.full(len(tree.edge_from), row, np.int32)
    return np.stack([rows, tree.edge_from + column, tree.edge_target, tree.edge_slot])
