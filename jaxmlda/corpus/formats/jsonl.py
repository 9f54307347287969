"""Format `jsonl`: one JSON object a line, columns named by the user, nested ones with dots."""

from collections.abc import Iterator, Mapping
from typing import Any

from etils import epath

from jaxmlda.corpus.formats.base import Filtered, Found, Item, Place, reader
from jaxmlda.corpus.formats.fields import PLACE, TableOptions, found_of, json_records, listed, prefix
from jaxmlda.errors import UserError

KEYS = 1000


class Wanted:
    """The columns that the user named and no record of a file has had so far, and the keys that were there."""

    def __init__(self, columns: dict[str, str]) -> None:
        self.left = {field: name for field, name in columns.items() if (field, name) != ("id", PLACE)}
        self.keys: dict[str, None] = {}
        self.records = 0

    def see(self, record: Mapping[str, Any]) -> None:
        """Takes the columns of a record off the list."""
        self.records += 1
        if self.left:
            self.left = {field: name for field, name in self.left.items() if not has(record, name)}
            if len(self.keys) < KEYS:
                self.keys |= dict.fromkeys(keys(record))

    def check(self, path: epath.Path) -> None:
        """Refuses a file of which no record had a column that was named: it is most likely another one's name."""
        if self.left and self.records:
            missing = ", ".join(f"{field} ({name})" for field, name in self.left.items())
            raise UserError(
                f"{path}: no column for {missing} in any of its {self.records:,} records; their keys are "
                f"{listed(self.keys)}; mend --column, or leave out what this file does not have"
            )


def has(record: Mapping[str, Any], name: str) -> bool:
    """Whether a column is there, be it null; `a.b` is b within a, unless a key is called so."""
    if name in record:
        return True
    value: Any = record
    for key in name.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return True


def keys(record: Mapping[str, Any]) -> Iterator[str]:
    """The keys of a record, those of objects within it with a dot."""
    for key, value in record.items():
        yield from (f"{key}.{inner}" for inner in value) if isinstance(value, Mapping) and value else (key,)


@reader(
    "jsonl",
    suffixes=(".jsonl", ".ndjson", ".json"),
    help="one JSON object a line; --column OURS=THEIRS, nested ones with dots",
    options=TableOptions,
    takes=("columns", "language"),
    prefix=prefix,
)
def read(path: epath.Path, options: TableOptions) -> Iterator[Item]:
    """The records of a file."""
    names, wanted = options.names(), Wanted(options.columns)

    def made(record: dict[str, Any], place: Place) -> Found | Filtered:
        wanted.see(record)
        return found_of(record, names, options, place)

    yield from json_records(path, made)
    wanted.check(path)
