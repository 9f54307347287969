"""What the readers of aligned pairs share: names of ids, scores, and the pair as an item."""

import math
from pathlib import PurePosixPath
from typing import Any

from jaxmlda.corpus.formats.base import Faulty, Filtered, Found, Item, Place, excerpt
from jaxmlda.corpus.formats.compressed import unpacked


def stem(path: object, options: Any = None) -> str:
    """The name in ids: that of the file without its folder, its compression and its last suffix."""
    return PurePosixPath(unpacked(str(path))).stem


def number(text: str) -> float | None:
    """A score as a finite number, None where it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def pair(
    id: str, place: Place, en: str, ja: str, *, record: str, score: str | None = None, lowest: float | None = None
) -> Item:
    """The pair, or why it is none: a side is empty, the score is no number or lower than asked for.

    A score of None says that the format gives this pair none; it is then not asked for. `record` is for quarantine.
    """
    if not en.strip() or not ja.strip():
        return Faulty("empty", place, excerpt(record), "no English text" if not en.strip() else "no Japanese text")
    if score is not None:
        value = number(score)
        if value is None:
            return Faulty("bad score", place, excerpt(record), f"{score[:40]!r} is no number")
        if lowest is not None and value < lowest:
            return Filtered("low score", place)
    return Found(id, place, {"en": en.strip(), "ja": ja.strip()})
