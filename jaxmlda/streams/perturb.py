"""Noise on text: mask, delete, replace and reorder units. In: a text, its language, a ratio, a key; out: a text.

A pure function of these four. Units are words: in English what stands between white space; in Japanese the words of
MeCab with unidic-lite, numbers and Latin words left whole. White space stays, except beside what is deleted or masked.
"""

import functools
import itertools
import re
from collections.abc import Callable
from random import Random
from typing import Any

MASK = "[MASK]"
WINDOW = 5
SPACED = re.compile(r"\S+")
WHOLE = re.compile(r"[A-Za-z0-9０-９Ａ-Ｚａ-ｚ]+(?:[-.,/．，][A-Za-z0-9０-９Ａ-Ｚａ-ｚ]+)*")

Span = tuple[int, int]
Operation = Callable[..., str]


def share(count: int, ratio: float) -> int:
    """round(count × ratio), halves up: how many of `count` a ratio means."""
    return int(count * ratio + 0.5)


@functools.cache
def tagger() -> Any:
    """One MeCab per process; its dictionary is unidic-lite, whatever else is installed."""
    import fugashi
    import unidic_lite

    return fugashi.Tagger(f'-Owakati -d "{unidic_lite.DICDIR}"')


def units(text: str, language: str) -> list[Span]:
    """Spans of the words of a text, without white space; everything else is in one of them."""
    stretches = [match.span() for match in SPACED.finditer(text)]
    if language == "en":
        return stretches
    return [span for begin, end in stretches for span in _words(text, begin, end)]


def _words(text: str, begin: int, end: int) -> list[Span]:
    edges, place = [begin], begin
    # MeCab reads up to a NUL; what it leaves is a unit of its own.
    for word in tagger().parse(text[begin:end].partition("\0")[0]).split():
        place += len(word)
        edges.append(place)
    inside = {edge for match in WHOLE.finditer(text, begin, end) for edge in range(match.start() + 1, match.end())}
    edges = [edge for edge in dict.fromkeys((*edges, end)) if edge not in inside]
    return list(itertools.pairwise(edges))


def _drawn(count: int, ratio: float, key: int) -> tuple[list[int], Random]:
    """Which units are changed, in order: as many as the ratio says."""
    rng = Random(key)
    return sorted(rng.sample(range(count), share(count, ratio))), rng


def _rebuilt(text: str, spans: list[Span], changed: dict[int, str]) -> str:
    pieces, place = [], 0
    for number, (begin, end) in enumerate(spans):
        pieces.append(text[place:begin])
        pieces.append(changed.get(number, text[begin:end]))
        place = end
    return "".join((*pieces, text[place:]))


def mask(text: str, language: str, ratio: float, key: int, *, span: int = 1, sign: str = MASK) -> str:
    """round(ratio × units) units are masked, in runs of up to `span` neighbours; each run becomes one sign."""
    spans = units(text, language)
    pieces, place = [], 0
    for first, stop in _runs(len(spans), share(len(spans), ratio), span, Random(key)):
        pieces += [text[place : spans[first][0]], sign]
        place = spans[stop - 1][1]
    return "".join((*pieces, text[place:]))


def delete(text: str, language: str, ratio: float, key: int) -> str:
    """round(ratio × units) units are taken out, each with the white space before it (the first: after it)."""
    spans = units(text, language)
    gone = set(_drawn(len(spans), ratio, key)[0])
    pieces, place = [], 0
    for number, (begin, end) in enumerate(spans):
        if number not in gone:
            gap = text[place:begin]
            pieces.append((gap if pieces or not number else "") + text[begin:end])
        place = end
    return "".join((*pieces, text[place:]))


def replace(text: str, language: str, ratio: float, key: int) -> str:
    """round(ratio × units) units become other words of the same text; a text of one word repeated stays as it is."""
    spans = units(text, language)
    words = [text[begin:end] for begin, end in spans]
    drawn, rng = _drawn(len(spans), ratio, key)
    known = list(dict.fromkeys(words))
    changed = {}
    for number in drawn:
        others = [word for word in known if word != words[number]]
        if others:
            changed[number] = rng.choice(others)
    return _rebuilt(text, spans, changed)


def reorder(text: str, language: str, ratio: float, key: int, *, window: int = WINDOW) -> str:
    """round(ratio × units) units leave their places: runs of up to `window` neighbours are shuffled so that none stays.

    A run has two units at least, so one unit alone means none.
    """
    spans = units(text, language)
    words = [text[begin:end] for begin, end in spans]
    rng = Random(key)
    changed = {}
    for first, stop in _runs(len(spans), share(len(spans), ratio), window, rng, least=2):
        order = _cycle(list(range(first, stop)), rng)
        changed.update(zip(range(first, stop), (words[number] for number in order), strict=True))
    return _rebuilt(text, spans, changed)


def _runs(count: int, wanted: int, longest: int, rng: Random, least: int = 1) -> list[Span]:
    """Runs of `least` to `longest` neighbours, `wanted` in all, spread over `count` at random without overlap."""
    if wanted < least:
        return []
    whole, rest = divmod(wanted, longest)
    sizes = [longest] * whole + [rest] * (rest > 0)
    if 0 < rest < least:
        sizes[-2:] = [longest - 1, 2] if longest > 2 else [3]
    rng.shuffle(sizes)
    gaps = sorted(rng.choices(range(count - wanted + 1), k=len(sizes)))
    runs, before = [], 0
    for size, gap in zip(sizes, gaps, strict=True):
        runs.append((gap + before, gap + before + size))
        before += size
    return runs


def _cycle(items: list[int], rng: Random) -> list[int]:
    """A random cyclic permutation (Sattolo, 1986): no item stays in its place."""
    for last in range(len(items) - 1, 0, -1):
        other = rng.randrange(last)
        items[last], items[other] = items[other], items[last]
    return items


OPERATIONS: dict[str, Operation] = {"mask": mask, "delete": delete, "replace": replace, "reorder": reorder}
