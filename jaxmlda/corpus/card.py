"""What the card of a corpus tells of its documents, counted one at a time: languages, pairs, lengths, origins."""

from collections import Counter
from itertools import accumulate
from typing import Any

from jaxmlda.config import LANGUAGES
from jaxmlda.corpus.document import Document

# Beyond so many different sources (or licences) the rest is counted together, so that a card stays a card.
ORIGINS = 100
OTHERS = "(others)"


class Told:
    """The counts. Lengths are kept as a histogram: its size is that of different lengths, not of documents."""

    def __init__(self) -> None:
        self.documents = self.pairs = 0
        self.lengths: dict[str, Counter[int]] = {language: Counter() for language in LANGUAGES}
        self.origins: dict[str, Counter[str]] = {"sources": Counter(), "licences": Counter()}

    def add(self, document: Document) -> None:
        """Counts one document."""
        self.documents += 1
        self.pairs += len(document.languages) == len(LANGUAGES)
        for language in document.languages:
            self.lengths[language][len(document.text(language))] += 1
        for name, origin in (("sources", document.source), ("licences", document.licence)):
            if origin:
                counted = self.origins[name]
                counted[origin if origin in counted or len(counted) < ORIGINS else OTHERS] += 1

    def card(self) -> dict[str, Any]:
        """The counts as the card has them."""
        return {
            "documents": self.documents,
            "languages": {language: lengths.total() for language, lengths in self.lengths.items()},
            "pairs": self.pairs,
            "characters": {language: _sum(lengths) for language, lengths in self.lengths.items()},
            "lengths": {language: _lengths(lengths) for language, lengths in self.lengths.items() if lengths},
            **{name: dict(counted.most_common()) for name, counted in self.origins.items()},
        }


def _sum(lengths: Counter[int]) -> int:
    return sum(length * count for length, count in lengths.items())


def _lengths(lengths: Counter[int]) -> dict[str, float]:
    """Smallest, middle (the lower of two), mean and largest length in characters."""
    return {
        "min": min(lengths),
        "median": _middle(lengths),
        "mean": round(_sum(lengths) / lengths.total(), 1),
        "max": max(lengths),
    }


def _middle(lengths: Counter[int]) -> int:
    ordered = sorted(lengths)
    passed = accumulate(lengths[length] for length in ordered)
    return next(length for length, count in zip(ordered, passed, strict=True) if 2 * count >= lengths.total())
