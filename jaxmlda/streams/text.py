"""The training text: parts that know their language and place in the document, and the kinds that make them."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from jaxmlda.corpus import Document
from jaxmlda.errors import UserError


class Part(NamedTuple):
    """A run of text in one language; `from_char` is its place in the document's text, None for anything else."""

    text: str
    language: str
    from_char: int | None = None


class Text(NamedTuple):
    """One training text, closed by an end-of-document token when it becomes tokens."""

    document: str
    form: str
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return "".join(part.text for part in self.parts)


Maker = Callable[[Document, tuple[str, ...], dict[str, Any]], Iterator[Text]]


class Kind(NamedTuple):
    """How a document becomes texts, and whether the texts are transfer text (the only ones for bridge documents)."""

    make: Maker
    transfer: bool


KINDS: dict[str, Kind] = {}


def kind(name: str, *, transfer: bool = False) -> Callable[[Maker], Maker]:
    """Registers a kind of stream under the name that recipes use."""

    def register(make: Maker) -> Maker:
        KINDS[name] = Kind(make, transfer)
        return make

    return register


def texts_of(document: Document, name: str, languages: tuple[str, ...], options: dict[str, Any]) -> Iterator[Text]:
    """The texts that a kind makes of a document; none where the document lacks what the kind needs."""
    if name not in KINDS:
        raise UserError(f"stream kind {name!r} is unknown; the kinds are {', '.join(sorted(KINDS))}")
    return KINDS[name].make(document, languages, options)


def no_options(name: str, options: dict[str, Any]) -> None:
    """For kinds without settings: anything given is an error."""
    if options:
        raise UserError(f"stream kind {name} has no options; given: {', '.join(sorted(options))}")
