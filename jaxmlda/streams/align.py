"""Which sentences of two texts translate one another. In: the lengths of the sentences of both texts; out: beads.

Gale and Church (1993), "A program for aligning sentences in bilingual corpora", Computational Linguistics 19(1),
searched in a band around the diagonal, so that memory and work grow with the length of the texts and not its square.
"""

import bisect
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

# Probabilities of the beads and the variance per character, as in the paper (tables 5 and section 3.1).
PRIORS = {(1, 1): 0.89, (1, 0): 0.00495, (0, 1): 0.00495, (2, 1): 0.0445, (1, 2): 0.0445, (2, 2): 0.011}
# Of two rows of beads that cost the same, the one whose last bead comes first here is taken.
BEADS = tuple(sorted(PRIORS))
VARIANCE = 6.8
# Sentences of the target looked at on each side of the diagonal.
BAND = 100
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
    """The cheapest row of beads that covers both texts in order; ratio = characters of target per one of source.

    After each source sentence only BAND target sentences on each side of the place at the same share of the text's
    characters are looked at. With at most BAND target sentences these are all; in a longer text, beads that stray
    further from the diagonal (a passage of more than BAND sentences that one text lacks) are not found. Memory: a byte
    for each of the (2 × BAND + 1) × (source sentences + 1) + target sentences cells at most.
    """
    ahead, behind = ([0, *itertools.accumulate(lengths)] for lengths in (source, target))
    if not ahead[-1] or not behind[-1]:
        return []
    windows = _windows(ahead, behind)
    chosen: list[bytearray] = []
    costs: list[list[float]] = []
    for i in range(len(ahead)):
        row, beads = _row(i, ahead, behind, windows, costs)
        chosen.append(beads)
        # No bead has more than two source sentences.
        costs = [row, *costs[:1]]
    found, i, j = [], len(source), len(target)
    while i or j:
        a, b = BEADS[chosen[i][j - windows[i][0]]]
        found.append(Bead((i - a, i), (j - b, j)))
        i, j = i - a, j - b
    return found[::-1]


def _windows(ahead: list[int], behind: list[int]) -> list[Span]:
    """For each number of source sentences the first and the last number of target sentences that is looked at.

    Each window reaches as far as the band around the next place, so that the two meet however long a sentence is.
    """
    last = len(behind) - 1
    places = [bisect.bisect_left(behind, length * behind[-1] // ahead[-1]) for length in ahead[:-1]]
    places += [last, last]
    return [(max(0, here - BAND), min(last, after + BAND)) for here, after in itertools.pairwise(places)]


def _row(
    i: int, ahead: list[int], behind: list[int], windows: list[Span], costs: list[list[float]]
) -> tuple[list[float], bytearray]:
    """The cheapest cost of i source sentences with each number of target sentences, and the number of its last bead.

    `costs` holds the two rows before, the nearest first.
    """
    ratio = behind[-1] / ahead[-1]
    low, high = windows[i]
    row: list[float] = []
    beads = bytearray()
    rows = [row, *costs]
    before = [
        (number, a, b, rows[a], windows[i - a][0], ahead[i] - ahead[i - a])
        for number, (a, b) in enumerate(BEADS)
        if a <= i
    ]
    for j in range(low, high + 1):
        found = [
            (held[j - b - first] + cost(length, behind[j] - behind[j - b], ratio, PRIORS[a, b]), number)
            for number, a, b, held, first, length in before
            if 0 <= j - b - first < len(held)
        ]
        # Only the beginning of both texts has nothing before it.
        best, bead = min(found, default=(0.0, 0))
        row.append(best)
        beads.append(bead)
    return row, beads
