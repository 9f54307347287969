"""Bytes of an input file, plain, gzip or zstandard (told by its first bytes, not by its name), in blocks.

In: a path; out: decompressed blocks or a binary stream. A damaged file ends early and says so, it never raises.
"""

import contextlib
import io
import itertools
import zlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import zstandard
from etils import epath

SUFFIXES = (".gz", ".zst")
GZIP, ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# Small blocks bound what one block of a highly compressed file can grow to.
PACKED_BLOCK, PLAIN_BLOCK = 1 << 14, 1 << 20
LARGEST_WINDOW = 1 << 31

_watcher: ContextVar[Callable[[int], Any] | None] = ContextVar("watcher", default=None)


def unpacked(name: str) -> str:
    """The name of a file without the suffix of its compression."""
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


class Torn(Exception):
    """The compressed bytes end too early or are damaged."""


@contextlib.contextmanager
def watched(watcher: Callable[[int], Any]) -> Iterator[None]:
    """Within it, `watcher` is told of the bytes that are read from input files, as they lie on the disk."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def tell(count: int) -> None:
    """Tells the watcher that so many more bytes of the input were read."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher(count)


def blocks(path: epath.PathLike) -> Iterator[bytes]:
    """Decompressed blocks of a file. Raises `Torn` where a compressed file is damaged."""
    with epath.Path(path).open("rb") as stream:
        head = stream.read(len(ZSTANDARD))
        tell(len(head))
        if head.startswith(GZIP):
            yield from _unpacked(head, stream, lambda: zlib.decompressobj(wbits=31))
        elif head.startswith(ZSTANDARD):
            machine = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
            yield from _unpacked(head, stream, machine.decompressobj)
        else:
            yield head
            yield from _read(stream, PLAIN_BLOCK)


def _read(stream: Any, size: int) -> Iterator[bytes]:
    while block := stream.read(size):
        tell(len(block))
        yield block


def _unpacked(head: bytes, stream: Any, make: Callable[[], Any]) -> Iterator[bytes]:
    """Blocks of a file of one or more compressed members, one after the other; NULs may follow them."""
    member = make()
    for block in itertools.chain([head], _read(stream, PACKED_BLOCK)):
        while block:
            if member.eof:
                block = block.lstrip(b"\0")
                member = make() if block else member
            try:
                unpacked = member.decompress(block) if block else b""
            except (zlib.error, zstandard.ZstdError) as error:
                raise Torn(str(error)) from error
            yield unpacked
            block = member.unused_data if member.eof and block else b""
    if not member.eof:
        raise Torn("the file ends within its compressed data")


class Opened(io.RawIOBase):
    """The decompressed bytes of a file. Where they are damaged, a NUL byte is put before the end.

    No parser of a text format takes a NUL for content, so what is damaged is never read as if it were whole.
    """

    def __init__(self, path: epath.PathLike) -> None:
        self._blocks = blocks(path)
        self._left = b""
        self.torn = ""

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as the next bytes go; 0 at the end."""
        while not self._left:
            try:
                self._left = next(self._blocks)
            except StopIteration:
                return 0
            except Torn as error:
                self.torn = str(error)
                self._left = b"\0"
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def close(self) -> None:
        """Closes the file beneath."""
        self._blocks.close()
        super().close()


def opened(path: epath.PathLike) -> io.BufferedReader:
    """A binary stream over the decompressed bytes of a file, for parsers that read from one."""
    return io.BufferedReader(Opened(path), PLAIN_BLOCK)
