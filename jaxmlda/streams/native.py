"""Native text: the document as it is, title first, in each of the stream's languages."""

from collections.abc import Iterator
from typing import Any

from jaxmlda.corpus import Document
from jaxmlda.streams.text import Part, Text, kind, no_options


@kind("native")
def native(document: Document, languages: tuple[str, ...], options: dict[str, Any]) -> Iterator[Text]:
    """title, line feed, text."""
    no_options("native", options)
    for language in languages:
        body = document.text(language)
        if not body:
            continue
        title = document.titles.get(language, "")
        head = (Part(f"{title}\n", language),) if title else ()
        yield Text(document.id, "native", (*head, Part(body, language, 0)))
