"""Native text: the document as it is, and the reading exercises made of it, in each of the stream's languages.

Each view of a document is a function (document, language) to the fields of its wordings; loss is on every token.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from jaxmlda.config.settings import setting
from jaxmlda.corpus import Document
from jaxmlda.storage import keyed
from jaxmlda.streams import causal, sections
from jaxmlda.streams.sentences import sentences, trimmed
from jaxmlda.streams.text import Given, Options, Part, Text, kind, once
from jaxmlda.streams.wording import Fields, chosen, filled

VIEW = Literal["plain", "summary", "completion", "qa", "keywords", "from_keywords", "causal", "sections"]
Views = Annotated[list[VIEW], Field(min_length=1), AfterValidator(once)]
COMMA = {"en": ", ", "ja": "、"}


class NativeOptions(Options):
    """Settings of the kind `native`."""

    views: Views = setting("what is made of a document: its text, exercises, or several of them", ["plain"])
    seed: int = setting("another seed, other wordings and cuts", 0)


@kind("native", options=NativeOptions)
def native(document: Document, given: Given) -> Iterator[Text]:
    """The views of a document, language by language."""
    for language in given.languages:
        yield from viewed(document, language, given.options.views, given.options.seed)


def viewed(document: Document, language: str, views: list[str], seed: int) -> Iterator[Text]:
    """The texts of some views of a document in one language; a view that needs more than is there gives none."""
    for view in views if document.text(language) else ():
        if view == "plain":
            yield _plain(document, language)
            continue
        for fields in EXERCISES[view](document, language, seed):
            yield Text(document.id, view, filled(chosen(view, language, seed, document.id), fields))


def _plain(document: Document, language: str) -> Text:
    """title, line feed, text."""
    title = document.titles.get(language, "")
    head = (Part(f"{title}\n", language),) if title else ()
    return Text(document.id, "native", (*head, _whole(document, language)))


def _whole(document: Document, language: str) -> Part:
    return Part(document.text(language), language, 0)


def _stretch(document: Document, language: str, begin: int, end: int) -> tuple[Part, ...]:
    return (Part(document.text(language)[begin:end], language, begin),)


def _summary(document: Document, language: str, _seed: int) -> Iterator[Fields]:
    title = document.titles.get(language, "")
    if title:
        yield {"text": (_whole(document, language),), "title": (Part(title, language),)}


def _completion(document: Document, language: str, seed: int) -> Iterator[Fields]:
    """Cut before one of its sentences but the first."""
    text = document.text(language)
    spans = sentences(text)
    if len(spans) < 2:
        return
    cut = Random(keyed("completion", seed, language, document.id)).randrange(1, len(spans))
    head, tail = trimmed(text, (0, spans[cut][0])), trimmed(text, (spans[cut][0], len(text)))
    yield {"head": _stretch(document, language, *head), "tail": _stretch(document, language, *tail)}


def _qa(document: Document, language: str, _seed: int) -> Iterator[Fields]:
    for asked_in, question, answer in document.qa:
        if asked_in == language and question and answer:
            yield {"question": (Part(question, language),), "answer": (Part(answer, language),)}


def _keywords(document: Document, language: str, _seed: int) -> Iterator[Fields]:
    words = [word for word in document.keywords.get(language, ()) if word]
    if words:
        yield {"text": (_whole(document, language),), "keywords": (Part(COMMA[language].join(words), language),)}


def _causal(document: Document, language: str, _seed: int) -> Iterator[Fields]:
    for pair in causal.pairs(document.text(language), language):
        yield {"cause": _stretch(document, language, *pair.cause), "effect": _stretch(document, language, *pair.effect)}


def _sections(document: Document, language: str, _seed: int) -> Iterator[Fields]:
    for section in sections.sections(document.text(language), language):
        yield {"text": _stretch(document, language, *section.text), "label": (Part(section.label, language),)}


EXERCISES: dict[str, Callable[[Document, str, int], Iterator[Fields]]] = {
    "summary": _summary,
    "completion": _completion,
    "qa": _qa,
    "keywords": _keywords,
    "from_keywords": _keywords,
    "causal": _causal,
    "sections": _sections,
}
