"""ASPEC-JE: ` ||| ` between id, number of the sentence, Japanese, English; in the train files a score stands first.

In: train-1.txt, dev.txt, devtest.txt, test.txt; out: one pair a line, its id `ARTICLE:SENTENCE`.
"""

from collections.abc import Iterator

from etils import epath
from pydantic import Field

from jaxmlda.corpus.formats.base import Faulty, Filtered, Found, Item, Options, Place, excerpt, lines, reader
from jaxmlda.corpus.formats.pairs import pair

SEPARATOR = "|||"


class AspecOptions(Options):
    """Options of ASPEC-JE."""

    fields: tuple[str, ...] = Field(
        (), description="letters that ids of wanted articles begin with, `G` for medicine; empty takes all"
    )


@reader(
    "aspec",
    suffixes=(".txt",),
    help="ASPEC-JE: lines `[score |||] id ||| number ||| ja ||| en`; --min-score, --option fields=G",
    options=AspecOptions,
    takes=("min_score",),
)
def read(path: epath.Path, options: AspecOptions) -> Iterator[Item]:
    """One item a line that is not blank; `min_score` is asked of lines that have a score."""
    for number, line in lines(path):
        if isinstance(line, Faulty):
            yield line
        elif line.strip():
            yield _item(line, Place(str(path), number), options)


def _item(line: str, place: Place, options: AspecOptions) -> Item:
    columns = [column.strip() for column in line.split(SEPARATOR)]
    if len(columns) not in (4, 5):
        return Faulty("wrong columns", place, excerpt(line), f"{len(columns)} columns, 4 or 5 expected")
    score = columns.pop(0) if len(columns) == 5 else None
    article, sentence, ja, en = columns
    if not article or not sentence:
        return Faulty("no id", place, excerpt(line))
    item = pair(f"{article}:{sentence}", place, en, ja, record=line, score=score, lowest=options.min_score)
    if options.fields and not isinstance(item, Faulty) and article.partition("-")[0] not in options.fields:
        return Filtered("other field", place)
    return item._replace(source="ASPEC", cluster=article) if isinstance(item, Found) else item
