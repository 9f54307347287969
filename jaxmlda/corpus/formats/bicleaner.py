"""JParaCrawl and other corpora scored by Bicleaner: tab-separated address or addresses, score, English, Japanese.

In: en-ja.bicleaner05.txt with 5 columns (two addresses) or 4 (one); out: one pair a line, its id `NAME:LINE`.
"""

from collections.abc import Iterator

from etils import epath
from pydantic import Field

from jaxmlda.corpus.formats.base import Faulty, Item, Options, Place, excerpt, lines, reader
from jaxmlda.corpus.formats.pairs import pair, stem


class BicleanerOptions(Options):
    """Options of Bicleaner's files."""

    min_score: float | None = Field(0.7, description="pairs with a lower score are filtered")


@reader(
    "bicleaner",
    suffixes=(".txt", ".tsv"),
    help="JParaCrawl: tab-separated `url [url] score en ja`, pairs from --min-score 0.7 on",
    options=BicleanerOptions,
    takes=("min_score",),
    prefix=stem,
)
def read(path: epath.Path, options: BicleanerOptions) -> Iterator[Item]:
    """One item a line that is not blank: the last three columns are score, English, Japanese."""
    name = stem(path)
    for number, line in lines(path):
        if isinstance(line, Faulty):
            yield line
        elif line.strip():
            yield _item(line, Place(str(path), number), name, options)


def _item(line: str, place: Place, name: str, options: BicleanerOptions) -> Item:
    columns = line.split("\t")
    if len(columns) not in (4, 5):
        return Faulty("wrong columns", place, excerpt(line), f"{len(columns)} columns, 4 or 5 expected")
    score, en, ja = columns[-3:]
    return pair(f"{name}:{place.line}", place, en, ja, record=line, score=score, lowest=options.min_score)
