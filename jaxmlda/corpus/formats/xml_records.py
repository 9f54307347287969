"""Records of an XML file, each parsed alone: a broken one costs itself, and memory holds one at a time.

In: a file and the names of its record elements; out: the element of each record, or the fault that took its place.
No document type is read: nothing is loaded from elsewhere, and an entity that one defines is a fault of its record.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from etils import epath

from jaxmlda.corpus.formats.base import Faulty, Place, excerpt, opened
from jaxmlda.corpus.formats.xml_pieces import Kind, pieces

LONGEST = 1 << 24
BROKEN = "broken XML"
_TAG = re.compile(rb"<[^<>]*>")
_FIRST = re.compile(rb"<([A-Za-z_:][^\s<>/]*)")
_SPACES = re.compile(r"[ \t\r\n]+")


class Record(NamedTuple):
    """One record: where it begins, and its element. Names keep their prefixes, namespaces are not resolved."""

    place: Place
    element: Element


def flat(element: Element | None) -> str:
    """All text within an element, each run of white space as one space; empty for None."""
    return "" if element is None else _SPACES.sub(" ", "".join(element.itertext())).strip(" ")


def records(path: epath.Path, names: tuple[str, ...], roots: tuple[str, ...]) -> Iterator[Record | Faulty]:
    """Every record of a file in order. `roots` are the elements that may hold no record at all without a fault."""
    with opened(path) as stream:
        reading = _Reading(str(path), names, roots)
        for kind, data in pieces(stream, names):
            yield from reading.take(kind, data)
        yield from reading.end(stream.raw.torn)


class _Span:
    """Bytes of the file from the first that is no white space; of what is too long only the two ends are kept."""

    def __init__(self, line: int) -> None:
        self.line, self.size = line, 0
        self._first, self._last = bytearray(), b""

    def add(self, data: bytes) -> None:
        if not self.size:
            bare = data.lstrip()
            self.line += data[: len(data) - len(bare)].count(b"\n")
            data = bare
        self.size += len(data)
        if self.size <= LONGEST:
            self._first += data
        else:
            self._last = (self._last + data)[-(1 << 10) :]

    @property
    def data(self) -> bytes:
        """The bytes that are kept."""
        return bytes(self._first) + self._last

    @property
    def bare(self) -> bool:
        """It holds no text, only tags."""
        return not _TAG.sub(b"", self.data).strip()


class _Reading:
    """Takes the pieces of one file and gives its records; knows the line, the root, and the open record."""

    def __init__(self, file: str, names: tuple[str, ...], roots: tuple[str, ...]) -> None:
        self.file, self.names, self.roots = file, names, roots
        self.line, self.root, self.seen = 1, "", 0
        self.record: _Span | None = None
        # The open record began before the end of another one: it may be the end tag of that one, damaged.
        self.within = False
        self.between = _Span(1)

    def take(self, kind: Kind, data: bytes) -> Iterator[Record | Faulty]:
        """What is complete with this piece."""
        line = self.line
        self.line += data.count(b"\n")
        if kind in (Kind.OPEN, Kind.ALONE):
            yield from self._open(line)
            self.record.add(data)
            if kind is Kind.ALONE:
                yield self._close()
        elif self.record is not None:
            self.record.add(data)
            if kind is Kind.CLOSE:
                yield self._close()
        elif kind is Kind.CLOSE:
            yield from self._end_alone(line)
        elif kind is Kind.REST:
            self.between.add(data)

    def end(self, torn: str) -> Iterator[Faulty]:
        """The fault at the end of the file, if there is one; `torn` says why its bytes end early."""
        self._find_root()
        reason = "broken compression" if torn else BROKEN
        if self.record is not None:
            if not (self.within and self.record.bare):
                yield self._fault(self.record, torn or f"the file ends in line {self.line} within this record", reason)
        elif torn:
            yield Faulty(reason, Place(self.file, self.line), excerpt(self.between.data), torn)
        elif self.root and not re.search(rb"</" + re.escape(self.root.encode()) + rb"\s*>", self.between.data):
            place = Place(self.file, self.line)
            yield Faulty(BROKEN, place, excerpt(self.between.data), f"the file ends before </{self.root}>")
        elif not self.seen and self.root not in self.roots:
            yield Faulty(BROKEN, Place(self.file, 1), excerpt(self.between.data), f"no <{self.names[0]}> in the file")
        elif self.seen:
            yield from self._stray()

    def _open(self, line: int) -> Iterator[Faulty]:
        if self.record is not None:
            if not (self.within and self.record.bare):
                yield self._fault(self.record, f"the next record begins in line {line} before the end of this one")
        elif self.seen:
            yield from self._stray()
        else:
            self._find_root()
        self.within = self.record is not None
        self.seen += 1
        self.record, self.between = _Span(line), _Span(line)

    def _end_alone(self, line: int) -> Iterator[Faulty]:
        """An end tag where no record is open ends one whose start tag is damaged, if there is any text before it."""
        self._find_root()
        if not self.between.bare:
            self.seen += 1
            yield self._fault(self.between, f"the end of a record without its beginning, line {line}")
        self.between = _Span(self.line)

    def _close(self) -> Record | Faulty:
        span, self.record = self.record, None
        self.between = _Span(self.line)
        if span.size > LONGEST:
            return self._fault(span, f"more than {LONGEST >> 20} MiB", "record too long")
        return self._parse(span)

    def _parse(self, span: _Span) -> Record | Faulty:
        builder, parser = TreeBuilder(), expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
        parser.CharacterDataHandler = builder.data
        try:
            parser.Parse(span.data, True)
        except expat.ExpatError as error:
            message = expat.ErrorString(error.code)
            return self._fault(span, f"{message}, line {span.line + error.lineno - 1}", _reason(span.data))
        return Record(Place(self.file, span.line), builder.close())

    def _stray(self) -> Iterator[Faulty]:
        """Text that belongs to no record is a record whose tags are lost."""
        if not self.between.bare:
            yield self._fault(self.between, "text that belongs to no record")

    def _find_root(self) -> None:
        """The root is the first tag of the file, unless a record is."""
        if not self.seen and not self.root:
            first = _FIRST.search(self.between.data)
            self.root = first.group(1).decode("utf-8", "replace") if first else ""

    def _fault(self, span: _Span, detail: str, reason: str = BROKEN) -> Faulty:
        return Faulty(reason, Place(self.file, span.line), excerpt(span.data), detail)


def _reason(data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError:
        return "broken UTF-8"
    return BROKEN
