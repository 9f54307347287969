"""`jaxmlda prepare CONFIG --query WHAT`: entries of the ledger of finished rows, as a table or as JSON.

In: a run whose rows are prepared, and `document=ID`, `step=N` or `question=FILE:ID`; out: text for the terminal.
"""

import json
import logging
from collections.abc import Callable

import pyarrow as pa
from etils import epath

from jaxmlda.config import Run
from jaxmlda.errors import UserError
from jaxmlda.rows import Rows, query
from jaxmlda.verbs.sets import read_sets

COLUMNS = ("step", "row", "document", "language", "stream", "form", "tokens", "from_char", "to_char")
log = logging.getLogger("jaxmlda.prepare")
NUMBERS = ("step", "row", "tokens", "from_char", "to_char")


def place_of(named: str) -> query.Place:
    """The place of the sentence behind a question, `FILE:ID`; an id may hold colons itself."""
    head, suffix, number = named.partition(".jsonl:")
    file = head + suffix.removesuffix(":")
    if not suffix:
        file, _, number = named.partition(":")
    asked = [one for questions in read_sets([file]).values() for one in questions if one.id == number]
    if not asked:
        raise UserError(f"{file}: holds no question {number!r}; write --query question=FILE:ID")
    span = asked[0].metadata.get("sentence_span")
    if not span:
        raise UserError(f"{file}: question {number!r} has no sentence_span, so nobody knows where its sentence stands")
    return query.Place(asked[0].document, asked[0].written_in, *span)


def _step(rows: Rows, size: int, named: str) -> pa.Table:
    if not named.isdecimal():
        raise UserError(f"--query step={named}: a step is a number, 0 the first")
    first = int(named) * size
    return pa.concat_tables(query.with_steps([rows.entries(first, first + size)], size))


def _document(rows: Rows, size: int, named: str) -> pa.Table:
    return query.of_document(query.with_steps(rows.ledger_blocks(), size), named)


def _question(rows: Rows, size: int, named: str) -> pa.Table:
    return query.of_place(query.with_steps(rows.ledger_blocks(), size), place_of(named))


ASKED: dict[str, Callable[[Rows, int, str], pa.Table]] = {
    "document": _document,
    "step": _step,
    "question": _question,
}


def ask(run: Run, what: str) -> pa.Table:
    """The entries asked for, in training order, with the step at which the run's batch size trains them."""
    kind, equals, named = what.partition("=")
    if kind not in ASKED or not equals or not named:
        raise UserError(f"--query {what}: write document=ID, step=N or question=FILE:ID")
    rows = Rows(epath.Path(run.output) / "rows")
    found = ASKED[kind](rows, run.training.batch_size, named).select(COLUMNS)
    if not found.num_rows:
        log.info("%s: no entry of %s", rows.folder, what)
    return found


def as_json(entries: pa.Table) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries.to_pylist())


def as_table(entries: pa.Table) -> str:
    """Columns under their names, numbers to the right."""
    lines = [COLUMNS, *([str(value) for value in entry.values()] for entry in entries.to_pylist())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def line(cells: tuple[str, ...] | list[str]) -> str:
        parts = zip(COLUMNS, cells, widths, strict=True)
        return "  ".join(cell.rjust(size) if name in NUMBERS else cell.ljust(size) for name, cell, size in parts)

    return "".join(f"{line(cells).rstrip()}\n" for cells in lines)
