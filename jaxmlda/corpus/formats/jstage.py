"""Format `jstage`: J-STAGE abstracts made uniform, one record a line, with `docid`.

Either one file for each language (`title`, `abstract`), joined by docid, or both languages in one record: as
`abstract_en` and `abstract_ja`, or as `abstract: {en, ja}`; title, keywords and subjects likewise.
"""

from collections.abc import Callable, Iterator
from typing import Any

from etils import epath

from jaxmlda.corpus.formats.base import Filtered, Found, Item, Options, Place, reader
from jaxmlda.corpus.formats.fields import id_of, json_records, language_of, text_of, words_of, year_of


def split(record: dict[str, Any], field: str, language: str | None, make: Callable) -> dict[str, Any]:
    """A field by language, from {en, ja}, from FIELD_en and FIELD_ja, or from FIELD itself in the language given."""
    value = record.get(field)
    if isinstance(value, dict):
        given = {one: value.get(one) for one in ("en", "ja")}
    else:
        given = {one: record.get(f"{field}_{one}") for one in ("en", "ja")}
        if value is not None and language:
            given = {language: value} | {one: other for one, other in given.items() if other is not None}
    return {one: make(value, field) for one, value in given.items() if value is not None}


def found(record: dict[str, Any], place: Place, options: Options) -> Found | Filtered:
    """One article, in one language or both."""
    identity = id_of(record.get("docid"))
    abstract, language = record.get("abstract"), None
    if not isinstance(abstract, dict):
        said = record.get("language", record.get("lang"))
        sample = abstract if isinstance(abstract, str) else text_of(record.get("title"), "title")
        language = language_of(said, sample, options, place.file)
        if language is None:
            return Filtered("language", place)
    subjects = record.get("subjects")
    groups = subjects.values() if isinstance(subjects, dict) else [subjects]
    return Found(
        id=identity,
        place=place,
        texts=split(record, "abstract", language, text_of),
        titles=split(record, "title", language, text_of),
        keywords=split(record, "keywords", language, words_of),
        subjects=[word for group in groups for word in words_of(group, "subjects")],
        year=year_of(record.get("year")),
        source="J-STAGE",
    )


@reader(
    "jstage",
    suffixes=(".jsonl", ".ndjson"),
    help="J-STAGE records with docid, a file for each language or both in one; --language where none is said",
    takes=("language",),
)
def read(path: epath.Path, options: Options) -> Iterator[Item]:
    """The records of a file."""
    return json_records(path, lambda record, place: found(record, place, options))
