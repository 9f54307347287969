"""The signatures of a whole corpus, kept beside it in `signatures.parquet`.

In: a stored corpus; out: the signature of every text with the documents' ids. Documents are read a few hundred at a
time, by several processes where asked for; only signatures stay in memory (512 bytes a document).
"""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from etils import epath
from numpy.typing import NDArray

from jaxmlda.config import LANGUAGES
from jaxmlda.corpus.signatures import PLACES, SCHEME, signatures
from jaxmlda.corpus.store import Corpus
from jaxmlda.progress import bar, workers
from jaxmlda.storage import read_table, replacing

DOCUMENTS_AT_ONCE = 128
DOCUMENTS_A_JOB = 4096
SCHEMA = pa.schema(
    [("document", pa.string()), ("given", pa.string())] + [(language, pa.binary(2 * PLACES)) for language in LANGUAGES]
)


class Signed(NamedTuple):
    """Ids, the clusters that the documents came with, and signatures by language (any where a text is missing)."""

    documents: list[str]
    given: list[str]
    values: dict[str, NDArray[np.uint16]]
    present: dict[str, NDArray[np.bool_]]


def _batch(corpus: Corpus, numbers: range) -> pa.RecordBatch:
    """Signatures of a few documents."""
    documents = [corpus[number] for number in numbers]
    columns: list[pa.Array] = [
        pa.array([document.id for document in documents], pa.string()),
        pa.array([document.cluster for document in documents], pa.string()),
    ]
    for language in LANGUAGES:
        texts = [document.text(language) for document in documents]
        rows = iter(signatures([text for text in texts if text], language))
        values = [next(rows).astype("<u2").tobytes() if text else None for text in texts]
        columns.append(pa.array(values, pa.binary(2 * PLACES)))
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _table(corpus: Corpus, numbers: range) -> pa.Table:
    """Signatures of a stretch of documents."""
    firsts = range(0, len(numbers), DOCUMENTS_AT_ONCE)
    return pa.Table.from_batches([_batch(corpus, numbers[place : place + DOCUMENTS_AT_ONCE]) for place in firsts])


def _job(folder: str, numbers: range) -> pa.Table:
    """Signatures of a stretch of documents, in a process of its own."""
    return _table(Corpus(folder), numbers)


def _tables(corpus: Corpus, processes: int) -> Iterator[pa.Table]:
    """Signatures of all documents in order."""
    stretches = [
        range(first, min(first + DOCUMENTS_A_JOB, len(corpus))) for first in range(0, len(corpus), DOCUMENTS_A_JOB)
    ]
    if processes < 2 or len(stretches) < 2 * processes:
        yield from (_table(corpus, stretch) for stretch in stretches)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=workers.begin) as pool:
        jobs = [pool.submit(_job, str(corpus.folder), stretch) for stretch in stretches]
        yield from (job.result() for job in jobs)


def _write(corpus: Corpus, path: epath.Path, processes: int) -> None:
    meta = {"corpus": corpus.digest, "scheme": SCHEME}
    with (
        replacing(path) as neighbour,
        neighbour.open("wb") as stream,
        pq.ParquetWriter(stream, SCHEMA.with_metadata(meta), compression="none", use_dictionary=False) as writer,
        bar(total=len(corpus), label=f"signatures {corpus.folder}", unit="document") as progress,
    ):
        for table in _tables(corpus, processes):
            writer.write_table(table.replace_schema_metadata(meta))
            progress.update(len(table))


def signed(corpus: Corpus, processes: int = 1) -> Signed:
    """The signatures of a corpus, worked out where they are not there or are of other documents."""
    path = corpus.folder / "signatures.parquet"
    table = read_table(path) if path.exists() else None
    wanted = {b"corpus": corpus.digest.encode(), b"scheme": SCHEME.encode()}
    if table is None or not wanted.items() <= (table.schema.metadata or {}).items():
        _write(corpus, path, processes)
        table = read_table(path)
    values, present = {}, {}
    for language in LANGUAGES:
        column = pa.concat_arrays(table[language].chunks)
        present[language] = column.is_valid().to_numpy(zero_copy_only=False)
        values[language] = np.frombuffer(column.buffers()[1], "<u2").reshape(-1, PLACES)
    return Signed(table["document"].to_pylist(), table["given"].to_pylist(), values, present)
