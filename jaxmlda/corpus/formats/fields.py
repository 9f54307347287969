"""From a record of named values to a document's fields: nested columns, types, the language of a text.

In: what a line of JSON, a row of a table or of a spreadsheet holds; out: `Found`, or `Wrong` with its reason.
"""

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from etils import epath
from pydantic import field_validator

from jaxmlda.corpus import script
from jaxmlda.corpus.formats.base import Faulty, Filtered, Found, Item, Options, Place, excerpt, lines
from jaxmlda.corpus.formats.compressed import unpacked

TEXTS = ("en", "ja", "text")
FIELDS = (
    *("id", *TEXTS, "language", "title", "title_en", "title_ja", "keywords", "keywords_en", "keywords_ja"),
    *("subjects", "year", "source", "licence", "version", "cluster", "paraphrases_en", "paraphrases_ja", "qa"),
)
PLACE = "@place"
SEPARATORS = re.compile("[;；\n]+")
LAST_YEAR = 9999
LAST_VERSION = (1 << 63) - 1
LISTED, LONGEST_LISTED = 10, 40


class Wrong(Exception):
    """A record that cannot be used: its reason, and what exactly."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class TableOptions(Options):
    """Options of formats whose columns are named by the user."""

    @field_validator("columns")
    @classmethod
    def known(cls, columns: dict[str, str]) -> dict[str, str]:
        """Only our own fields can be given a column."""
        unknown = sorted(set(columns) - set(FIELDS))
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no field of a document; the fields are {', '.join(FIELDS)}")
        return columns

    def names(self) -> dict[str, str]:
        """Our field -> their column. A field that is not given is looked for under its own name.

        Once one of en, ja, text is given, the other two are no more looked for.
        """
        given = self.columns
        taken = {*given.values(), *(TEXTS if set(TEXTS) & set(given) else ())}
        return {field: given.get(field, field) for field in FIELDS if field in given or field not in taken}


def json_records(path: epath.Path, make: Callable[[dict[str, Any], Place], Item]) -> Iterator[Item]:
    """One item for every line of a JSONL file that is not blank, made from its object."""
    for number, line in lines(path):
        if isinstance(line, Faulty):
            yield line
        elif line.strip():
            place = Place(str(path), number)
            try:
                yield make(_object(line), place)
            except Wrong as error:
                yield Faulty(error.reason, place, excerpt(line), error.detail)


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Wrong("broken JSON", str(error)) from error
    if not isinstance(value, dict):
        raise Wrong("no record", f"a JSON object is needed, this is a {type(value).__name__}")
    return value


def pick(record: Mapping[str, Any], name: str) -> Any:
    """A value by its name; `a.b` is b within a, unless a key is called so. None where there is none."""
    if name in record or "." not in name:
        return record.get(name)
    value: Any = record
    for key in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def listed(names: Iterable[str]) -> str:
    """Names for an error: the first ten, each in at most 40 characters, and how many more there are."""
    given = [" ".join(name.split()) for name in names]
    shown = [f"{name[:LONGEST_LISTED]}..." if len(name) > LONGEST_LISTED else name for name in given[:LISTED]]
    more = f" and {len(given) - LISTED:,} more" if len(given) > LISTED else ""
    return ", ".join(shown).encode("utf-8", "replace").decode() + more


def text_of(value: Any, field: str) -> str:
    """A string; null is the empty one, anything else is wrong."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Wrong("wrong type", f"{field} is a {type(value).__name__}, a string is needed")
    return value


def id_of(value: Any) -> str:
    """An id: a string, or a whole number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    found = text_of(value, "id").strip()
    if not found:
        raise Wrong("no id")
    return found


def words_of(value: Any, field: str) -> list[str]:
    """A list of strings; one string is cut at semicolons, null is the empty list."""
    if value is None:
        return []
    if isinstance(value, str):
        return [word.strip() for word in SEPARATORS.split(value) if word.strip()]
    if not isinstance(value, list | tuple):
        raise Wrong("wrong type", f"{field} is a {type(value).__name__}, a list of strings is needed")
    return [text_of(word, field) for word in value if word is not None]


def rewrites_of(value: Any, field: str) -> list[str]:
    """A list of texts; a string is one of them, semicolons and all."""
    return words_of([value] if isinstance(value, str) else value, field)


def qa_of(value: Any) -> list[tuple[str, str, str]]:
    """Question-answer pairs: a list of objects with language, question and answer."""
    if value is None:
        return []
    if not isinstance(value, list | tuple) or not all(isinstance(pair, Mapping) for pair in value):
        raise Wrong("wrong type", "qa is a list of objects with language, question and answer")
    pairs = [
        tuple(text_of(pair.get(name), f"qa.{name}") for name in ("language", "question", "answer")) for pair in value
    ]
    if not all(language in ("en", "ja") for language, _, _ in pairs):
        raise Wrong("wrong type", "qa.language is en or ja")
    return pairs


def year_of(value: Any) -> int:
    """The year of a number or of a date such as 2020-03-01; 0 where there is none."""
    if isinstance(value, str):
        digits = re.match(r"\s*(\d{4})(?!\d)", value)
        value = int(digits[1]) if digits else 0
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) else 0
    year = getattr(value, "year", value)
    return year if isinstance(year, int) and not isinstance(year, bool) and 0 < year <= LAST_YEAR else 0


def version_of(value: Any) -> int:
    """A version: a whole number, or one written as such; 0 where there is none."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value):
        value = int(value)
    return min(max(0, value), LAST_VERSION) if isinstance(value, int) else 0


def language_of(said: Any, text: str, options: Options, path: epath.PathLike) -> str | None:
    """The language of a text: the option, what the record says, what the file's name says, the script.

    None where the record names a language that is neither English nor Japanese.
    """
    if options.language:
        return options.language
    if isinstance(said, str) and said.strip():
        return script.named(said)
    return script.named_in_file(epath.Path(path).name) or script.guess(text)


def _by_language(record: Mapping[str, Any], names: Mapping[str, str], field: str, make: Callable) -> dict[str, Any]:
    found = {}
    for language in ("en", "ja"):
        column = names.get(f"{field}_{language}")
        value = make(pick(record, column), column) if column else None
        if value:
            found[language] = value
    return found


def found_of(record: Mapping[str, Any], names: Mapping[str, str], options: Options, place: Place) -> Found | Filtered:
    """A record by a map of columns. A record without any text is wrong: the map most likely is."""

    def get(field: str) -> Any:
        return pick(record, names[field]) if field in names else None

    def identity() -> str:
        return f"{prefix_of(place.file)}:{place.line}" if names.get("id") == PLACE else id_of(get("id"))

    version = version_of(get("version"))
    texts = {language: text_of(get(language), language) for language in ("en", "ja") if get(language) is not None}
    titles = _by_language(record, names, "title", text_of)
    keywords = _by_language(record, names, "keywords", words_of)
    single = text_of(get("text"), "text")
    if single or (get("text") is not None and not texts):
        language = language_of(get("language"), single, options, place.file)
        if language is None:
            return Filtered("language", place, identity() if version else "", version)
        texts = {language: single} | texts
        titles = {language: text_of(get("title"), "title")} | titles
        keywords = {language: words_of(get("keywords"), "keywords")} | keywords
    if not texts:
        raise Wrong("no text", f"none of the columns {', '.join(names[one] for one in TEXTS if one in names)}")
    return Found(
        id=identity(),
        place=place,
        texts=texts,
        titles=titles,
        keywords=keywords,
        subjects=words_of(get("subjects"), "subjects"),
        year=year_of(get("year")),
        source=text_of(get("source"), "source"),
        licence=text_of(get("licence"), "licence"),
        cluster=text_of(get("cluster"), "cluster"),
        paraphrases=_by_language(record, names, "paraphrases", rewrites_of),
        version=version,
        qa=qa_of(get("qa")),
    )


def prefix_of(file: str) -> str:
    """What ids of file and line begin with: the folder and the name of the file, without its compression."""
    whole = file if "://" in file else os.path.abspath(file)
    folder, name = whole.split("/")[-2:]
    return f"{folder}/{unpacked(name)}"


def prefix(path: epath.PathLike, options: Options) -> str | None:
    """That of a file whose records have no ids, as `--column id=@place` says."""
    return prefix_of(str(path)) if options.columns.get("id") == PLACE else None
