"""Moses and OPUS: `CORPUS.en-ja.en` and `CORPUS.en-ja.ja` line by line, with `.ids` and `.scores` where they exist.

In: either file of the two, or their common name `CORPUS.en-ja`; out: one pair a line, its id `CORPUS.en-ja:LINE`, or
`CORPUS.en-ja:IDS` with the line of the ids file.
"""

from collections.abc import Iterator
from itertools import zip_longest

from etils import epath

from jaxmlda.corpus.formats.base import Faulty, Item, Options, Place, excerpt, lines, reader
from jaxmlda.corpus.formats.compressed import SUFFIXES, unpacked
from jaxmlda.corpus.formats.pairs import pair
from jaxmlda.errors import UserError

LANGUAGES = (".en", ".ja")
Line = str | Faulty | None


def prefix(path: epath.PathLike) -> epath.Path:
    """The common name of the files of a corpus, given one of them or the name itself."""
    path = epath.Path(path)
    name = unpacked(path.name)
    for language in LANGUAGES:
        if name.endswith(language):
            return path.parent / name.removesuffix(language)
    return path


def files(path: epath.PathLike) -> list[epath.Path]:
    """Every file of the corpus that is read: both languages, and ids and scores where they exist."""
    home = prefix(path)
    found = (_beside(home, suffix) for suffix in (*LANGUAGES, ".ids", ".scores"))
    return [file for file in found if file is not None]


@reader(
    "moses",
    suffixes=LANGUAGES,
    help="two line-aligned files CORPUS.en-ja.en and CORPUS.en-ja.ja; either or the common name is given",
    takes=("min_score",),
    files=files,
    prefix=lambda path, options: prefix(path).name,
)
def read(path: epath.Path, options: Options) -> Iterator[Item]:
    """One item a line. A line that the other file lacks is faulty, for its partner may be any other line."""
    home = prefix(path)
    en, ja = _needed(home, ".en"), _needed(home, ".ja")
    ids, scores = _beside(home, ".ids"), _beside(home, ".scores")
    if scores is None and options.min_score is not None:
        raise UserError(f"{home}: no file {home.name}.scores beside it, so `min_score` cannot be asked for")
    columns = zip_longest(*map(_lines, (en, ja, ids, scores)))
    for number, (en_line, ja_line, id_line, score) in enumerate(columns, start=1):
        if en_line is None and ja_line is None:
            return
        place = Place(str(ja if en_line is None else en), number)
        broken = next((line for line in (en_line, ja_line, id_line, score) if isinstance(line, Faulty)), None)
        if broken is not None:
            yield broken
        elif en_line is None or ja_line is None:
            lacking = ja if ja_line is None else en
            yield Faulty(
                "no partner",
                place,
                excerpt(en_line or ja_line or ""),
                f"{lacking.name} ends before; are the lines before this one still aligned?",
            )
        elif ids is not None and not (id_line or "").strip():
            yield Faulty("no id", place, excerpt(f"{en_line}\t{ja_line}"), f"{ids.name} has no such line")
        else:
            id = f"{home.name}:{number if ids is None else ' '.join(id_line.split())}"
            given = None if scores is None else score or ""
            both = f"{en_line}\t{ja_line}"
            yield pair(id, place, en_line, ja_line, record=both, score=given, lowest=options.min_score)


def _beside(home: epath.Path, suffix: str) -> epath.Path | None:
    """The file of a corpus with this suffix, plain or compressed."""
    places = (home.parent / f"{home.name}{suffix}{packed}" for packed in ("", *SUFFIXES))
    return next((place for place in places if place.exists()), None)


def _needed(home: epath.Path, suffix: str) -> epath.Path:
    found = _beside(home, suffix)
    if found is None:
        raise UserError(f"{home}{suffix}: does not exist; the files of a Moses corpus are NAME.en and NAME.ja")
    return found


def _lines(path: epath.Path | None) -> Iterator[Line]:
    return iter(()) if path is None else (line for _, line in lines(path))
