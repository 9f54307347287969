"""Question-answer pairs, where a document has them, in the wording in which questions are later asked."""

from collections.abc import Iterator

from jaxmlda.corpus import Document
from jaxmlda.streams.text import Given, Part, Text, kind

WORDING = {"en": "Question: {question}\nAnswer: {answer}", "ja": "質問：{question}\n答え：{answer}"}


@kind("questions")
def questions(document: Document, given: Given) -> Iterator[Text]:
    """A text per pair."""
    for language, question, answer in document.qa:
        if language in given.languages:
            text = WORDING[language].format(question=question, answer=answer)
            yield Text(document.id, "question", (Part(text, language),))
