"""Format `huggingface`: the Parquet or Arrow files of a dataset, read by batches; no network, no other library.

Columns are named by the user, nested ones with dots: `--column en=translation.en`.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from etils import epath

from jaxmlda.corpus.formats.base import Faulty, Item, Place, excerpt, reader
from jaxmlda.corpus.formats.compressed import GZIP, ZSTANDARD, tell
from jaxmlda.corpus.formats.fields import PLACE, TEXTS, TableOptions, Wrong, found_of, listed, prefix
from jaxmlda.errors import UserError

ROWS = 1024
BROKEN = (pa.ArrowException, OSError, KeyError)


def roots(schema: pa.Schema, options: TableOptions, path: epath.Path) -> list[str]:
    """The top columns that are needed; a file without text or id, or without a column that was named, is refused."""
    names = options.names()
    placed = names.get("id") == PLACE
    there = {field: root for field, name in names.items() if (root := root_of(schema, name, path))}
    missing = sorted(set(options.columns) - set(there) - ({"id"} if placed else set()))
    missing += [] if missing or set(TEXTS) & set(there) else ["en, ja or text"]
    missing += [] if "id" in there or "id" in missing or placed else ["id"]
    if missing:
        raise UserError(
            f"{path}: no column for {', '.join(missing)}; its columns are {listed(_named(schema))}; name yours as in "
            "--column en=translation.en (an id of file and row: --column id=@place)"
        )
    return sorted(set(there.values()))


def root_of(schema: pa.Schema, name: str, path: epath.Path) -> str | None:
    """The top column that holds a column, None where no such column is there."""
    root, *inner = [name] if name in schema.names else name.split(".")
    if schema.names.count(root) > 1:
        raise UserError(f"{path}: the column {listed([root])} stands twice; give each a name of its own")
    if root not in schema.names:
        return None
    kind = schema.field(root).type
    for key in inner:
        if not pa.types.is_struct(kind) or kind.get_field_index(key) < 0:
            return None
        kind = kind.field(key).type
    return root


def _named(schema: pa.Schema) -> Iterator[str]:
    for column in schema:
        inner = [one.name for one in column.type.fields] if pa.types.is_struct(column.type) else []
        yield from (f"{column.name}.{name}" for name in inner) if inner else (column.name,)


def batches(path: epath.Path, options: TableOptions) -> Iterator[pa.RecordBatch]:
    """Record batches of the needed columns, from Parquet or either of Arrow's two formats."""
    path = epath.Path(path)
    size = path.stat().length
    with path.open("rb") as stream:
        head = stream.read(6)
        stream.seek(0)
        if head.startswith((GZIP, ZSTANDARD)):
            raise UserError(f"{path}: Parquet and Arrow files are not read compressed; unpack it (gunzip, zstd -d)")
        if head.startswith(b"PAR1"):
            file = pq.ParquetFile(stream)
            for batch in file.iter_batches(ROWS, columns=roots(file.schema_arrow, options, path)):
                tell(size * len(batch) // max(1, file.metadata.num_rows))
                yield batch
        elif head == b"ARROW1":
            file = pa.ipc.open_file(stream)
            needed = roots(file.schema, options, path)
            for number in range(file.num_record_batches):
                tell(size // file.num_record_batches)
                yield checked(file.get_batch(number), needed)
        else:
            file = pa.ipc.open_stream(stream)
            needed, before = roots(file.schema, options, path), 0
            for batch in file:
                tell(stream.tell() - before)
                before = stream.tell()
                yield checked(batch, needed)


def checked(batch: pa.RecordBatch, needed: list[str]) -> pa.RecordBatch:
    """The needed columns; Arrow's files hold addresses, which damage would lead astray, so all are checked."""
    chosen = batch.select(needed)
    chosen.validate(full=True)
    return chosen


def rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | Exception]:
    """The rows of a batch; where a value cannot be turned into one of Python's, the others are given still."""
    for start in range(0, len(batch), ROWS):
        piece = batch.slice(start, ROWS)
        try:
            yield from piece.to_pylist()
        except (ValueError, OverflowError, pa.ArrowException):
            for number in range(len(piece)):
                try:
                    yield piece.slice(number, 1).to_pylist()[0]
                except (ValueError, OverflowError, pa.ArrowException) as error:
                    yield error


def safe(path: epath.Path, options: TableOptions) -> Iterator[pa.RecordBatch | Exception]:
    """The batches; where a file is damaged, the fault is the last one."""
    try:
        yield from batches(path, options)
    except BROKEN as error:
        yield error


@reader(
    "huggingface",
    suffixes=(".parquet", ".arrow"),
    help="a dataset's Parquet or Arrow files; --column en=translation.en",
    options=TableOptions,
    takes=("columns", "language"),
    prefix=prefix,
)
def read(path: epath.Path, options: TableOptions) -> Iterator[Item]:
    """The rows of a file."""
    names, number = options.names(), 0
    for batch in safe(path, options):
        if isinstance(batch, Exception):
            yield Faulty("broken table", Place(str(path), number + 1), "", str(batch))
            return
        for row in rows(batch):
            number += 1
            place = Place(str(path), number)
            if isinstance(row, Exception):
                yield Faulty("broken value", place, "", str(row))
                continue
            try:
                yield found_of(row, names, options, place)
            except Wrong as error:
                yield Faulty(error.reason, place, excerpt(str(row)[:2000]), error.detail)
