"""Examples that ask for a text to be restored: the altered text, then the original, in one wording for every kind.

Denoising, its copy control and code-switching share it, so they differ in what was altered and in nothing else.
"""

from jaxmlda.corpus import Document
from jaxmlda.streams.text import Part, Text
from jaxmlda.streams.wording import filled, parse

WORDING = {
    "en": parse("Altered text: {altered}\nOriginal text: {original}"),
    "ja": parse("変更された文章：{altered}\n元の文章：{original}"),
}


def restoring(document: Document, form: str, altered: tuple[Part, ...], original: tuple[Part, ...]) -> Text:
    """The example in the language of the original; loss is on every token."""
    return Text(document.id, form, filled(WORDING[original[0].language], {"altered": altered, "original": original}))
