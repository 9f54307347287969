"""Options that give nothing away. In: the answers of a set of questions, kind by kind. Out: for each question
the positions of three other answers of the set that serve as its distractors.

Answers of a kind are dealt into blocks without repetition. In a block of m answers laid out in a circle, the
question at place p gets the places p + 0, 1, 4, 6 (mod m): all differences are distinct, so each answer is a
distractor exactly three times per time it is the gold, and from m = 13 on two answers meet once at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from jaxmlda.errors import UserError

OPTIONS = 4
BLOCK = 13
LAYOUTS = 60
RATIO = 1.33


@dataclass(frozen=True)
class Item:
    """One question as the design sees it: its answer, the answer's lengths, what its document names."""

    answer: str
    lengths: tuple[int, ...]
    named: frozenset[str]


def offsets(size: int) -> tuple[int, int, int, int]:
    """The places of a question's options in a circle of this size, the gold first."""
    if size >= 7:
        return (0, 1, 4, 6)
    return (0, 1, 2, 4) if size > OPTIONS else (0, 1, 2, 3)


def too_frequent(answers: Sequence[str]) -> str | None:
    """An answer that keeps these from being dealt into blocks of at least four different ones, or None."""
    answer, most = Counter(answers).most_common(1)[0]
    return answer if most > len(answers) // OPTIONS else None


def deal(answers: Sequence[str], rng: Random) -> list[list[int]]:
    """Blocks of positions, about BLOCK long, in which no answer occurs twice."""
    counts = Counter(answers)
    blocks = max(len(answers) // BLOCK, *counts.values())
    place = list(counts)
    rng.shuffle(place)
    rank = {answer: r for r, answer in enumerate(place)}
    order = sorted(range(len(answers)), key=lambda q: (rank[answers[q]], q))
    return [order[b::blocks] for b in range(blocks)]


class Designer:
    """Lays blocks out so that a distractor is never named in the document, is about as long as the gold, and
    the longest and the shortest option are the gold as often as chance says, summed over all blocks."""

    def __init__(self, languages: int, rng: Random) -> None:
        self.rng = rng
        self.surplus = [0.0] * (2 * languages)

    def lay_out(self, items: Sequence[Item]) -> dict[int, list[int]]:
        """For each position in the block, its three distractors, from the best of LAYOUTS random circles."""
        best, best_cost = None, None
        for _ in range(LAYOUTS):
            circle = list(range(len(items)))
            self.rng.shuffle(circle)
            chosen = self._read(circle)
            surplus, misfits = self._weigh(items, chosen)
            cost = (misfits[0], misfits[1], sum(s * s for s in surplus))
            if best_cost is None or cost < best_cost:
                best, best_cost, best_surplus = chosen, cost, surplus
        if best_cost[0]:
            raise UserError(
                "The answers of these documents name one another in every layout tried: allow more documents "
                "or ask for more questions."
            )
        self.surplus = best_surplus
        return best

    @staticmethod
    def _read(circle: list[int]) -> dict[int, list[int]]:
        size = len(circle)
        return {circle[p]: [circle[(p + o) % size] for o in offsets(size)[1:]] for p in range(size)}

    def _weigh(self, items: Sequence[Item], chosen: dict[int, list[int]]) -> tuple[list[float], tuple[int, int]]:
        surplus, named, unlike = list(self.surplus), 0, 0
        for q, others in chosen.items():
            gold = items[q]
            for lang, length in enumerate(gold.lengths):
                rivals = [items[o].lengths[lang] for o in others]
                unlike += sum(not length / RATIO <= r <= length * RATIO for r in rivals)
                surplus[2 * lang] += extreme_share(length, rivals) - 1 / OPTIONS
                surplus[2 * lang + 1] += extreme_share(-length, [-r for r in rivals]) - 1 / OPTIONS
            named += sum(items[o].answer in gold.named for o in others)
        return surplus, (named, unlike)


def extreme_share(gold: int, rivals: Sequence[int]) -> float:
    """What picking the largest earns: 1 over the number tied with the gold, 0 where a rival is larger."""
    return 0.0 if max(rivals) > gold else 1 / (1 + sum(r == gold for r in rivals))
