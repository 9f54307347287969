"""Translation pairs: whole texts, or sentences that align, one language after the other, in both directions."""

from collections.abc import Iterator
from typing import Literal

from jaxmlda.config import LANGUAGES
from jaxmlda.config.settings import setting
from jaxmlda.corpus import Document
from jaxmlda.streams.align import align
from jaxmlda.streams.sentences import Span, sentences, trimmed
from jaxmlda.streams.text import Given, Options, Part, Text, kind, two_languages
from jaxmlda.streams.wording import chosen, filled, parse

PLAIN = {
    ("en", "ja"): parse("English: {source}\n日本語：{target}"),
    ("ja", "en"): parse("日本語：{source}\nEnglish: {target}"),
}


class TranslationOptions(Options):
    """Settings of the kind `translation`."""

    level: Literal["document", "sentence"] = setting("pairs of whole texts, or of sentences that align", "document")
    wordings: Literal["plain", "varied"] = setting(
        "names of the languages before the texts, or one of ten wordings, chosen by document", "plain"
    )
    seed: int = setting("another seed, other wordings", 0)

    def check(self, languages: tuple[str, ...]) -> None:
        two_languages("a translation stream", languages)


@kind("translation", transfer=True, options=TranslationOptions)
def translation(document: Document, given: Given) -> Iterator[Text]:
    """A text per direction and pair, the pairs of a direction in the document's order.

    Sentences pair up by Gale and Church (1993), one or two on each side. A sentence without a partner stands in no
    text of the stream.
    """
    if not all(document.text(language) for language in given.languages):
        return
    found = list(pairs(document, given.options.level))
    for source, target in (given.languages, given.languages[::-1]):
        wording = PLAIN[source, target]
        if given.options.wordings == "varied":
            wording = chosen("translation", f"{source}-{target}", given.options.seed, document.id)
        for pair in found:
            parts = filled(wording, {"source": (pair[source],), "target": (pair[target],)})
            yield Text(document.id, f"translation-{source}-{target}", parts)


def pairs(document: Document, level: str) -> Iterator[dict[str, Part]]:
    """For every pair, by language the part of the document's text."""
    if level == "document":
        yield {language: Part(document.text(language), language, 0) for language in LANGUAGES}
        return
    spans = {
        language: [trimmed(document.text(language), span) for span in sentences(document.text(language))]
        for language in LANGUAGES
    }
    # Always from English to Japanese, so that the order in which a recipe names them decides nothing.
    for bead in align(*([end - begin for begin, end in spans[language]] for language in LANGUAGES)):
        if bead.aligned:
            yield {
                language: _stretch(document, language, spans[language][slice(*side)])
                for language, side in zip(LANGUAGES, bead, strict=True)
            }


def _stretch(document: Document, language: str, spans: list[Span]) -> Part:
    begin, end = spans[0][0], spans[-1][1]
    return Part(document.text(language)[begin:end], language, begin)
