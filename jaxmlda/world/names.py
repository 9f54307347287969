"""Names of entities. In: the roots and patterns of a domain. Out: for a kind, a seed and an ordinal, the
English and the Japanese name. Every name is computed by itself, so a world of any size needs no table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from jaxmlda.storage import keyed

SPACES = ("target", "general")
Slot = tuple[tuple[str, str], ...]


class Shuffle:
    """A keyed permutation of 0..size-1: three rounds of x -> (a x + b) mod size, each followed by the
    transposition of the largest square (x = q r + s becomes s r + q), so near ordinals get unlike names."""

    def __init__(self, size: int, *key: object) -> None:
        self.size, self.side = size, math.isqrt(size)
        self.rounds = [(self._unit(*key, n), keyed(*key, n, "shift") % size) for n in range(3)]

    def _unit(self, *key: object) -> int:
        unit = keyed(*key, "unit") % self.size | 1
        while math.gcd(unit, self.size) != 1:
            unit += 2
        return unit

    def __call__(self, x: int) -> int:
        for a, b in self.rounds:
            x = (a * x + b) % self.size
            if x < self.side * self.side:
                q, s = divmod(x, self.side)
                x = s * self.side + q
        return x


@dataclass(frozen=True)
class Kind:
    """A kind of entity: its noun in both languages, its name patterns and the wordings of its synonyms."""

    name: str
    noun: tuple[str, str]
    patterns: tuple[tuple[Slot, ...], ...]
    synonyms: tuple[tuple[str, str], ...]

    @cached_property
    def capacity(self) -> int:
        """Names available in each of the two name spaces."""
        return len(self.patterns) * min(math.prod(map(len, p)) // len(p[0]) * (len(p[0]) // 2) for p in self.patterns)

    def spell(self, code: int, space: int) -> tuple[str, str]:
        """The English and Japanese name of one code of a name space.

        The first slot takes 2d + parity, where the parity makes the sum of all digits even in the target
        space and odd in the general one: no name lies in both, whatever the seed,
        and both use every root alike.
        """
        which = code % len(self.patterns)
        pattern = self.patterns[which]
        code //= len(self.patterns)
        picked, total = [], which + space
        for slot in pattern[1:]:
            code, digit = divmod(code, len(slot))
            picked.append(slot[digit])
            total += digit
        first = pattern[0][2 * (code % (len(pattern[0]) // 2)) + total % 2]
        parts = [first, *picked]
        return "".join(p[0] for p in parts), "".join(p[1] for p in parts)


class Naming:
    """The names of one kind in one world: objects count up from 0, subjects down from the last code."""

    def __init__(self, kind: Kind, seed: int, domain: str, names: str) -> None:
        self.kind, self.space = kind, SPACES.index(names)
        self.shuffle = Shuffle(kind.capacity, "world", "names", domain, kind.name, seed)

    def code(self, ordinal: int, *, subject: bool) -> int:
        """The code of the n-th object or subject of this kind."""
        return self.shuffle(self.kind.capacity - 1 - ordinal if subject else ordinal)

    def spell(self, code: int) -> tuple[str, str]:
        """The English and the Japanese name of a code."""
        return self.kind.spell(code, self.space)
