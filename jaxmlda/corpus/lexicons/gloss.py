"""Glosses of Japanese-English dictionaries as terms: without the remarks in brackets around them."""

import re

AROUND = re.compile(r"^\s*(?:\([^()]*\)|\{[^{}]*\})(?=\s|$)|(?:^|(?<=\s))(?:\([^()]*\)|\{[^{}]*\})\s*$")


def plain(gloss: str) -> str:
    """A gloss without remarks before and after it: `(n) (1) cold (illness)` is `cold`; brackets within a word stay."""
    while (bare := AROUND.sub("", gloss)) != gloss:
        gloss = bare
    return " ".join(gloss.split())
