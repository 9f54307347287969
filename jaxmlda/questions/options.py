"""Features of the options of one question, as someone sees them who does not read the question.

In: the option texts of a question. Out: one row of numbers for each option.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

# Words by which a careless writer gives an option away.
MARKS = (
    r"\b(?:no|not|non|never|none|without|lack\w*|absen\w*)\b|ない|なし|せず|非|無",
    r"\b(?:all|always|only|every|any|must)\b|すべて|全て|必ず|のみ|常に",
)


def counts(options: Sequence[str]) -> np.ndarray:
    """Length, its logarithm, ratio and rank among the options, words, likeness, marks, shares of character classes.

    Not which words or pieces it is made of: where a set uses its objects in balance, a gold held out is rarer as gold
    among the rest, and a guesser that remembers options falls far below chance, which says nothing about the set.
    """
    lengths = np.array([len(option) for option in options], float)
    rank = (lengths[:, None] > lengths[None, :]).sum(1) + 0.5 * ((lengths[:, None] == lengths[None, :]).sum(1) - 1)
    columns = [
        lengths,
        np.log(lengths),
        lengths / lengths.mean(),
        rank / (len(options) - 1),
        lengths == lengths.max(),
        lengths == lengths.min(),
        [len(option.split()) for option in options],
        _likeness(options),
        *([bool(re.search(mark, option, re.IGNORECASE)) for option in options] for mark in MARKS),
    ]
    return np.hstack([np.stack([np.asarray(c, float) for c in columns], 1), [_classes(o) for o in options]])


def _likeness(options: Sequence[str]) -> list[float]:
    """Mean Jaccard likeness of an option's character bigrams to those of the other options."""
    sets = [set(_grams(option, (2,))) for option in options]
    like = [[len(a & b) / max(len(a | b), 1) for b in sets] for a in sets]
    return [(sum(row) - row[i]) / (len(options) - 1) for i, row in enumerate(like)]


def _grams(text: str, sizes: Sequence[int]) -> list[str]:
    framed = f"\x02{text.lower()}\x03"
    return [framed[i : i + size] for size in sizes for i in range(len(framed) - size + 1)]


def _classes(text: str) -> np.ndarray:
    shares = np.zeros(6)
    for character in text:
        shares[_class(character)] += 1
    return shares / len(text)


def _class(character: str) -> int:
    if character.isdigit():
        return 0
    if character.isspace() or unicodedata.category(character)[0] in "PS":
        return 1
    if character.isascii():
        return 2 if character.islower() else 3
    name = unicodedata.name(character, "")
    return 4 if name.startswith(("HIRAGANA", "KATAKANA")) else 5
