"""A record as readers give it, made fit to be stored: characters, blanks, languages, the filters that a user asked for.

In: `Found`; out: a `Part` of a document, or the word that the record is faulty or filtered.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jaxmlda.config import LANGUAGES
from jaxmlda.corpus import script
from jaxmlda.corpus.formats.base import Faulty, Filtered, Found, excerpt

LONGEST_ID, LAST_YEAR = 500, 9999
NOT_PLAIN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
SURROGATE = re.compile("[\ud800-\udfff]")
LINE_END = re.compile("\r\n?")
BLANK = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff]")


class Rules(NamedTuple):
    """What a user may ask of texts. `script` is the least share of letters that are of the language's script."""

    nfkc: bool = False
    min_chars: int = 0
    max_chars: int = 0
    script: float = 0.0


class Part(NamedTuple):
    """A record that will be a document, or join one. The first fields say where it is from."""

    id: str
    file: str
    line: int
    version: int
    texts: dict[str, str]
    titles: dict[str, str]
    keywords: dict[str, list[str]]
    subjects: list[str]
    year: int
    source: str
    licence: str
    paraphrases: dict[str, list[str]]
    qa: list[list[str]]
    cluster: str = ""

    @property
    def content(self) -> tuple[Any, ...]:
        """Everything but the place."""
        return (self.id, *self[3:])


class _Broken(Exception):
    """Half of a surrogate pair: no text."""


class Cleaner:
    """Cleans record after record, and counts what it did to texts."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.texts_filtered: Counter[str] = Counter()
        self.mended = 0

    def __call__(self, found: Found) -> Part | Faulty | Filtered:
        """The record as a part of a document, or why it is none."""
        try:
            part = self._part(found)
        except _Broken as error:
            return self._faulty(found, "broken characters", str(error))
        if not part.id or len(part.id) > LONGEST_ID or "\n" in part.id:
            return self._faulty(found, "bad id", f"an id is one line of 1 to {LONGEST_ID} characters")
        if found.texts and not part.texts:
            return self._faulty(found, "empty", "")
        wrong = [lang for lang, text in part.texts.items() if lang in LANGUAGES and not script.fits(text, lang)]
        if wrong:
            return self._faulty(found, "wrong language", f"the text in `{wrong[0]}` is not written as that language is")
        return self._filtered(found, part)

    def identity(self, given: str) -> str:
        """An id as the documents have it; empty where it cannot be one."""
        try:
            return self._plain(given)
        except _Broken:
            return ""

    def _filtered(self, found: Found, part: Part) -> Part | Filtered:
        """The part with those texts that no filter takes away; none is left: it is filtered as its last text is."""
        reasons = {language: self._against(text, language) for language, text in part.texts.items()}
        self.texts_filtered.update(reason for reason in reasons.values() if reason)
        kept = {language: text for language, text in part.texts.items() if not reasons[language]}
        if kept:
            return part._replace(texts=kept)
        return Filtered(next(reversed(reasons.values()), "no text"), found.place, part.id, part.version)

    def _against(self, text: str, language: str) -> str:
        """What speaks against a text; nothing is an empty string."""
        rules = self.rules
        if language not in LANGUAGES:
            return "language"
        if len(text) < rules.min_chars:
            return "too short"
        if rules.max_chars and len(text) > rules.max_chars:
            return "too long"
        return "script" if rules.script and script.share(text, language) < rules.script else ""

    def _faulty(self, found: Found, reason: str, detail: str) -> Faulty:
        text = next(iter(found.texts.values()), "")
        return Faulty(reason, found.place, excerpt(f"{found.id[:200]}: {text[:400]}"), detail)

    def _part(self, found: Found) -> Part:
        texts = {language: self._text(text) for language, text in found.texts.items()}
        return Part(
            id=self._plain(found.id),
            file=found.place.file,
            line=found.place.line,
            version=found.version,
            texts={language: text for language, text in texts.items() if text},
            titles={lang: title for lang, v in _ours(found.titles) if (title := _line(self._text(v)))},
            keywords={lang: words for lang, given in _ours(found.keywords) if (words := self._words(given))},
            subjects=self._words(found.subjects),
            year=found.year if abs(found.year) <= LAST_YEAR else 0,
            source=_line(self._plain(found.source)),
            licence=_line(self._plain(found.licence)),
            paraphrases={lang: words for lang, given in _ours(found.paraphrases) if (words := self._words(given))},
            qa=[[self._plain(lang), self._text(question), self._text(answer)] for lang, question, answer in found.qa],
            cluster=_line(self._plain(found.cluster)),
        )

    def _text(self, text: str) -> str:
        """A text as it is stored, normalised where asked for."""
        plain = self._plain(text)
        return unicodedata.normalize("NFKC", plain).strip() if self.rules.nfkc else plain

    def _plain(self, text: str) -> str:
        """A text without control characters and blanks around it, its lines ended by LF; the form of ids."""
        if NOT_PLAIN.search(text):
            if SURROGATE.search(text):
                raise _Broken("half of a surrogate pair stands in it")
            ended = LINE_END.sub("\n", text)
            self.mended += NOT_PLAIN.search(ended) is not None
            text = CONTROL.sub("", BLANK.sub(" ", ended))
        return text.strip()

    def _words(self, given: Any) -> list[str]:
        return [word for word in map(self._text, given) if word]


def _ours(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((language, value) for language, value in values.items() if language in LANGUAGES)


def _line(text: str) -> str:
    return " ".join(line.strip() for line in text.split("\n"))
