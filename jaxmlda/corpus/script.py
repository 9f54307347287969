"""In which script a text is written: whether it can be of a language, and its share of that language's letters.

In: texts; out: yes, no, or a share. Japanese is written in kana and kanji, English in Latin letters.
"""

import re
from collections.abc import Callable

JAPANESE = re.compile(
    "[\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9d\U00020000-\U000323af]"
)
LATIN = re.compile("[A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿＡ-Ｚａ-ｚ]")
ASCII_OTHERS = bytes(sorted(set(range(128)) - set(range(65, 91)) - set(range(97, 123))))
MOSTLY = 0.5
NOT_LETTERS = re.compile(r"[^a-z]+")
SAID = {"en": {"en", "eng", "english"}, "ja": {"ja", "jp", "jpn", "jap", "japanese"}}


def _letters(text: str, script: re.Pattern, ascii_too: bool) -> tuple[int, int]:
    """Letters of a script, and all letters. The letters of ASCII are counted at once, the others one by one."""
    plain = text.encode("ascii", "ignore")
    common = len(plain.translate(None, ASCII_OTHERS))
    others = "" if len(plain) == len(text) else re.sub("[\x00-\x7f]+", "", text)
    own = len(script.findall(others))
    return own + common * ascii_too, common + sum(map(str.isalpha, others))


def share(text: str, language: str) -> float:
    """Letters of the language's script / all letters; 0 where there is no letter."""
    own, every = _letters(text, JAPANESE, False) if language == "ja" else _letters(text, LATIN, True)
    return own / every if every else 0.0


def _japanese(text: str) -> bool:
    return JAPANESE.search(text) is not None


def _english(text: str) -> bool:
    return share(text, "en") >= MOSTLY


FITS: dict[str, Callable[[str], bool]] = {"en": _english, "ja": _japanese}


def fits(text: str, language: str) -> bool:
    """Whether a text can be of a language: Japanese holds kana or kanji, English is mostly Latin letters."""
    return FITS[language](text)


def guess(text: str) -> str:
    """The language of a text that does not say it: Japanese where a fifth of its letters are kana or kanji."""
    return "ja" if share(text, "ja") >= 0.2 else "en"


def named(word: str) -> str | None:
    """`en`, `eng`, `en-US`, `English` to `en`, the same for `ja`; None for any other language."""
    first = NOT_LETTERS.split(word.strip().lower(), maxsplit=1)[0]
    return next((language for language, words in SAID.items() if first in words), None)


def named_in_file(name: str) -> str | None:
    """The language that a file's name says, as in `abstracts_en.jsonl`; None where it says none, or two."""
    words = set(NOT_LETTERS.split(name.lower()))
    said = [language for language, known in SAID.items() if words & known]
    return said[0] if len(said) == 1 else None
