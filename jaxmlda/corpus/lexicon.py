"""A lexicon: terms of both languages that share concepts.

In: terms, or a stored lexicon (Parquet: concept, language, term, preferred); out: translations and synonyms of a
term, and the places of known terms in a text.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow as pa
from etils import epath

from jaxmlda.config import LANGUAGES
from jaxmlda.errors import UserError
from jaxmlda.storage import digest, read_table, write_table

SCHEMA = pa.schema(
    [("concept", pa.string()), ("language", pa.string()), ("term", pa.string()), ("preferred", pa.bool_())]
)
TOKEN = re.compile(r"\w+|[^\w\s]")
LATIN = re.compile(r"[0-9A-Za-z]")
SPACES = str.maketrans(dict.fromkeys("\t\n\r\u00a0\u2028", " "))


class Term(NamedTuple):
    """One name of a concept in one language; the preferred names stand first."""

    concept: str
    language: str
    term: str
    preferred: bool


def fold(term: str, language: str) -> str:
    """The form under which a term is looked up, as long as the term: English in small letters, Japanese as it is."""
    if language == "ja":
        return term
    small = term.lower()
    if len(small) != len(term):
        small = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in term)
    return small if small.isprintable() else small.translate(SPACES)


def write(path: epath.PathLike, terms: Iterable[Term]) -> dict[str, Any]:
    """Stores terms, each once, sorted by concept, language, preferred first, term; gives their numbers and the digest.

    A term that is preferred once is preferred.
    """
    known: dict[tuple[str, str, str], bool] = {}
    for concept, language, term, preferred in terms:
        if language not in LANGUAGES or not concept or not term.strip():
            raise UserError(f"{path}: {term!r} ({language}, concept {concept!r}) is no term of English or Japanese")
        known[concept, language, term] = known.get((concept, language, term), False) or preferred
    if not known:
        raise UserError(f"{path}: no term came; a lexicon needs one at least")
    rows = sorted(
        ((*key, preferred) for key, preferred in known.items()), key=lambda row: (row[:2], not row[3], row[2])
    )
    columns = [list(column) for column in zip(*rows, strict=True)]
    write_table(path, pa.table(columns, schema=SCHEMA))
    counts = {language: columns[1].count(language) for language in LANGUAGES}
    return {"concepts": len(set(columns[0])), "terms": counts, "digest": digest(columns)}


def path_of(folder: epath.PathLike, name: str) -> epath.Path:
    """Where a lexicon of a corpus is stored."""
    if not name or "/" in name or name.startswith("."):
        raise UserError(f"{name!r}: the name of a lexicon is a plain word, such as umls")
    return epath.Path(folder) / "lexicons" / f"{name}.parquet"


def finder(folder: epath.PathLike) -> Callable[[str], "Lexicon"]:
    """What finds a lexicon of a corpus by its name."""

    def find(name: str) -> Lexicon:
        path = path_of(folder, name)
        if not path.exists():
            there = ", ".join(sorted(one.stem for one in path.parent.glob("*.parquet"))) or "none"
            raise UserError(
                f"{folder}: has no lexicon {name!r} (there: {there}); store one with `jaxmlda corpus lexicon {folder} "
                f"FILE --format FORMAT --name {name}`"
            )
        return Lexicon.read(path)

    return find


class Lexicon:
    """A lexicon in memory; terms are looked up as they stand in a text, English ones in any case."""

    def __init__(self, table: pa.Table) -> None:
        self._columns = [table[name].to_pylist() for name in SCHEMA.names]
        self.digest = digest(self._columns)
        self._concepts: dict[str, list[int]] = {}
        self._named: dict[str, dict[str, list[int]]] = {language: {} for language in LANGUAGES}
        concepts, languages, terms, _ = self._columns
        for number, (concept, language, term) in enumerate(zip(concepts, languages, terms, strict=True)):
            self._concepts.setdefault(concept, []).append(number)
            self._named[language].setdefault(fold(term, language), []).append(number)

    @classmethod
    def read(cls, path: epath.PathLike) -> "Lexicon":
        """Reads a stored lexicon."""
        table = read_table(path)
        if not set(SCHEMA.names) <= set(table.column_names):
            raise UserError(
                f"{path}: no lexicon (it needs the columns {', '.join(SCHEMA.names)}); make one with "
                "`jaxmlda corpus lexicon`"
            )
        foreign = set(table["language"].unique().to_pylist()) - set(LANGUAGES)
        if foreign:
            raise UserError(f"{path}: terms of the language {min(map(str, foreign))}; a lexicon has en and ja")
        return cls(table)

    def __len__(self) -> int:
        return len(self._columns[0])

    def __iter__(self) -> Iterator[Term]:
        return (Term(*row) for row in zip(*self._columns, strict=True))

    def translations(self, term: str, language: str) -> tuple[str, ...]:
        """Terms of the other language that share a concept with a term; none where it is not known.

        Preferred translations first, among them those of concepts that the term itself is preferred for; then by
        concept and term.
        """
        return self._related(term, language, LANGUAGES[1 - LANGUAGES.index(language)])

    def synonyms(self, term: str, language: str) -> tuple[str, ...]:
        """Other terms of the same language that share a concept with a term, in the same order."""
        own = fold(term, language)
        return tuple(other for other in self._related(term, language, language) if fold(other, language) != own)

    def _related(self, term: str, language: str, wanted: str) -> tuple[str, ...]:
        concepts, languages, terms, preferred = self._columns
        found = []
        for number in self._named[language].get(fold(term, language), ()):
            for place in self._concepts[concepts[number]]:
                if languages[place] == wanted:
                    found.append((not preferred[place], not preferred[number], concepts[number], terms[place]))
        return tuple(dict.fromkeys(term for *_, term in sorted(found)))

    @cached_property
    def _lengths(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """For what a term may begin with, the lengths of such terms, longest first; a single character is no term."""
        found: dict[str, dict[str, set[int]]] = {language: {} for language in LANGUAGES}
        for language, named in self._named.items():
            for key in named:
                if len(key) > 1 and not key[0].isspace():
                    found[language].setdefault(_begin(key, 0, language), set()).add(len(key))
        return {
            language: {begin: tuple(sorted(lengths, reverse=True)) for begin, lengths in begins.items()}
            for language, begins in found.items()
        }

    def find(self, text: str, language: str) -> list[tuple[int, int]]:
        """Spans of characters (from, to) of known terms, left to right, the longest at each place, without overlap.

        English terms begin and end at the edge of a word. Japanese terms may stand anywhere, but a Latin letter or a
        digit at their edge does not cut a word or a number. Terms of one character are not looked for.
        """
        folded, lengths, named = fold(text, language), self._lengths[language], self._named[language]
        if language == "en":
            places = ((match.start(), match.group()) for match in TOKEN.finditer(folded))
        else:
            places = ((place, folded[place : place + 2]) for place in range(len(folded) - 1))
        spans: list[tuple[int, int]] = []
        end = 0
        for place, begin in places:
            if place < end:
                continue
            for length in lengths.get(begin, ()):
                stop = place + length
                if stop <= len(folded) and folded[place:stop] in named and not _cuts(folded, place, stop, language):
                    spans.append((place, stop))
                    end = stop
                    break
        return spans


def _begin(text: str, place: int, language: str) -> str:
    """What the terms that may begin at a place are filed under: a word of English, two characters of Japanese."""
    if language == "ja":
        return text[place : place + 2]
    match = TOKEN.match(text, place)
    return match.group() if match else text[place]


def _cuts(text: str, start: int, stop: int, language: str) -> bool:
    """Whether an edge of a span lies within a word (in Japanese: a Latin word or a number)."""
    inside = (lambda letter: letter.isalnum() or letter == "_") if language == "en" else LATIN.match
    return any(
        0 < edge < len(text) and bool(inside(text[edge - 1])) and bool(inside(text[edge])) for edge in (start, stop)
    )
