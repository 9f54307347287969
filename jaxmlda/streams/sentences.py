"""Sentences of English and Japanese text. In: a text; out: spans of characters that cover it without a gap.

Rules of our own: pysbd, which does both languages without a model, has had no release since 2021, and bunkai does
Japanese alone. One set of rules serves both languages, so mixed text needs no guess.
"""

import itertools
import re
from collections.abc import Iterable

BRACKETS = dict(zip("([（「『［〔〈《【“", ")]）」』］〕〉》】”", strict=True))
CLOSERS = "\"'’”)]）」』］〕〉》】"
JAPANESE = r"\u3040-\u30ff\u3400-\u9fff々〆ー"
# Terminators that need no space after them, in the writing of Japanese; a point between Japanese letters is one too.
END = re.compile(
    rf"(?P<wide>(?:[。｡！？]|(?<![0-9０-９])．|．(?![0-9０-９])|(?<=[！？])[!?]|(?<=[{JAPANESE}])[.!?](?![A-Za-z0-9.])"
    rf"|(?<=[)\]）］」』])\.(?=[A-Z{JAPANESE}]))+)"
    # A line end begins with the first of its spaces: were it looked for at each of them, many spaces would take the
    # square of their number.
    r"|(?P<narrow>[.!?…]+)|(?P<line>(?<![^\S\n])[^\S\n]*\n\s*)"
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Never the end of a sentence: something always follows.
LEADING = _words(
    """e.g i.e vs cf fig figs eq eqs ref refs tab dr drs mr mrs ms prof st mt viz ca approx vol pp sec chap ed eds
    resp"""
)
# The end of a sentence only before a word that begins one.
EITHER = _words(
    """al etc inc ltd co corp dept univ jr sr sp spp subsp var min max hr hrs wk jan feb mar apr jun jul aug sep sept
    oct nov dec"""
)
DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
STARTERS = _words(
    """a after all although among an and as at because before besides both but by consequently despite during each
    eight finally five for four from further furthermore hence here however i if in it its moreover most nevertheless
    nine no none of on one only our patients results seven several similarly since six some such ten that the their
    then there therefore these they this those three through thus to two under until we when whereas whether which
    while with within"""
)
# A letter after one of these words is a name of its own, not an initial: "hepatitis B. Patients ..."
LETTERED = _words(
    """arm appendix class factor figure grade group hepatitis influenza panel part phase protein stage table type
    vitamin"""
)
SMALL_START = re.compile(r"[a-z]{1,3}[A-Z0-9]|[α-ω]")
WORD = re.compile(r"[^\W\d_]+")

Span = tuple[int, int]


def sentences(text: str) -> list[Span]:
    """Spans (from, to) that follow one another and cover the text; white space goes with the sentence before it.

    A sentence ends after `。！？`, and after `.!?` before a space, but not inside brackets or quotation marks that
    close on the same line, after an abbreviation or an initial, inside a number, or before a small letter. A line end
    is an end too, unless the next line goes on in small letters.
    """
    inside, cuts, begin = _inside(text), [], 0
    for match in END.finditer(text):
        stop = match.end()
        if match["line"]:
            cut = stop if _breaks(text, match.start(), stop) else None
        else:
            cut = _cut(text, match, inside, begin)
        if cut is not None and begin < cut < len(text) and not text[begin:cut].isspace():
            cuts.append(cut)
            begin = cut
    edges = [0, *cuts, len(text)]
    return [span for span in itertools.pairwise(edges) if span[0] < span[1]]


def split(text: str) -> list[str]:
    """The sentences themselves; joined they are the text."""
    return [text[begin:end] for begin, end in sentences(text)]


def trimmed(text: str, span: Span) -> Span:
    """The span without the white space at its ends."""
    held = text[span[0] : span[1]]
    begin = span[0] + len(held) - len(held.lstrip())
    return begin, begin + len(held.strip())


def _inside(text: str) -> dict[int, Span]:
    """For every character between two brackets that match on one line, the outermost pair of brackets."""
    return {place: pair for pair in _pairs(text) for place in range(pair[0] + 1, pair[1])}


def _pairs(letters: Iterable[str]) -> list[Span]:
    """Places of the outermost brackets that match on one line, in order; no two pairs overlap."""
    found: list[Span] = []
    waiting: list[tuple[str, int]] = []
    counts = dict.fromkeys(BRACKETS.values(), 0)
    for place, letter in enumerate(letters):
        if letter == "\n":
            waiting.clear()
            counts = dict.fromkeys(counts, 0)
        elif letter in BRACKETS:
            waiting.append((BRACKETS[letter], place))
            counts[BRACKETS[letter]] += 1
        elif counts.get(letter):
            closer = ""
            while closer != letter:
                closer, begin = waiting.pop()
                counts[closer] -= 1
            while found and found[-1][0] > begin:
                found.pop()
            found.append((begin, place))
    return found


def _breaks(text: str, start: int, stop: int) -> bool:
    """Whether a line end is the end of a sentence: an empty line is, a line that goes on in small letters is not."""
    goes_on = stop < len(text) and text[stop].islower() and text[stop].isascii()
    return text.count("\n", start, stop) > 1 or not goes_on or (start > 0 and text[start - 1] in ".!?")


def _cut(text: str, match: re.Match[str], inside: dict[int, Span], begin: int) -> int | None:
    """Where the next sentence begins, if one ends with these terminators."""
    stop = match.end()
    pair = inside.get(match.start())
    if pair is not None:
        # A whole sentence in parentheses ends with them.
        if text[pair[0]] not in "(（" or pair[0] != begin or stop != pair[1]:
            return None
        stop += 1
    else:
        while stop < len(text) and text[stop] in CLOSERS and stop not in inside:
            stop += 1
    after = stop
    while after < len(text) and text[after].isspace():
        after += 1
    if match["wide"]:
        told = text[stop - 1] in "！？!?" and text[after : after + 1] in ("と", "っ")
        return None if told else after
    if after == stop or after == len(text):
        return None
    return after if _ends(text, match.start(), match.group(), after, begin) else None


def _ends(text: str, place: int, marks: str, after: int, begin: int) -> bool:
    """Whether `.`, `!` or `?` before white space ends an English sentence."""
    rest = text[after : after + 24]
    if rest[0].islower() and not SMALL_START.match(rest):
        return False
    if marks != ".":
        return True
    words = text[max(begin, place - 48) : place].split()
    word = words[-1].lstrip("([\"'“‘（「") if words and not text[place - 1].isspace() else ""
    next_word = WORD.match(rest)
    starts = bool(next_word) and next_word.group().lower() in STARTERS
    low = word.lower()
    if low in LEADING:
        return False
    if low in ("no", "nos"):
        return not rest[0].isdigit()
    if low in EITHER or DOTTED.fullmatch(word):
        return starts
    if len(word) == 1 and word.isupper():
        return starts or (len(words) > 1 and words[-2].lower() in LETTERED)
    # "1. Introduction": a number that opens a line or the text counts it.
    return not (len(words) == 1 and word.isdigit())
