"""Question-answer pairs, where a document has them, in the wording in which questions are later asked."""

from collections.abc import Iterator
from typing import Any

from jaxmlda.corpus import Document
from jaxmlda.streams.text import Part, Text, kind, no_options

WORDING = {"en": "Question: {question}\nAnswer: {answer}", "ja": "質問：{question}\n答え：{answer}"}


@kind("questions")
def questions(document: Document, languages: tuple[str, ...], options: dict[str, Any]) -> Iterator[Text]:
    """A text per pair."""
    no_options("questions", options)
    for language, question, answer in document.qa:
        if language in languages:
            text = WORDING[language].format(question=question, answer=answer)
            yield Text(document.id, "question", (Part(text, language),))
