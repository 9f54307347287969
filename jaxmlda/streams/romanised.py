"""Japanese text and its romaji (Hepburn, English loan words in English), and on wish romaji and the English text.

cutlet writes the romaji: https://github.com/polm/cutlet. It is loaded when the first text is made.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from jaxmlda.config.settings import setting
from jaxmlda.corpus import Document
from jaxmlda.errors import UserError
from jaxmlda.streams.sentences import sentences, trimmed
from jaxmlda.streams.text import Given, Options, Part, Text, kind, once

DIRECTIONS = Literal["from_romaji", "to_romaji"]
LABELS = {"romaji": "Romaji: ", "ja": "日本語：", "en": "English: "}
UNREADABLE = "?"


class RomanisedOptions(Options):
    """Settings of the kind `romanised`."""

    directions: Annotated[list[DIRECTIONS], Field(min_length=1), AfterValidator(once)] = setting(
        "romaji first, romaji second, or a text each", ["from_romaji", "to_romaji"]
    )
    english: bool = setting("pairs of romaji and the English text too; languages are then ja and en", False)

    def check(self, languages: tuple[str, ...]) -> None:
        wanted = {"ja", "en"} if self.english else {"ja"}
        if set(languages) != wanted:
            told = "en and ja" if self.english else "ja alone"
            raise UserError(
                f"a romanised stream with english: {str(self.english).lower()} needs the languages {told}, "
                f"not {', '.join(languages)}"
            )


@kind("romanised", transfer=True, options=RomanisedOptions)
def romanised(document: Document, given: Given) -> Iterator[Text]:
    """A text per direction and partner of the romaji; the romaji counts as Japanese."""
    romaji = romaji_of(document.ja) if document.ja else ""
    if not romaji:
        return
    for partner in ("ja", "en") if given.options.english else ("ja",):
        if not document.text(partner):
            continue
        sides = {
            "romaji": (Part(LABELS["romaji"], "ja"), Part(romaji, "ja")),
            partner: (Part(LABELS[partner], partner), Part(document.text(partner), partner, 0)),
        }
        for direction in given.options.directions:
            first, second = ("romaji", partner) if direction == "from_romaji" else (partner, "romaji")
            label, *rest = sides[second]
            parts = (*sides[first], label._replace(text=f"\n{label.text}"), *rest)
            yield Text(document.id, f"romanised-{first}-{second}", parts)


def romaji_of(text: str) -> str:
    """The romaji of a text, sentence by sentence: each begins with a capital, line ends stay."""
    write = _writer()
    pieces, spans = [], sentences(text)
    for span in spans:
        begin, end = trimmed(text, span)
        gap = text[end : span[1]]
        pieces += [write(text[begin:end]), gap if "\n" in gap else " "]
    return "".join(pieces).strip()


class _Readings(dict[str, str]):
    """cutlet's table of kana, with its own sign for what it cannot read instead of a KeyError."""

    def __missing__(self, key: str) -> str:
        return UNREADABLE


@functools.cache
def _writer() -> Callable[[str], str]:
    """One Cutlet per process; its dictionary is unidic-lite, whatever else is installed."""
    import cutlet
    import unidic_lite

    made: Any = cutlet.Cutlet(mecab_args=f'-d "{unidic_lite.DICDIR}"')
    made.table = _Readings(made.table)
    return made.romaji
