"""What every reader of a format shares: the records it gives, the register of formats, and lines of text files.

In: a path of any user's file; out: items, exactly one for each record of the file. What a file holds never raises.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from etils import epath
from pydantic import BaseModel, ConfigDict, Field

from jaxmlda.corpus.formats.compressed import Torn, blocks, opened

__all__ = ["READERS", "Deleted", "Faulty", "Filtered", "Found", "Item", "Options", "Place", "Reader", "excerpt"]
__all__ += ["lines", "opened", "raw_lines", "reader"]

EXCERPT = 500
LONGEST_LINE = 1 << 24
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Place(NamedTuple):
    """Where a record stands: the file, and its line (for tables the number of the row), counted from 1."""

    file: str
    line: int


class Found(NamedTuple):
    """One record of the input; texts are by language. `version` tells which of two records of one id holds, `cluster`
    which records belong together from the start, as the sentences of one article do.
    """

    id: str
    place: Place
    texts: Mapping[str, str] = NOTHING
    titles: Mapping[str, str] = NOTHING
    keywords: Mapping[str, Sequence[str]] = NOTHING
    subjects: Sequence[str] = ()
    year: int = 0
    source: str = ""
    licence: str = ""
    paraphrases: Mapping[str, Sequence[str]] = NOTHING
    qa: Sequence[tuple[str, str, str]] = ()
    version: int = 0
    cluster: str = ""


class Faulty(NamedTuple):
    """A record that cannot be used: a short fixed reason, its place, an excerpt of it, and what a parser said."""

    reason: str
    place: Place
    record: str
    detail: str = ""


class Deleted(NamedTuple):
    """A word of the input that an earlier record is withdrawn."""

    id: str
    place: Place


class Filtered(NamedTuple):
    """A record set aside because the user asked for it: score, script, length.

    Where its format has versions it says whose version it was: the older ones of that id do not hold any more.
    """

    reason: str
    place: Place
    id: str = ""
    version: int = 0


Item = Found | Faulty | Deleted | Filtered


class Options(BaseModel):
    """Options that several formats share; a format with more of its own has a subclass."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, str] = Field({}, description="our field -> name of the column, nested ones with dots")
    language: str | None = Field(None, description="language of files that hold one language and do not say which")
    min_score: float | None = Field(None, description="pairs with a lower score are filtered")


class Reader(NamedTuple):
    """A format: how its files end, one line about it, the function that reads it, and what options it knows.

    `takes` names those of the shared options that the format heeds; the others are refused, never passed over.
    `files` gives the files that are read together with one, of which the first is the one to read. `prefix` gives what
    the ids of a file's records begin with where the file's name is in them, None where the user did not ask for that.
    """

    name: str
    suffixes: tuple[str, ...]
    help: str
    read: Callable[[epath.Path, Any], Iterator[Item]]
    options: type[Options]
    takes: tuple[str, ...]
    files: Callable[[epath.Path], list[epath.Path]] | None
    prefix: Callable[[epath.Path, Any], str | None] | None


READERS: dict[str, Reader] = {}


def reader(
    name: str,
    *,
    suffixes: tuple[str, ...],
    help: str,
    options: type[Options] = Options,
    takes: tuple[str, ...] = tuple(Options.model_fields),
    files: Callable[[epath.Path], list[epath.Path]] | None = None,
    prefix: Callable[[epath.Path, Any], str | None] | None = None,
) -> Callable:
    """Registers a function `read(path, options) -> Iterator[Item]` as the reader of a format."""

    def register(read: Callable[[epath.Path, Any], Iterator[Item]]) -> Callable:
        READERS[name] = Reader(name, suffixes, help, read, options, takes, files, prefix)
        return read

    return register


def excerpt(record: str | bytes) -> str:
    """The first 500 characters of a record, as text that can be stored: what is no character becomes U+FFFD."""
    if isinstance(record, bytes):
        return record[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]
    return record[:EXCERPT].encode("utf-8", "replace").decode()


def lines(path: epath.PathLike) -> Iterator[tuple[int, str | Faulty]]:
    """(number from 1, line without its end) of a text file, plain or compressed; a line that is no text is faulty.

    UTF-8, or UTF-16 where a byte order mark says so. Lines end with LF or CRLF. Reading goes on after a broken line.
    """
    number = 0
    for number, raw in enumerate(raw_lines(path, LONGEST_LINE), start=1):
        place = Place(str(path), number)
        if isinstance(raw, Torn):
            yield number, Faulty("broken compression", place, excerpt(raw.args[1]), str(raw.args[0]))
        elif len(raw) > LONGEST_LINE:
            yield number, Faulty("line too long", place, excerpt(raw), f"more than {LONGEST_LINE >> 20} MiB")
        else:
            yield number, _text(raw, place)


def raw_lines(path: epath.PathLike, longest: int) -> Iterator[bytes | Torn]:
    """Lines without their line feeds, UTF-16 written as UTF-8; of one that is too long only its beginning.

    A file whose compression is damaged ends in `Torn`.
    """
    return _raw_lines(_utf8(blocks(path)), longest)


def _text(raw: bytes, place: Place) -> str | Faulty:
    try:
        return raw.removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        return Faulty("broken UTF-8", place, excerpt(raw), f"{error.reason} at byte {error.start} of the line")


def _utf8(stream: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks without a byte order mark, UTF-16 written as UTF-8. Half a character stays broken."""
    stream = iter(stream)
    head = b""
    for block in stream:
        head += block
        if len(head) >= len(codecs.BOM_UTF8):
            break
    if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield head.removeprefix(codecs.BOM_UTF8)
        yield from stream
        return
    decoder = codecs.getincrementaldecoder("utf-16")("surrogatepass")
    yield decoder.decode(head).encode("utf-8", "surrogatepass")
    for block in stream:
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"


def _raw_lines(stream: Iterable[bytes], longest: int) -> Iterator[bytes | Torn]:
    kept, stream = bytearray(), iter(stream)
    while True:
        try:
            block = next(stream, None)
        except Torn as error:
            yield Torn(error.args[0], bytes(kept))
            return
        if block is None:
            break
        first, *others = block.split(b"\n")
        kept += first[: max(0, longest + 1 - len(kept))]
        if others:
            yield bytes(kept)
            *whole, last = others
            yield from whole
            kept = bytearray(last)
    if kept:
        yield bytes(kept)
