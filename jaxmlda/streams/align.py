"""Which sentences of two texts translate one another. In: the lengths of the sentences of both texts; out: beads.

Gale and Church (1993), "A program for aligning sentences in bilingual corpora", Computational Linguistics 19(1).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

# Probabilities of the beads and the variance per character, as in the paper (tables 5 and section 3.1).
PRIORS = {(1, 1): 0.89, (1, 0): 0.00495, (0, 1): 0.00495, (2, 1): 0.0445, (1, 2): 0.0445, (2, 2): 0.011}
VARIANCE = 6.8
Span = tuple[int, int]


class Bead(NamedTuple):
    """Sentences [source) and [target) that translate one another; one of the two may be empty."""

    source: Span
    target: Span

    @property
    def aligned(self) -> bool:
        """Whether there are sentences on both sides."""
        return self.source[0] < self.source[1] and self.target[0] < self.target[1]


def cost(source: int, target: int, ratio: float, prior: float) -> float:
    """-log(prior × P(|δ|)), δ = (target - ratio × source) / √(VARIANCE × mean length)."""
    mean = (source + target / ratio) / 2
    delta = abs(target - ratio * source) / math.sqrt(VARIANCE * mean) if mean else 0.0
    # 2(1 - Φ(|δ|)); far out it is zero in floating point, and its logarithm is taken from the tail's own form.
    tail = math.erfc(delta / math.sqrt(2))
    told = math.log(tail) if tail > 0 else -delta * delta / 2 - math.log(delta * math.sqrt(math.pi / 2))
    return -told - math.log(prior)


def align(source: Sequence[int], target: Sequence[int]) -> list[Bead]:
    """The cheapest row of beads that covers both texts in order; ratio = characters of target per one of source."""
    total = sum(source)
    if not total or not sum(target):
        return []
    ratio = sum(target) / total
    ahead, behind = ([0, *_sums(lengths)] for lengths in (source, target))
    best: dict[Span, tuple[float, Span]] = {(0, 0): (0.0, (0, 0))}
    for i in range(len(source) + 1):
        for j in range(len(target) + 1):
            found = [
                (
                    best[i - a, j - b][0]
                    + cost(ahead[i] - ahead[i - a], behind[j] - behind[j - b], ratio, PRIORS[a, b]),
                    (a, b),
                )
                for a, b in PRIORS
                if a <= i and b <= j
            ]
            if found:
                best[i, j] = min(found)
    beads, i, j = [], len(source), len(target)
    while i or j:
        a, b = best[i, j][1]
        beads.append(Bead((i - a, i), (j - b, j)))
        i, j = i - a, j - b
    return beads[::-1]


def _sums(lengths: Sequence[int]) -> list[int]:
    sums, total = [], 0
    for length in lengths:
        total += length
        sums.append(total)
    return sums
