"""What every reader of dictionaries shares: the register of formats, lines of files plain and packed, and the log.

In: a format's name and files; out: terms, with every record of the files counted as kept, filtered or faulty.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import IO, NamedTuple

from etils import epath

from jaxmlda.corpus.formats.base import raw_lines
from jaxmlda.corpus.formats.compressed import Torn
from jaxmlda.corpus.lexicon import Term
from jaxmlda.errors import UserError

SHOWN = 500


class Log:
    """Counts records (records = kept + filtered + faulty) and sets the faulty ones aside with their place."""

    def __init__(self, quarantine: IO[str]) -> None:
        self.records = self.faulty = 0
        self.filtered: Counter[str] = Counter()
        self._quarantine = quarantine
        self._first = ""

    def filter(self, reason: str) -> None:
        """A sound record that is not wanted."""
        self.filtered[reason] += 1

    def fault(self, path: epath.PathLike, line: int, reason: str, text: str) -> None:
        """A record that cannot be used."""
        self.faulty += 1
        self._first = self._first or f"{path}, line {line}: {reason}"
        record = {"file": str(path), "line": line, "reason": reason, "text": text[:SHOWN]}
        self._quarantine.write(json.dumps(record, ensure_ascii=False) + "\n")

    def check(self, max_bad: float) -> None:
        """Stops where the share of faulty records is above `max_bad`."""
        if self.faulty > max_bad * self.records:
            raise UserError(
                f"{self._first} (first of {self.faulty} faulty records of {self.records}; allowed are {max_bad:.2%}); "
                "mend the file or its --format, or allow more with --max-bad"
            )

    def counts(self) -> dict[str, object]:
        """What became of the records."""
        kept = self.records - self.faulty - self.filtered.total()
        return {
            "records": self.records,
            "kept": kept,
            "filtered": dict(sorted(self.filtered.items())),
            "faulty": self.faulty,
        }


class Format(NamedTuple):
    """A format by name; `read` gives the terms of one file and tells the log about every record.

    `by_line` says that concepts may be called after the file's name and the line.
    """

    name: str
    meaning: str
    read: Callable[[epath.Path, Log], Iterator[Term]]
    by_line: bool


FORMATS: dict[str, Format] = {}


def register(name: str, meaning: str, *, by_line: bool = False) -> Callable:
    """Enters a reader under its name."""

    def entered(read: Callable[[epath.Path, Log], Iterator[Term]]) -> Callable:
        FORMATS[name] = Format(name, meaning, read, by_line)
        return read

    return entered


def check(name: str, paths: Iterable[epath.PathLike]) -> None:
    """Refuses a format that is none and paths that are no files, before anything is read."""
    if name not in FORMATS:
        raise UserError(f"--format {name}: there is no such format of lexicons; there are {', '.join(sorted(FORMATS))}")
    named: dict[str, epath.Path] = {}
    for path in map(epath.Path, paths):
        if path.is_dir():
            raise UserError(f"{path}: is a folder; name the files in it")
        if not path.exists():
            raise UserError(f"{path}: there is no such file")
        if FORMATS[name].by_line and path.name in named:
            raise UserError(f"{named[path.name]} and {path}: concepts are called after the file's name; rename one")
        named[path.name] = path


def read(name: str, paths: list[epath.PathLike], log: Log) -> Iterator[Term]:
    """Terms of all files, in order."""
    check(name, paths)
    for path in map(epath.Path, paths):
        yield from FORMATS[name].read(path, log)


def lines(path: epath.Path) -> Iterator[tuple[int, bytes]]:
    """(number, bytes) of every line, its end taken off; what is compressed is unpacked, UTF-16 turned into UTF-8."""
    for number, line in enumerate(raw_lines(path, sys.maxsize), start=1):
        if isinstance(line, Torn):
            raise UserError(f"{path}: cannot be unpacked ({line.args[0]}); fetch the file again")
        yield number, line.rstrip(b"\r")


def texts(path: epath.Path, log: Log, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """(number, text) of every line that is not empty, each counted as a record; other bytes than text are faulty."""
    for number, line in lines(path):
        if not line.strip():
            continue
        log.records += 1
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            log.fault(path, number, f"not {encoding} ({error.reason})", line.decode(encoding, "replace"))
            continue
        yield number, text
