"""Scoring trees: what several sequences share is fed once, each goes on in a branch of its own.

In: strands, token sequences with the places to score and the slot that each score is added to. Out: numpy
trees. A query in a branch sees the trunk (branch 0) and its own branch; positions run on from the trunk
into every branch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from jaxmlda.probe.rules import Scored

MAX_BRANCHES = 64
MAX_TOKENS = 120


@dataclass(frozen=True)
class Strand:
    """Token ids and, for each scored place, the slot of its log-probability."""

    ids: tuple[int, ...]
    places: tuple[int, ...]
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Tree:
    """Tokens as they are fed, and edges: the token at `edge_from` predicts `edge_target`, for `edge_slot`.

    `twins` [2, n]: slots, and the slots whose score they take because their strands are the same.
    """

    tokens: np.ndarray
    positions: np.ndarray
    branches: np.ndarray
    edge_from: np.ndarray
    edge_target: np.ndarray
    edge_slot: np.ndarray
    twins: np.ndarray


def strand(scored: Scored, answer_slot: int, rest_slot: int | None = None) -> Strand:
    """A rule's result with its slots; without a slot for the rest, the rest is neither scored nor fed."""
    rest = scored.rest if rest_slot is not None else ()
    slots = [answer_slot] * len(scored.answer) + [rest_slot] * len(rest)
    return Strand(scored.ids, (*scored.answer, *rest), tuple(slots))


def build(strands: Sequence[Strand]) -> Tree | None:
    """Join strands into one tree; None if nothing in them is scored.

    Trunk length `p = min(longest common prefix, first scored place)` over the strands: the first edge of a
    branch hangs off the last trunk token, so that an option of one token feeds nothing. Strands that are the
    same are fed once: a tie stays a tie, whatever a device's rounding.
    """
    scored, twins = _distinct([s for s in strands if s.places])
    if not scored:
        return None
    trunk = _trunk(scored)
    tokens, positions = list(scored[0].ids[:trunk]), list(range(trunk))
    branches = [0] * trunk
    edges: list[tuple[int, int, int]] = []
    for number, one in enumerate(scored, start=1):
        start = len(tokens)
        fed = one.ids[trunk : max(one.places)]
        tokens.extend(fed)
        positions.extend(range(trunk, trunk + len(fed)))
        branches.extend([number] * len(fed))
        for place, slot in zip(one.places, one.slots, strict=True):
            before = place - 1
            edges.append((before if before < trunk else start + before - trunk, one.ids[place], slot))
    columns = np.array(edges, np.int32).T
    return Tree(*(np.array(x, np.int32) for x in (tokens, positions, branches)), *columns, twins)


def _distinct(strands: Sequence[Strand]) -> tuple[list[Strand], np.ndarray]:
    first: dict[tuple, Strand] = {}
    twins: dict[int, int] = {}
    for one in strands:
        same = first.setdefault((one.ids, one.places, tuple(slot == one.slots[0] for slot in one.slots)), one)
        if same is not one:
            twins |= zip(one.slots, same.slots, strict=True)
    return list(first.values()), np.array(list(twins.items()), np.int64).reshape(-1, 2).T


def bundle(strands: Iterable[Strand]) -> Iterator[Tree]:
    """Trees of many short strands that begin alike (options after one neutral prompt), of bounded size."""
    held: list[Strand] = []
    size = 0
    for one in strands:
        if held and (len(held) == MAX_BRANCHES or size + len(one.ids) > MAX_TOKENS):
            yield from filter(None, [build(held)])
            held, size = [], 0
        held.append(one)
        size += len(one.ids) - 1
    yield from filter(None, [build(held)])


def _trunk(strands: Sequence[Strand]) -> int:
    limit = min(min(s.places) for s in strands)
    first = strands[0].ids
    for i in range(limit):
        if any(s.ids[i] != first[i] for s in strands):
            return i
    return limit
