"""Format `jstage_raw`: the metadata of J-STAGE as its interface gives them, one article a line.

The id is journalCode@@articleCode. Titles, keywords and abstracts are lists of {language, content}.
"""

from collections.abc import Iterator
from typing import Any

from etils import epath
from pydantic import Field

from jaxmlda.corpus import script
from jaxmlda.corpus.formats.base import Filtered, Found, Item, Options, Place, reader
from jaxmlda.corpus.formats.fields import Wrong, id_of, json_records, text_of, year_of

MEDICAL = ("医学", "薬学", "歯学")


class JStageOptions(Options):
    """The options of the format."""

    medical: bool = Field(False, description="only articles with a Japanese subject of 医学, 薬学 or 歯学")


def said(record: dict[str, Any], field: str) -> list[tuple[str, str]]:
    """(language, content) of every entry of a list; null is the empty list, other languages are left out."""
    entries = record.get(field)
    if entries is None:
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Wrong("wrong type", f"{field} is no list of objects with language and content")
    pairs = [(script.named(text_of(e.get("language"), field)), text_of(e.get("content"), field)) for e in entries]
    return [(language, content) for language, content in pairs if language]


def first_of(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The first entry of each language that is not blank, or else a blank one."""
    found: dict[str, str] = {}
    for language, content in pairs:
        if not found.get(language, "").strip():
            found[language] = content
    return found


def inner(record: dict[str, Any], field: str) -> dict[str, Any]:
    """An object within the record; null is the empty one."""
    value = record.get(field)
    if not isinstance(value, dict | None):
        raise Wrong("wrong type", f"{field} is a {type(value).__name__}, an object is needed")
    return value or {}


def found(record: dict[str, Any], place: Place, options: JStageOptions) -> Found | Filtered:
    """One article. Everything is taken from this record alone: a title that is missing stays missing."""
    codes = inner(record, "articleId")
    identity = f"{id_of(codes.get('journalCode'))}@@{id_of(codes.get('articleCode'))}"
    subjects = said(inner(record, "journalInfo"), "subjects")
    if options.medical and not any(lang == "ja" and any(word in one for word in MEDICAL) for lang, one in subjects):
        return Filtered("not medical", place)
    keywords: dict[str, list[str]] = {}
    for language, word in said(record, "keywords"):
        keywords.setdefault(language, []).append(word)
    return Found(
        id=identity,
        place=place,
        texts=first_of(said(record, "abstract")),
        titles=first_of(said(record, "title")),
        keywords=keywords,
        subjects=[content for _, content in subjects],
        year=year_of(inner(record, "publicationDate").get("year")),
        source="J-STAGE",
    )


@reader(
    "jstage_raw",
    suffixes=(".jsonl", ".ndjson"),
    help="J-STAGE metadata as they come, one article a line; --option medical=true",
    options=JStageOptions,
    takes=(),
)
def read(path: epath.Path, options: JStageOptions) -> Iterator[Item]:
    """The articles of a file."""
    return json_records(path, lambda record, place: found(record, place, options))
