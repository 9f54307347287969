"""The training text: parts that know their language and place in the document, and the kinds that make them.

In: the name of a kind, the languages and options of a stream; out: a plain function, document to texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from jaxmlda.config import LANGUAGES, Settings
from jaxmlda.config.load import explain
from jaxmlda.corpus import Document
from jaxmlda.errors import UserError

if TYPE_CHECKING:
    from jaxmlda.corpus.lexicon import Lexicon


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


class Options(Settings):
    """The settings of a kind; each kind with settings has a subclass of its own."""

    @property
    def lexicons(self) -> tuple[str, ...]:
        """Names of the lexicons that the kind needs with these settings."""
        return ()

    def check(self, languages: tuple[str, ...]) -> None:
        """Stops where the kind, with these settings, cannot do with these languages."""


class Given(NamedTuple):
    """What a stream gives its kind, checked: languages, options, and the lexicons that the options name."""

    languages: tuple[str, ...]
    options: Any
    lexicons: dict[str, Lexicon]


Maker = Callable[[Document, Given], Iterator[Text]]
Lexicons = Callable[[str], "Lexicon"]


class Kind(NamedTuple):
    """How a document becomes texts, whether they are transfer text (the only ones for bridge documents), settings."""

    make: Maker
    transfer: bool
    options: type[Options]


KINDS: dict[str, Kind] = {}


def kind(name: str, *, transfer: bool = False, options: type[Options] = Options) -> Callable[[Maker], Maker]:
    """Registers a kind of stream under the name that recipes use."""

    def register(make: Maker) -> Maker:
        KINDS[name] = Kind(make, transfer, options)
        return make

    return register


def bind(
    name: str, languages: tuple[str, ...], options: dict[str, Any], lexicons: Lexicons | None = None
) -> Callable[[Document], Iterator[Text]]:
    """The maker of a stream's texts, its languages and options checked; `lexicons` finds a lexicon by name.

    A document that lacks what the kind needs gives no text.
    """
    settings = read_options(name, options)
    _check_languages(name, languages)
    settings.check(languages)
    if settings.lexicons and lexicons is None:
        raise UserError(f"stream kind {name} needs the lexicon {settings.lexicons[0]}, and none can be found here")
    given = Given(tuple(languages), settings, {needed: lexicons(needed) for needed in settings.lexicons})
    make = KINDS[name].make
    return lambda document: make(document, given)


def texts_of(
    document: Document,
    name: str,
    languages: tuple[str, ...],
    options: dict[str, Any],
    lexicons: Lexicons | None = None,
) -> Iterator[Text]:
    """The texts of one document: `bind` and call in one; for many documents, bind once."""
    return bind(name, languages, options, lexicons)(document)


def lexicons_of(name: str, options: dict[str, Any]) -> tuple[str, ...]:
    """Names of the lexicons that a kind needs with these options."""
    return read_options(name, options).lexicons


def read_options(name: str, options: dict[str, Any]) -> Options:
    """The options of a kind as its settings class, defaults filled in."""
    if name not in KINDS:
        raise UserError(f"stream kind {name!r} is unknown; the kinds are {', '.join(sorted(KINDS))}")
    model = KINDS[name].options
    if options and not model.model_fields:
        raise UserError(f"stream kind {name} has no options; given: {', '.join(sorted(options))}")
    try:
        return model.model_validate(options)
    except ValidationError as error:
        raise UserError(explain(error, model, f"stream kind {name}", {})) from None


def _check_languages(name: str, languages: tuple[str, ...]) -> None:
    unknown = [language for language in languages if language not in LANGUAGES]
    if unknown or not languages or len(set(languages)) != len(languages):
        raise UserError(
            f"stream kind {name}: languages must be one or both of {', '.join(LANGUAGES)}, each once; "
            f"given: {', '.join(languages) or 'none'}"
        )


def two_languages(what: str, languages: tuple[str, ...]) -> None:
    """For kinds that pair one language with the other."""
    if len(languages) != 2:
        raise UserError(f"{what} needs two languages, not {', '.join(languages)}")


def once(values: list[str]) -> list[str]:
    """For options that are lists: nothing may be named twice."""
    if len(set(values)) != len(values):
        raise ValueError("each may be named once")
    return values
