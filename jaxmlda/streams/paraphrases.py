"""Paraphrases: the rewrites that a document brings with it, in each of the stream's languages."""

from collections.abc import Iterator

from jaxmlda.corpus import Document
from jaxmlda.streams.text import Given, Part, Text, kind


@kind("paraphrases")
def paraphrases(document: Document, given: Given) -> Iterator[Text]:
    """A text per rewrite."""
    for language in given.languages:
        for rewrite in document.paraphrases.get(language, ()):
            if rewrite:
                yield Text(document.id, "paraphrase", (Part(rewrite, language),))
