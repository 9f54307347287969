"""Causes and effects that a text states in so many words. In: a text and its language; out: spans of both.

Only connectives that leave no doubt count: `since` and `as` are not among them, nor is the ため of a purpose.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from jaxmlda.streams.sections import after_label
from jaxmlda.streams.sentences import Span, sentences, trimmed

# At the head of a sentence: the sentence before it is the cause.
OPENERS = {
    "en": re.compile(
        r"(?:Therefore|Thus|Hence|Consequently|Accordingly|As a (?:result|consequence)|For (?:this|that|these) reasons?"
        r"|Because of this|As a result of this),\s+"
    ),
    "ja": re.compile(
        r"(?:したがって|従って|そのため|このため|そのために|このために|よって|ゆえに|それゆえ|その結果|この結果|だから"
        r"|これにより|このことから|以上のことから)[、，,]\s*"
    ),
}
# Within a sentence, the cause first.
FORWARD = {
    "en": re.compile(r"(?:[;,]\s+|\s+and\s+)(?:therefore|thus|hence|consequently|as a (?:result|consequence)),?\s+"),
    "ja": re.compile(r"(?<=[たいるだ])(?:ので|ことから)[、，,]\s*|(?<=[たい])ため[、，,]\s*"),
}
# Within a sentence, the effect first.
BACKWARD = {"en": re.compile(r",?\s+because\s+(?!of\b)"), "ja": None}
SHORTEST = {"en": 12, "ja": 6}


class Causal(NamedTuple):
    """Spans of a cause and of its effect in a text."""

    cause: Span
    effect: Span


def pairs(text: str, language: str) -> Iterator[Causal]:
    """A pair for each sentence that names its cause, itself or by the sentence before it."""
    before: Span | None = None
    for span in sentences(text):
        begin, end = trimmed(text, span)
        begin = min(after_label(text, begin, language), end)
        opener = OPENERS[language].match(text, begin, end)
        found = Causal(before, (opener.end(), end)) if opener and before else _within(text, begin, end, language)
        if found and all(b - a >= SHORTEST[language] for a, b in found):
            yield found
        before = (begin, end)


def _within(text: str, begin: int, end: int, language: str) -> Causal | None:
    """The clauses on both sides of the only connective of a sentence; two connectives would need a parser."""
    hits = [
        (match, order)
        for order, pattern in enumerate((FORWARD[language], BACKWARD[language]))
        if pattern
        for match in pattern.finditer(text, begin, end)
    ]
    if len(hits) != 1:
        return None
    match, backward = hits[0]
    first, second = (begin, match.start()), (match.end(), end)
    return Causal(second, first) if backward else Causal(first, second)
