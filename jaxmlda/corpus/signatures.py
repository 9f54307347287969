"""MinHash signatures of texts. In: texts of one language; out: 128 numbers a text, whose share of equal places
estimates the Jaccard similarity of the two texts' shingles.

Shingles are three words in English and five letters in Japanese, both of the normalised text. A text too short for
one shingle is its own. (Broder 1997; 16 bits of every minimum as in Li and König 2010.)
"""

import functools
import hashlib
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PLACES = 128
SHINGLE = {"en": 3, "ja": 5}
SCHEME = "minhash 128 x 16 bits, 3 words en, 5 letters ja, 1"
# Odd multipliers without structure.
STEP, SEED = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
LAST = np.uint32(0x9E3779B1)


def normalised(text: str) -> str:
    """NFKC in small letters: full and half width, capitals and small letters are the same."""
    return unicodedata.normalize("NFKC", text).casefold()


@functools.cache
def _letters() -> NDArray[np.bool_]:
    """For every character whether it is a letter, a digit, or a mark on one."""
    return np.array([chr(code).isalnum() or unicodedata.category(chr(code)) == "Mn" for code in range(0x110000)])


@functools.cache
def _functions() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Factors (odd) and summands of the hash functions h(x) = a x + b mod 2^32."""
    drawn = (mixed(np.arange(1, 2 * PLACES + 1, dtype=np.uint64) * SEED) >> np.uint64(32)).astype(np.uint32)
    return drawn[:PLACES] | np.uint32(1), drawn[PLACES:]


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64: every bit of the result depends on every bit of the value."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


class _Units(NamedTuple):
    """Words or letters of many texts in order: the hash of each and the number of its text."""

    value: NDArray[np.uint64]
    text: NDArray[np.int64]


def _letters_of(texts: Sequence[str]) -> _Units:
    """The letters and digits of texts, one by one; all else is left out."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    kept = np.flatnonzero(_letters()[codes])
    ends = np.cumsum([len(text) for text in texts])
    return _Units(mixed((codes[kept] + np.uint64(1)) * STEP), np.searchsorted(ends, kept, side="right"))


def _words_of(texts: Sequence[str]) -> _Units:
    """The words of texts, runs of letters and digits: the sum of their characters' hashes, each times STEP^place."""
    codes = np.frombuffer("".join(f"{text} " for text in texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    edges = np.flatnonzero(np.diff(_letters()[codes], prepend=False, append=False))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(starts):
        return _Units(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    inside = np.repeat(starts, lengths)
    first = np.cumsum(lengths) - lengths
    place = np.arange(len(inside)) - np.repeat(first, lengths)
    powers = np.cumprod(np.full(lengths.max(), STEP))
    hashed = (codes[inside + place] + np.uint64(1)) * powers[place]
    ends = np.cumsum([len(text) + 1 for text in texts])
    return _Units(mixed(np.add.reduceat(hashed, first)), np.searchsorted(ends, starts, side="right"))


def _shingles(units: _Units, size: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Hashes of every run of `size` units that lies in one text, and the number of its text."""
    count = max(0, len(units.value) - size + 1)
    summed = np.zeros(count, np.uint64)
    for place in range(size):
        summed = summed * STEP + units.value[place : place + count]
    within = units.text[:count] == units.text[size - 1 :]
    return (mixed(summed[within]) >> np.uint64(32)).astype(np.uint32), units.text[:count][within]


def signatures(texts: Sequence[str], language: str) -> NDArray[np.uint16]:
    """The signatures of texts of a language, one row each; memory is some 100 bytes a character of the texts given."""
    if not texts:
        return np.zeros((0, PLACES), np.uint16)
    plain = [normalised(text) for text in texts]
    units = _words_of(plain) if language == "en" else _letters_of(plain)
    value, text = _shingles(units, SHINGLE[language])
    counts = np.bincount(text, minlength=len(texts))
    short = np.flatnonzero(counts == 0)
    whole = [
        int.from_bytes(hashlib.blake2b(plain[number].encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big")
        for number in short
    ]
    # A short text stands where its shingles would.
    value = np.insert(value, (np.cumsum(counts) - counts)[short], np.array(whole, np.uint32))
    counts[short] = 1
    starts = np.cumsum(counts) - counts
    found = np.empty((PLACES, len(texts)), np.uint16)
    for number, (factor, summand) in enumerate(zip(*_functions(), strict=True)):
        least = np.minimum.reduceat(value * factor + summand, starts)
        # The low bits of the minimum follow those of one shingle: mixed upwards before 16 bits are kept.
        found[number] = (least * LAST) >> np.uint32(16)
    return np.ascontiguousarray(found.T)
