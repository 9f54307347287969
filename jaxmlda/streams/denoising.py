"""Noised text and its original: an example that asks for the text to be restored, in each of the stream's languages.

Without noise it is the copy control: the same wording, nothing to restore.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator

from jaxmlda.config.settings import setting
from jaxmlda.corpus import Document
from jaxmlda.storage import keyed
from jaxmlda.streams import perturb
from jaxmlda.streams.native import VIEW, viewed
from jaxmlda.streams.restore import restoring
from jaxmlda.streams.text import Given, Options, Part, Text, kind, once

Noise = Annotated[list[Literal["mask", "delete", "replace", "reorder"]], AfterValidator(once)]


class DenoisingOptions(Options):
    """Settings of the kind `denoising`."""

    noise: Noise = setting("what is done to the text, in this order; [] is the copy control", ["reorder", "delete"])
    ratio: float = setting("share of the words that each of them changes", 0.16, ge=0, le=1)
    window: int = setting("most neighbours that reorder shuffles together, in words", perturb.WINDOW, ge=3)
    span: int = setting("most neighbours that become one mask, in words", 1, ge=1)
    views: Annotated[list[VIEW], AfterValidator(once)] = setting(
        "views of kind native that are noised; [] is the document's text alone", []
    )
    seed: int = setting("another seed, other noise", 0)


@kind("denoising", transfer=True, options=DenoisingOptions)
def denoising(document: Document, given: Given) -> Iterator[Text]:
    """An example per language, or per text of the views asked for."""
    options = given.options
    copied = not options.noise or options.ratio == 0
    for language in given.languages:
        for number, original in enumerate(_originals(document, language, options)):
            text = "".join(part.text for part in original)
            key = keyed("denoising", options.seed, language, document.id, number)
            altered = original if copied else (Part(noised(text, language, options, key), language),)
            yield restoring(document, "copy" if copied else "denoising", altered, original)


def noised(text: str, language: str, options: DenoisingOptions, key: int) -> str:
    """The operations one after the other, each at the same ratio of the units that it finds."""
    more = {"mask": {"span": options.span}, "reorder": {"window": options.window}}
    for name in options.noise:
        operation = perturb.OPERATIONS[name]
        text = operation(text, language, options.ratio, keyed(name, key), **more.get(name, {}))
    return text


def _originals(document: Document, language: str, options: DenoisingOptions) -> Iterator[tuple[Part, ...]]:
    if options.views:
        yield from (text.parts for text in viewed(document, language, options.views, options.seed))
    elif document.text(language):
        yield (Part(document.text(language), language, 0),)
