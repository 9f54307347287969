"""Rows on disk: TensorStore zarr3 arrays cut into shards, one row an inner chunk; the same code for gs://.

In: tokens, segments and ledger in training order; out: `rows[r]`, batches by number, and what they were made from.
"""

import functools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorstore
from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.rows.ledger import SCHEMA
from jaxmlda.storage import read_json, read_table, replacing, write_json, write_table

ROWS_A_SHARD = 1024
LEDGER = "ledger.parquet"
ARRAYS = {"tokens": "int32", "segment_ids": "int32", "loss_mask": "uint8"}


class Source(NamedTuple):
    """Digests of all that rows are made from."""

    corpus: str
    trial: str
    vocabulary: str
    recipe: str
    rows: str
    others: str


def _spec(path: epath.Path) -> dict[str, Any]:
    text = str(path)
    if text.startswith("gs://"):
        bucket, _, name = text.removeprefix("gs://").partition("/")
        return {"driver": "zarr3", "kvstore": {"driver": "gcs", "bucket": bucket, "path": f"{name}/"}}
    return {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path.absolute()}/"}}


def _create(path: epath.Path, dtype: str, shape: tuple[int, int]) -> tensorstore.TensorStore:
    codecs = [
        {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [1, shape[1]],
                "codecs": [{"name": "bytes"}, {"name": "zstd", "configuration": {"level": 1}}],
            },
        }
    ]
    metadata = {
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [ROWS_A_SHARD, shape[1]]}},
        "codecs": codecs,
    }
    return tensorstore.open(_spec(path) | {"metadata": metadata}, create=True, delete_existing=True).result()


Blocks = Iterator[dict[str, np.ndarray]]


def write(
    folder: epath.PathLike, blocks: Blocks, ledger: Iterable[pa.Table], streams: np.ndarray, meta: dict[str, Any]
) -> None:
    """Writes the ledger, a row group a table, then blocks of at most one shard, and last of all `meta.json`.

    Without `meta.json` the rows are torn.
    """
    home = epath.Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    (home / "meta.json").unlink(missing_ok=True)
    _write_ledger(home / LEDGER, ledger)
    shape = (len(streams), meta["sequence_length"])
    stores = {name: _create(home / name, dtype, shape) for name, dtype in ARRAYS.items()}
    done, writes = 0, []
    for block in blocks:
        # While a block is compressed and written, the next one is made.
        for write_ in writes:
            write_.result()
        count = len(block["tokens"])
        writes = [store[done : done + count].write(block[name]) for name, store in stores.items()]
        done += count
    for write_ in writes:
        write_.result()
    write_table(home / "streams.parquet", pa.table({"stream": streams.astype(np.int32)}))
    write_json(home / "meta.json", meta)


def _write_ledger(path: epath.Path, tables: Iterable[pa.Table]) -> None:
    with (
        replacing(path) as neighbour,
        neighbour.open("wb") as stream,
        pq.ParquetWriter(stream, SCHEMA, compression="zstd") as sink,
    ):
        for table in tables:
            sink.write_table(table, row_group_size=max(table.num_rows, 1))


class Row(NamedTuple):
    """One row and the pieces of documents in it."""

    tokens: np.ndarray
    segment_ids: np.ndarray
    positions: np.ndarray
    loss_mask: np.ndarray
    stream: str
    pieces: list[dict[str, Any]]


def positions_of(segment_ids: np.ndarray) -> np.ndarray:
    """Column minus the first column of its segment: positions restart with every segment."""
    columns = np.broadcast_to(np.arange(segment_ids.shape[-1], dtype=np.int32), segment_ids.shape)
    new = np.zeros(segment_ids.shape, bool)
    new[..., 1:] = segment_ids[..., 1:] != segment_ids[..., :-1]
    return columns - np.maximum.accumulate(np.where(new, columns, 0), axis=-1)


class Rows:
    """Prepared rows, read by number; numbers past the end are rows of nothing, loss mask 0."""

    def __init__(self, folder: epath.PathLike) -> None:
        self.folder = epath.Path(folder)
        if not (self.folder / "meta.json").exists():
            raise UserError(f"{self.folder}: no finished rows (no meta.json); run `jaxmlda prepare` first")
        self.meta = read_json(self.folder / "meta.json")
        self.streams = [stream["name"] for stream in self.meta["streams"]]
        self._stream = read_table(self.folder / "streams.parquet")["stream"].to_numpy()
        self._stores = {name: tensorstore.open(_spec(self.folder / name)).result() for name in ARRAYS}

    def __len__(self) -> int:
        return len(self._stream)

    @functools.cached_property
    def _groups(self) -> tuple[pq.FileMetaData, np.ndarray]:
        """The footer of the ledger, and the first and last row of each of its row groups."""
        with (self.folder / LEDGER).open("rb") as stream:
            footer = pq.ParquetFile(stream).metadata
        column = SCHEMA.get_field_index("row")
        found = [footer.row_group(number).column(column).statistics for number in range(footer.num_row_groups)]
        return footer, np.array([(one.min, one.max) for one in found], np.int64).reshape(-1, 2)

    def ledger(self) -> pa.Table:
        """The whole row ledger, in the order of the rows."""
        return read_table(self.folder / LEDGER)

    def ledger_blocks(self) -> Iterator[pa.Table]:
        """The row ledger, one row group after the other."""
        footer, edges = self._groups
        with (self.folder / LEDGER).open("rb") as stream:
            file = pq.ParquetFile(stream, metadata=footer)
            for number in range(len(edges)):
                yield file.read_row_group(number)

    def entries(self, start: int, stop: int) -> pa.Table:
        """The ledger of rows [start, stop); no other row groups are read."""
        footer, edges = self._groups
        wanted = np.flatnonzero((edges[:, 0] < stop) & (edges[:, 1] >= start))
        with (self.folder / LEDGER).open("rb") as stream:
            table = pq.ParquetFile(stream, metadata=footer).read_row_groups(wanted.tolist())
        row = table["row"].to_numpy()
        first, last = np.searchsorted(row, [start, stop])
        return table.slice(first, last - first)

    def batch(self, start: int, count: int) -> dict[str, np.ndarray]:
        """Rows [start, start + count): arrays [count, length], and the stream of each row."""
        stop = min(start + count, len(self))
        reads = {name: store[start:stop].read() for name, store in self._stores.items()} if start < stop else {}
        shape = (count, self.meta["sequence_length"])
        arrays = {name: np.zeros(shape, np.int32) for name in ARRAYS}
        for name, read in reads.items():
            arrays[name][: stop - start] = read.result()
        stream = np.zeros(count, np.int32)
        stream[: max(stop - start, 0)] = self._stream[start:stop]
        return arrays | {"positions": positions_of(arrays["segment_ids"]), "stream": stream}

    def host_batch(self, step: int, batch_size: int, host: int, hosts: int) -> dict[str, np.ndarray]:
        """What one of several hosts reads of a step: rows [step·B + host·B/hosts, step·B + (host + 1)·B/hosts)."""
        if batch_size % hosts:
            raise UserError(f"training.batch_size is {batch_size}; it must be a multiple of the {hosts} hosts")
        share = batch_size // hosts
        return self.batch(step * batch_size + host * share, share)

    def __getitem__(self, number: int) -> Row:
        if not 0 <= number < len(self):
            raise IndexError(f"row {number} of {len(self)}")
        arrays = {name: array[0] for name, array in self.batch(number, 1).items()}
        pieces = self.entries(number, number + 1).drop_columns(["row"]).to_pylist()
        arrays["stream"] = self.streams[arrays["stream"]]
        return Row(**arrays, pieces=pieces)
