"""Format `pubmed_jsonl`: PubMed abstracts, one JSON object a line, in any of three shapes.

`{pmid, title, abstract, mesh_terms, pubdate}`; `{id, contents}` as in MedRAG; `{text, meta: {pmid}}` as in the Pile.
Many citations have no abstract: such a record is set aside, not faulty.
"""

from collections.abc import Iterator
from typing import Any

from etils import epath

from jaxmlda.corpus import script
from jaxmlda.corpus.formats.base import Found, Item, Options, Place, reader
from jaxmlda.corpus.formats.fields import Wrong, id_of, json_records, pick, text_of, words_of, year_of

IDS = ("pmid", "PMID", "id", "meta.pmid", "meta.PMID", "meta.id")
TEXTS = ("abstract", "contents", "content", "text")
YEARS = ("pubdate", "year", "meta.year", "meta.pubdate")


def first(record: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The first of the named values that is there."""
    return next((value for name in names if (value := pick(record, name)) not in (None, "")), None)


def found(record: dict[str, Any], place: Place, options: Options) -> Found:
    """One citation."""
    if not any(name in record for name in TEXTS):
        raise Wrong("no text", f"none of the keys {', '.join(TEXTS)}")
    text = text_of(first(record, TEXTS), "abstract")
    language = options.language or script.guess(text)
    title = text_of(record.get("title"), "title")
    return Found(
        id=id_of(first(record, IDS)),
        place=place,
        texts={language: text} if text.strip() else {},
        titles={options.language or script.guess(title): title} if title else {},
        subjects=words_of(record.get("mesh_terms"), "mesh_terms"),
        year=year_of(first(record, YEARS)),
        source="PubMed",
    )


@reader(
    "pubmed_jsonl",
    suffixes=(".jsonl", ".ndjson", ".json"),
    help="PubMed abstracts as JSONL: {pmid, abstract}, {id, contents} or {text, meta}",
    takes=("language",),
)
def read(path: epath.Path, options: Options) -> Iterator[Item]:
    """The citations of a file."""
    return json_records(path, lambda record, place: found(record, place, options))
