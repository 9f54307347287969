"""The question record: what every set, whatever its file format, is read into.

In: fields of a file. Out: `Question`, its checks and the digest of a set. Fields that are not known here are
kept (`metadata`, `extra`), so that a set can be read and written back without loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jaxmlda import storage
from jaxmlda.errors import UserError

BLANK = "[BLANK]"
LANGUAGES = ("en", "ja")
FORMS = ("mem", "gen")
MIN_OPTIONS, MAX_OPTIONS = 2, 26
_FORM_OF_SUFFIX = {"memorization": "mem", "generalization": "gen"}


@dataclass(frozen=True)
class Question:
    """One question. `answers` are the indices of the right options; `set` is the stem of the file."""

    id: str
    question: str
    options: list[str]
    answers: tuple[int, ...]
    metadata: dict[str, Any]
    set: str
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def document(self) -> str:
        """The document that the question was made from: `metadata.docid`, else the id before `_sentid:`."""
        return str(self.metadata.get("docid") or self.id.split("_sentid:")[0])

    @property
    def cluster(self) -> str:
        """The near-duplicate cluster of the document; a document without one is its own."""
        return str(self.metadata.get("cluster") or self.document)

    @property
    def language(self) -> str:
        """The language the question is asked in: `metadata.language`, else the prefix of the set's name."""
        named = self.metadata.get("language")
        return str(named) if named else self.set.split("_")[0]

    @property
    def written_in(self) -> str:
        """The language of the source sentence; the released sets are asked in the language they were
        written in.
        """
        return str(self.metadata.get("written_in") or self.language)

    @property
    def form(self) -> str:
        """`mem` (cloze) or `gen` (question): `metadata.form`, else the suffix of the set's name."""
        named = self.metadata.get("form")
        return str(named) if named else _FORM_OF_SUFFIX.get(self.set.rsplit("_", 1)[-1], "")

    @property
    def pair_id(self) -> str | None:
        """Shared by the same question in both languages; None where there is no counterpart."""
        named = self.metadata.get("pair_id")
        return None if named is None else str(named)

    @property
    def cloze(self) -> tuple[str, str]:
        """The text before and after the blank of a `mem` question."""
        before, _, after = self.question.partition(BLANK)
        return before, after


def check(question: Question, where: str) -> Question:
    """Return the question if it can be scored, else raise `UserError` beginning with `where` (file and
    line).
    """
    problem = _problem_of_text(question) or _problem_of_options(question) or _problem_of_answers(question)
    problem = problem or _problem_of_metadata(question)
    if problem:
        raise UserError(f"{where}: question {question.id!r} {problem}")
    return question


def digest(questions: Iterable[Question]) -> str:
    """Digest of a set: its records in their order, and what the set's name says about them."""
    return storage.digest([[q.set, q.language, q.form, to_record(q)] for q in questions])


def to_record(question: Question) -> dict[str, Any]:
    """The record as released: `answer_idx`, and `answers` beside it only where several options are right."""
    record: dict[str, Any] = {
        "id": question.id,
        "question": question.question,
        "options": list(question.options),
        "answer_idx": question.answers[0],
    }
    if len(question.answers) > 1:
        record["answers"] = list(question.answers)
    return {**record, "metadata": dict(question.metadata), **question.extra}


def _problem_of_text(question: Question) -> str | None:
    if not question.id:
        return "has an empty id; give every question of a file its own."
    if question.language not in LANGUAGES:
        return (
            f"has language {question.language!r}, expected one of {', '.join(LANGUAGES)}; set "
            "metadata.language, or begin the file's name with en_ or ja_."
        )
    if question.form not in FORMS:
        return (
            "has no known form; set metadata.form to mem or gen, or end the file's name in "
            "_memorization or _generalization."
        )
    if not question.question.strip():
        return "has an empty text; write the question or remove the record."
    blanks = question.question.count(BLANK)
    if question.form == "mem" and blanks != 1:
        found = "no" if blanks == 0 else str(blanks)
        return f"holds {found} {BLANK}; a memorization question holds exactly one, where the answer stood."
    return None


def _problem_of_options(question: Question) -> str | None:
    if not MIN_OPTIONS <= len(question.options) <= MAX_OPTIONS:
        return f"has {len(question.options)} options; {MIN_OPTIONS} to {MAX_OPTIONS} are needed."
    seen: dict[str, int] = {}
    for number, option in enumerate(question.options):
        text = option.strip()
        if not text:
            return f"has an empty option (number {number}); write it or remove it."
        if text in seen:
            return f"has two identical options (numbers {seen[text]} and {number}: {text!r}); make them differ."
        seen[text] = number
    return None


def _problem_of_answers(question: Question) -> str | None:
    if not question.answers:
        return "has no right answer; give answer_idx, or answers as a list."
    if len(set(question.answers)) != len(question.answers):
        return f"names a right answer twice (answers {list(question.answers)})."
    outside = [a for a in question.answers if not 0 <= a < len(question.options)]
    if outside:
        last = len(question.options) - 1
        return f"has answer {outside[0]} out of range; its options are numbered 0 to {last}."
    return None


def _problem_of_metadata(question: Question) -> str | None:
    span = question.metadata.get("sentence_span")
    if span is None:
        return None
    right = isinstance(span, list | tuple) and len(span) == 2 and all(type(place) is int for place in span)
    if not right or not 0 <= span[0] < span[1]:
        return f"has metadata.sentence_span {span!r}; it must be two characters of the document, [from, to]."
    return None
