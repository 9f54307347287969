"""Format `csv`: tables with a delimiter, a header line, and columns named by the user.

A quoted field may hold delimiters, quotes and line ends. A quote that is never closed spoils its own line only.
"""

import csv
from collections import Counter, deque
from collections.abc import Iterator

from etils import epath
from pydantic import Field

from jaxmlda.corpus.formats.base import Faulty, Item, Place, excerpt, lines, reader
from jaxmlda.corpus.formats.compressed import unpacked
from jaxmlda.corpus.formats.fields import FIELDS, PLACE, TEXTS, TableOptions, Wrong, found_of, listed, prefix
from jaxmlda.errors import UserError

LINES_OF_A_FIELD = 200
UNCLOSED = "unexpected end of data"
RETURNS = "its lines seem to end in CR alone, as those of old Macs do: turn them into LF (tr '\\r' '\\n')"
csv.field_size_limit(1 << 30)

Line = tuple[int, str | Faulty]


class CsvOptions(TableOptions):
    """The options of the format."""

    delimiter: str = Field("", description="between columns; a tab where the name ends in .tsv, or else a comma")
    quotes: bool | None = Field(None, description="whether quotes hold fields together; not where a tab delimits")
    header: bool = Field(True, description="the first line names the columns; without it they are called 1, 2, ...")


class Table:
    """The records of a file as lists of fields, each with the number of its first line."""

    def __init__(self, path: epath.Path, options: CsvOptions) -> None:
        tab = unpacked(path.name).endswith((".tsv", ".tab"))
        self.delimiter = (options.delimiter or ("\t" if tab else ",")).replace("\\t", "\t")
        if len(self.delimiter) != 1:
            raise UserError(f"--option delimiter={self.delimiter}: one character is needed, or \\t for a tab")
        self.quotes = self.delimiter != "\t" if options.quotes is None else options.quotes
        self._path = str(path)
        self._ahead: deque[Line] = deque()
        self._lines = iter(lines(path))

    def _next(self) -> Line | None:
        return self._ahead.popleft() if self._ahead else next(self._lines, None)

    def __iter__(self) -> Iterator[tuple[int, str, list[str] | Faulty]]:
        """(line, its text, fields or what is wrong); blank lines are passed over."""
        while (line := self._next()) is not None:
            number, text = line
            if isinstance(text, Faulty):
                yield number, "", text
            elif text.strip(" \r"):
                yield number, text, self._fields(number, text)

    def _fields(self, number: int, text: str) -> list[str] | Faulty:
        if not self.quotes or '"' not in text:
            return text.split(self.delimiter)
        taken: list[Line] = []
        while True:
            try:
                return next(csv.reader([text], delimiter=self.delimiter, strict=True))
            except csv.Error as error:
                reason = "unclosed quote" if str(error) == UNCLOSED else "broken quotes"
                whole = self._longer(text, taken) if reason == "unclosed quote" else None
                if whole is None:
                    self._ahead.extendleft(reversed(taken))
                    return Faulty(reason, Place(self._path, number), excerpt(text), str(error))
                text = whole

    def _longer(self, text: str, taken: list[Line]) -> str | None:
        """The text with the lines that follow, as far as the next that holds a quote; None where none does."""
        parts = [text]
        while len(taken) < LINES_OF_A_FIELD and (line := self._next()) is not None:
            taken.append(line)
            if isinstance(line[1], Faulty):
                break
            parts.append(line[1])
            if '"' in line[1]:
                return "\n".join(parts)
        return None


def columns(table: Iterator, path: epath.Path, options: CsvOptions) -> list[str]:
    """The names of the columns, from the header; a header without what is needed makes the file unreadable."""
    _, _, header = next(table, (0, "", []))
    if isinstance(header, Faulty):
        why = RETURNS if "\r" in header.record else "mend it, or --option header=no"
        raise UserError(f"{path}, line 1: the header cannot be read ({header.reason}); {why}")
    header = [name.strip() for name in header]
    if any("\r" in name for name in header):
        raise UserError(f"{path}, line 1: {RETURNS}; its columns would be {listed(header)}")
    if header:
        check(header, path, options)
    return header


def check(header: list[str], path: epath.Path, options: CsvOptions) -> None:
    """Refuses columns among which a needed one is missing, or one stands twice."""
    names = options.names()
    there = {field for field in FIELDS if names.get(field) in header}
    placed = names.get("id") == PLACE
    given = set(options.columns) - there - ({"id"} if placed else set())
    missing = sorted(given) or ([] if there & set(TEXTS) else ["en, ja or text"])
    missing += [] if "id" in there or "id" in missing or placed else ["id"]
    if missing:
        raise UserError(
            f"{path}: no column for {', '.join(missing)}; its columns are {listed(header)}; name yours as in "
            "--column en=abstract (an id of file and line: --column id=@place)"
        )
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise UserError(f"{path}, line 1: the column {listed(twice[:1])} stands twice; give each a name of its own")


@reader(
    "csv",
    suffixes=(".csv", ".tsv", ".tab"),
    help="tables with a header; --column OURS=THEIRS, --option delimiter=\\t, quotes=, header=",
    options=CsvOptions,
    takes=("columns", "language"),
    prefix=prefix,
)
def read(path: epath.Path, options: CsvOptions) -> Iterator[Item]:
    """The rows of a file."""
    table, names = iter(Table(path, options)), options.names()
    header = columns(table, path, options) if options.header else None
    for number, text, fields in table:
        if isinstance(fields, Faulty):
            yield fields
            continue
        place = Place(str(path), number)
        if header is None:
            header = [str(column) for column in range(1, len(fields) + 1)]
            check(header, path, options)
        if len(fields) != len(header):
            yield Faulty("wrong columns", place, excerpt(text), f"{len(fields)} columns, {len(header)} are named")
            continue
        try:
            yield found_of(
                {name: field for name, field in zip(header, fields, strict=True) if field}, names, options, place
            )
        except Wrong as error:
            yield Faulty(error.reason, place, excerpt(text), error.detail)
