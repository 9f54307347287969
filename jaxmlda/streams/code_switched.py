"""Code-switched text: terms of a lexicon give way to the other language's term, or to a synonym.

As published the text is to be restored: switched text, then the original; `form: plain` gives the switched text alone.
"""

import re
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple

from jaxmlda.config.settings import setting
from jaxmlda.corpus import Document
from jaxmlda.storage import keyed
from jaxmlda.streams.perturb import share
from jaxmlda.streams.restore import restoring
from jaxmlda.streams.text import Given, Options, Part, Text, kind

if TYPE_CHECKING:
    from jaxmlda.corpus.lexicon import Lexicon

SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|\n)$")


class CodeSwitchedOptions(Options):
    """Settings of the kind `code_switched`."""

    lexicon: str = setting("name of a lexicon of the corpus")
    ratio: float = setting("share of the terms found that are swapped", 1.0, gt=0, le=1)
    across: bool = setting("swapped for the other language's term; false: for a synonym of the same language", True)
    form: Literal["restore", "plain"] = setting("switched text and original, or the switched text alone", "restore")
    seed: int = setting("another seed, other terms", 0)

    @property
    def lexicons(self) -> tuple[str, ...]:
        return (self.lexicon,)


class Swap(NamedTuple):
    """A stretch of a text and the term that takes its place."""

    begin: int
    end: int
    term: str


@kind("code_switched", transfer=True, options=CodeSwitchedOptions)
def code_switched(document: Document, given: Given) -> Iterator[Text]:
    """A text per language; none where no term is swapped."""
    options = given.options
    lexicon = given.lexicons[options.lexicon]
    for language in given.languages:
        text = document.text(language)
        key = keyed("code_switched", options.seed, language, document.id)
        swapped = swaps(text, language, lexicon, options.ratio, key, across=options.across)
        if not swapped:
            continue
        switched = parts(text, language, swapped)
        if options.form == "plain":
            yield Text(document.id, "code_switched_plain", switched)
        else:
            yield restoring(document, "code_switched", switched, (Part(text, language, 0),))


def swaps(text: str, language: str, lexicon: "Lexicon", ratio: float, key: int, *, across: bool = True) -> list[Swap]:
    """round(ratio × n) of the n terms found that have a counterpart of another name, in the order of the text.

    Of several translations the lexicon's first is taken; of several synonyms one by hash, the same throughout a text.
    """
    found = []
    for begin, end in lexicon.find(text, language):
        term = text[begin:end]
        others = (lexicon.translations if across else lexicon.synonyms)(term, language)
        other = others[0 if across else keyed("synonym", key, term.lower()) % len(others)] if others else term
        # A gene has one name in both languages: nothing to swap.
        if other.lower() != term.lower():
            found.append(Swap(begin, end, _like(text, begin, language, other, across)))
    drawn = Random(key).sample(range(len(found)), share(len(found), ratio))
    return [found[number] for number in sorted(drawn)]


def parts(text: str, language: str, swapped: list[Swap]) -> tuple[Part, ...]:
    """The switched text: stretches of the document between the terms, which have no place in it."""
    made, place = [], 0
    for begin, end, term in swapped:
        made += [Part(text[place:begin], language, place), Part(term, language)]
        place = end
    made.append(Part(text[place:], language, place))
    return tuple(part for part in made if part.text)


def _like(text: str, begin: int, language: str, term: str, across: bool) -> str:
    """An English synonym at the head of a sentence begins with a capital, as what it replaces does."""
    if across or language != "en" or not text[begin].isupper() or not SENTENCE_START.search(text, 0, begin):
        return term
    return term[0].upper() + term[1:]
