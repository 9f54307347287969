"""Small files and tables. A write goes to a neighbour and is renamed, so no reader sees half a file."""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from etils import epath

from jaxmlda.errors import UserError


@contextlib.contextmanager
def replacing(path: epath.PathLike) -> Iterator[epath.Path]:
    """Gives a neighbour of `path` to write to; on success the neighbour takes its place, on failure it goes."""
    target = epath.Path(path)
    neighbour = target.parent / f".{target.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield neighbour
        neighbour.replace(target)
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror or error}); free space or choose another folder"
        ) from error
    finally:
        if neighbour.exists():
            neighbour.unlink()


def write_text(path: epath.PathLike, text: str) -> None:
    """Writes UTF-8 text; lone surrogates are kept as they are read back by `read_lines`."""
    with replacing(path) as neighbour:
        neighbour.write_bytes(text.encode("utf-8", "surrogatepass"))


def write_json(path: epath.PathLike, value: Any) -> None:
    """Writes an object as indented JSON, keys in the order given."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_json(path: epath.PathLike) -> Any:
    """Reads one JSON file."""
    source = epath.Path(path)
    try:
        return json.loads(source.read_text())
    except FileNotFoundError as error:
        raise UserError(f"{source}: there is no such file") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{source}: not a JSON file ({error})") from error


def read_lines(path: epath.PathLike) -> Iterator[tuple[int, Any]]:
    """Yields (line number, object) of a JSON-lines file; empty lines are passed over."""
    source = epath.Path(path)
    if not source.exists():
        raise UserError(f"{source}: there is no such file")
    with source.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line.decode("utf-8-sig", "surrogatepass"))
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                raise UserError(f"{source}, line {number}: not a JSON object ({error})") from error


def write_table(path: epath.PathLike, table: pa.Table) -> None:
    """Writes one Parquet file (zstd)."""
    with replacing(path) as neighbour, neighbour.open("wb") as stream:
        pq.write_table(table, stream, compression="zstd")


def read_table(path: epath.PathLike, columns: list[str] | None = None) -> pa.Table:
    """Reads one Parquet file whole."""
    source = epath.Path(path)
    if not source.exists():
        raise UserError(f"{source}: there is no such table")
    try:
        with source.open("rb") as stream:
            return pq.read_table(stream, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{source}: cannot be read as Parquet ({error}); delete it and make it again") from error
