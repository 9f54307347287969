"""Cuts the bytes of an XML file into pieces without parsing it: the tags of its records, what is no markup, the rest.

In: a binary stream and the names of the record elements; out: pieces that joined are the file, as UTF-8. A comment
or a quotation that never ends is taken for text, so that damage to one record does not reach the next.
"""

import codecs
import re
from collections.abc import Iterator
from enum import Enum
from typing import BinaryIO, NamedTuple

BLOCK = 1 << 20
# A comment, a quotation or a tag that does not end within so many bytes never does.
PATIENCE = 1 << 20
HEAD = 1 << 10
# Longer than the beginning of any tag of a record.
OVERLAP = 64

_DECLARED = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([\w.-]+)["']""")
_COMMENT = rb"<!--[^-]*(?:-[^-]+)*-->"
_CDATA = rb"<!\[CDATA\[[^<\]]*(?:(?:\](?!\]>)|<(?!!\[CDATA\[))[^<\]]*)*\]\]>"
_INSTRUCTION = rb"<\?[^<]*?\?>"
_QUOTED = rb"""(?:[^<>"'\[]|"[^"]*"|'[^']*')*"""
_DECLARATION = rb"\s|%[^;<]*;|" + _COMMENT + rb"|" + _INSTRUCTION + rb"|<!(?!--)" + _QUOTED + rb">"
_DOCTYPE = rb"<!DOCTYPE" + _QUOTED + rb"(?:\[(?:" + _DECLARATION + rb")*\]\s*)?>"
_NO_MARKUP = re.compile(b"|".join([_COMMENT, _CDATA, _DOCTYPE, _INSTRUCTION]))
_NUL = "jaxmlda.nul"


def _nul(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no character become a NUL, which no XML may hold: the record around them is then faulty."""
    return "\0", error.end  # type: ignore[attr-defined]


codecs.register_error(_NUL, _nul)


class Kind(Enum):
    """What a piece is."""

    OPEN = "start tag of a record"
    CLOSE = "end tag of a record"
    ALONE = "record that is one empty tag"
    ASIDE = "comment, CDATA, instruction or document type"
    REST = "anything else"


class Piece(NamedTuple):
    """Some bytes of the file in a row, and what they are."""

    kind: Kind
    data: bytes


def pieces(stream: BinaryIO, names: tuple[str, ...]) -> Iterator[Piece]:
    """The pieces of an XML file in order. `names` are the elements that are records."""
    either = "|".join(map(re.escape, names)).encode()
    opener = re.compile(rb"<(?:!--|!\[CDATA\[|!DOCTYPE|\?|/?(?:" + either + rb")(?=[\s/>]))")
    tag = re.compile(rb"<(/?)(?:" + either + rb")(?=[\s/>])(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*>")
    source = _utf8(stream)
    buffer, ended = b"", False
    while not ended:
        block = next(source, None)
        ended = block is None
        buffer += block or b""
        place = 0
        while match := opener.search(buffer, place):
            found = _piece(buffer, match, tag, ended or len(buffer) - match.start() > PATIENCE)
            if found is None:
                break
            if match.start() > place:
                yield Piece(Kind.REST, buffer[place : match.start()])
            yield found
            place = match.start() + len(found.data)
        keep = match.start() if match else len(buffer) if ended else max(place, len(buffer) - OVERLAP)
        if keep > place:
            yield Piece(Kind.REST, buffer[place:keep])
        buffer = buffer[keep:]


def _piece(buffer: bytes, match: re.Match[bytes], tag: re.Pattern[bytes], now: bool) -> Piece | None:
    """The piece that begins with `match`; None where more bytes may complete it, which `now` rules out."""
    start = match.start()
    if buffer[start + 1 : start + 2] in (b"!", b"?"):
        whole = _NO_MARKUP.match(buffer, start)
        if whole:
            return Piece(Kind.ASIDE, whole.group())
        return Piece(Kind.REST, match.group()) if now else None
    whole = tag.match(buffer, start)
    if whole is None:
        # A tag that is never closed is still a sign of where a record begins or ends.
        kind = Kind.CLOSE if match.group()[1:2] == b"/" else Kind.OPEN
        return Piece(kind, match.group()) if now else None
    if whole.group(1):
        return Piece(Kind.CLOSE, whole.group())
    return Piece(Kind.ALONE if whole.group().endswith(b"/>") else Kind.OPEN, whole.group())


def _utf8(stream: BinaryIO) -> Iterator[bytes]:
    """Blocks of the file as UTF-8 without a byte order mark."""
    head = stream.read(BLOCK)
    encoding = _encoding(head)
    if encoding == "utf-8":
        head = head.removeprefix(codecs.BOM_UTF8)
        while head:
            yield head
            head = stream.read(BLOCK)
        return
    decoder = codecs.getincrementaldecoder(encoding)(_NUL)
    while head:
        yield decoder.decode(head).encode("utf-8", "surrogatepass")
        head = stream.read(BLOCK)
    yield decoder.decode(b"", True).encode("utf-8", "surrogatepass")


def _encoding(head: bytes) -> str:
    """The encoding by the byte order mark, by how `<` is written, or by the XML declaration; else UTF-8."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith((b"<\0", b"\0<")):
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    declared = _DECLARED.search(head[:HEAD])
    name = declared.group(1).decode().lower() if declared else "utf-8"
    return name if name in ("shift_jis", "cp932", "euc-jp", "iso-2022-jp", "iso-8859-1", "windows-1252") else "utf-8"
