"""Format `jsonl`: one JSON object a line, columns named by the user, nested ones with dots."""

from collections.abc import Iterator

from etils import epath

from jaxmlda.corpus.formats.base import Item, reader
from jaxmlda.corpus.formats.fields import TableOptions, found_of, json_records


@reader(
    "jsonl",
    suffixes=(".jsonl", ".ndjson", ".json"),
    help="one JSON object a line; --column OURS=THEIRS, nested ones with dots",
    options=TableOptions,
    takes=("columns", "language"),
)
def read(path: epath.Path, options: TableOptions) -> Iterator[Item]:
    """The records of a file."""
    names = options.names()
    return json_records(path, lambda record, place: found_of(record, names, options, place))
