"""MedTxt-CR: case reports as <article> elements with tagged entities, one sentence a line.

In: an XML file whose articles may stand without a root; out: one text an article, its tags stripped.
"""

from collections.abc import Iterator

from etils import epath

from jaxmlda.corpus.formats.base import Faulty, Filtered, Found, Item, Options, excerpt, reader
from jaxmlda.corpus.formats.fields import language_of
from jaxmlda.corpus.formats.xml_records import Record, records


@reader(
    "medtxt",
    suffixes=(".xml",),
    help="MedTxt-CR: XML with one <article> a case report; --language",
    takes=("language",),
)
def read(path: epath.Path, options: Options) -> Iterator[Item]:
    """One item an article. Its language: the option, what the article says, what the file's name says, its script."""
    for record in records(path, ("article",), ()):
        yield record if isinstance(record, Faulty) else _item(record, options)


def _item(record: Record, options: Options) -> Item:
    place, article = record
    text = "\n".join(filter(None, (line.strip() for line in "".join(article.itertext()).split("\n"))))
    id = article.get("id", "").strip()
    if not id:
        return Faulty("no id", place, excerpt(text), "an <article> without an id")
    if not text:
        return Faulty("empty", place, id)
    language = language_of(article.get("xml:lang") or article.get("lang"), text, options, place.file)
    if language is None:
        return Filtered("language", place)
    title = " ".join(article.get("title", "").split())
    return Found(id, place, {language: text}, titles={language: title} if title else {}, source="MedTxt-CR")
