"""Translation pairs: the document's two texts, one after the other, in both directions."""

from collections.abc import Iterator
from typing import Any

from jaxmlda.corpus import Document
from jaxmlda.errors import UserError
from jaxmlda.streams.text import Part, Text, kind, no_options

LABELS = {"en": "English: ", "ja": "日本語："}


@kind("translation", transfer=True)
def translation(document: Document, languages: tuple[str, ...], options: dict[str, Any]) -> Iterator[Text]:
    """A text per direction, each side under the name of its language."""
    no_options("translation", options)
    if len(languages) != 2:
        raise UserError(f"a translation stream needs two languages, not {', '.join(languages)}")
    if not all(document.text(language) for language in languages):
        return
    for source, target in (languages, languages[::-1]):
        parts = (
            Part(LABELS[source], source),
            Part(document.text(source), source, 0),
            Part(f"\n{LABELS[target]}", target),
            Part(document.text(target), target, 0),
        )
        yield Text(document.id, f"translation-{source}-{target}", parts)
