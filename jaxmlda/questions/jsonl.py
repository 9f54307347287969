"""Question files as released with AdaXEval: one JSON object a line.

In: `{en,ja}_knowledge_{memorization,generalization}.jsonl` or any file of that schema. Out: `Question`
records; and back. A fault is an error that names the file and the line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from etils import epath

from jaxmlda import storage
from jaxmlda.errors import UserError
from jaxmlda.questions.record import Question, check, to_record

_KNOWN = ("id", "question", "options", "answer_idx", "answers", "metadata")


def read(path: str | epath.PathLike) -> list[Question]:
    """Read a file of questions; the stem of its name is the name of the set."""
    file = epath.Path(path)
    questions: list[Question] = []
    line_of: dict[str, int] = {}
    # Not splitlines(): it would also cut at U+2028 and its like, which may stand inside a JSON string.
    for number, line in enumerate(_text(file).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        question = check(_question(_record(line, where), file.stem, where), where)
        if question.id in line_of:
            raise UserError(
                f"{where}: id {question.id!r} already stands in line {line_of[question.id]}; "
                "give each question of a file its own id."
            )
        line_of[question.id] = number
        questions.append(question)
    if not questions:
        raise UserError(f"{file}: holds no question; expected one JSON object a line.")
    return questions


def write(path: str | epath.PathLike, records: Iterable[Question]) -> None:
    """Write questions in the released schema (see `record.to_record`), in their order."""
    lines = [json.dumps(to_record(record), ensure_ascii=False) for record in records]
    storage.write_text(path, "".join(line + "\n" for line in lines))


def _text(file: epath.Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"{file}: no such file of questions; check the path in probe.questions.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: is not UTF-8 (byte {error.start}); convert the file to UTF-8.") from error


def _record(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}: broken JSON at column {error.colno} ({error.msg}); write one JSON object a line."
        ) from error
    if not isinstance(record, dict):
        raise UserError(f"{where}: holds {type(record).__name__}, expected one JSON object a line.")
    return record


def _question(record: dict[str, Any], stem: str, where: str) -> Question:
    return Question(
        id=_text_field(record, "id", where),
        question=_text_field(record, "question", where),
        options=_options(record, where),
        answers=_answers(record, where),
        metadata=_metadata(record, where),
        set=stem,
        extra={key: value for key, value in record.items() if key not in _KNOWN},
    )


def _text_field(record: dict[str, Any], key: str, where: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise UserError(f"{where}: field {key!r} is {'missing' if value is None else 'not a text'}; give it as a text.")
    return value


def _options(record: dict[str, Any], where: str) -> list[str]:
    options = record.get("options")
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        state = "missing" if options is None else "not a list of texts"
        raise UserError(f"{where}: field 'options' is {state}; give the options as a list of texts.")
    return list(options)


def _answers(record: dict[str, Any], where: str) -> tuple[int, ...]:
    one, several = record.get("answer_idx"), record.get("answers")
    answers = [one] if several is None else several
    if not isinstance(answers, list) or not all(type(answer) is int for answer in answers):
        raise UserError(
            f"{where}: no right answer can be read (answer_idx {one!r}, answers {several!r}); give "
            "answer_idx as a whole number counted from 0, or answers as a list of them."
        )
    if several is not None and one is not None and one not in several:
        raise UserError(f"{where}: answer_idx {one!r} is not among answers {several!r}; make them agree.")
    return tuple(answers)


def _metadata(record: dict[str, Any], where: str) -> dict[str, Any]:
    metadata = record.get("metadata", {})
    if not isinstance(metadata, dict):
        raise UserError(f"{where}: field 'metadata' is not an object; give it as {{...}} or leave it out.")
    return dict(metadata)
