"""Deterministic gates: what a question must hold whatever made it. In: a record and its document; out: its faults."""

import itertools
import re

from jaxmlda.questions import Question

BLANK = "[BLANK]"
RATIO = (0.75, 1.33)
RUN = {"en": 5, "ja": 8}
MASK = "\x00"


def faults(question: Question, document: str) -> list[str]:
    """Names of the gates that a question does not pass; `document` is the text that it was made from."""
    gates = (_verbatim, _gold_hidden, _distractors_absent, _lengths_alike, _options_differ, _own_wording)
    return [gate.__name__.removeprefix("_") for gate in gates if not gate(question, document)]


def gold(question: Question) -> str:
    """The right option."""
    return question.options[question.answers[0]]


def _verbatim(question: Question, document: str) -> bool:
    """A filled cloze is the sentence, and the sentence stands in the document."""
    sentence = question.metadata["sentence"]
    filled = question.question.replace(BLANK, gold(question)) if question.form == "mem" else sentence
    return filled == sentence and sentence in document


def _gold_hidden(question: Question, document: str) -> bool:
    return gold(question).casefold() not in question.question.casefold()


def _distractors_absent(question: Question, document: str) -> bool:
    wrong = [option for place, option in enumerate(question.options) if place not in question.answers]
    return not any(option.casefold() in document.casefold() for option in wrong)


def _lengths_alike(question: Question, document: str) -> bool:
    right = len(gold(question))
    return all(RATIO[0] <= len(option) / right <= RATIO[1] for option in question.options)


def _options_differ(question: Question, document: str) -> bool:
    plain = [re.sub(r"[\W_]+", "", option.casefold()) for option in question.options]
    return all(a != b for a, b in itertools.combinations(plain, 2))


def _own_wording(question: Question, document: str) -> bool:
    """A question (not a cloze) shares no five-word (EN) or eight-character (JA) run with its sentence, names masked."""
    if question.form == "mem":
        return True
    names = (question.metadata["triple"]["subject"], question.metadata["triple"]["object"], *question.options)
    asked, told = (
        _runs(_masked(text, names), question.language) for text in (question.question, question.metadata["sentence"])
    )
    return not asked & told


def _masked(text: str, names: tuple[str, ...]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(re.escape(name), MASK, text, flags=re.IGNORECASE)
    return text


def _runs(text: str, language: str) -> set[tuple[str, ...]]:
    units = (
        re.findall(rf"\w+|{MASK}", text.casefold()) if language == "en" else list(re.sub(r"[\s、。，．？?]+", "", text))
    )
    size = RUN[language]
    runs = {tuple(units[start : start + size]) for start in range(len(units) - size + 1)}
    return {run for run in runs if MASK not in run}
