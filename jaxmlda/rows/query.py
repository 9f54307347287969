"""Questions to a ledger: what of a document, of a place in it or of a step was trained on, and when.

In: the row ledger or the step ledger, as tables one after the other (row groups), and what is asked for; out: a table
of the entries, each with its step.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from etils import epath

from jaxmlda.errors import UserError


class Place(NamedTuple):
    """Characters [begin, end) of a document's text in one language: where the sentence of a fact stands."""

    document: str
    language: str
    begin: int
    end: int


def blocks(path: epath.PathLike) -> Iterator[pa.Table]:
    """A stored ledger, one row group after the other."""
    source = epath.Path(path)
    if not source.exists():
        raise UserError(f"{source}: there is no such ledger; `jaxmlda prepare` writes rows/ledger.parquet")
    with source.open("rb") as stream:
        file = pq.ParquetFile(stream)
        for number in range(file.num_row_groups):
            yield file.read_row_group(number)


def with_steps(tables: Iterable[pa.Table], batch_size: int) -> Iterator[pa.Table]:
    """The same entries with the step that trains them, row // batch_size; a step ledger has it already."""
    for table in tables:
        if "step" in table.column_names:
            yield table
        else:
            yield table.add_column(0, "step", pc.divide(table["row"], batch_size))


def of_document(tables: Iterable[pa.Table], document: str) -> pa.Table:
    """Every entry of a document, in training order."""
    return pa.concat_tables(table.filter(pc.equal(table["document"], document)) for table in tables)


def of_step(tables: Iterable[pa.Table], step: int) -> pa.Table:
    """Every entry that a step trains, row by row."""
    return pa.concat_tables(table.filter(pc.equal(table["step"], step)) for table in tables)


def of_place(tables: Iterable[pa.Table], place: Place) -> pa.Table:
    """Every entry that holds a character of the place, in training order."""
    return exposures(tables, [place]).drop_columns(["place", "whole"])


def exposures(tables: Iterable[pa.Table], places: list[Place]) -> pa.Table:
    """Every entry that holds a character of a place: `place` is its number, `whole` whether all of it is there.

    from_char < end and begin < to_char; whole where from_char ≤ begin and end ≤ to_char.
    """
    columns = list(zip(*places, strict=True)) if places else [(), (), (), ()]
    kinds = (pa.string(), pa.string(), pa.int64(), pa.int64())
    asked = pa.table(
        {"place": pa.array(range(len(places)), pa.int64())}
        | {name: pa.array(values, kind) for name, values, kind in zip(Place._fields, columns, kinds, strict=True)}
    )
    found = [_overlapping(table, asked) for table in tables]
    return pa.concat_tables(found).sort_by([("place", "ascending"), ("row", "ascending"), ("from_char", "ascending")])


def _overlapping(table: pa.Table, asked: pa.Table) -> pa.Table:
    near = table.filter(pc.is_in(table["document"], value_set=asked["document"].combine_chunks()))
    both = near.join(asked, ["document", "language"], join_type="inner", use_threads=False)
    there = pc.and_(pc.less(both["from_char"], both["end"]), pc.greater(both["to_char"], both["begin"]))
    # Text that is no part of the document stands at -1 to -1; some bytes of a character are no character.
    both = both.filter(pc.and_(there, pc.less(both["from_char"], both["to_char"])))
    whole = pc.and_(pc.less_equal(both["from_char"], both["begin"]), pc.greater_equal(both["to_char"], both["end"]))
    return both.append_column("whole", whole).select(["place", *table.column_names, "whole"])
