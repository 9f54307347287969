"""How an example is worded: ten wordings a view and language, filled with parts. In: fields; out: parts of a text."""

import functools
import string
from importlib import resources

import yaml

from jaxmlda.storage import keyed
from jaxmlda.streams.text import Part

Fields = dict[str, tuple[Part, ...]]
Wording = tuple[tuple[str, str | None], ...]


@functools.cache
def wordings(view: str, language: str) -> tuple[Wording, ...]:
    """The wordings of a view as (literal, field or None) pieces, in the order of the file."""
    text = resources.files("jaxmlda.streams").joinpath("wordings.yaml").read_text(encoding="utf-8")
    table = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return tuple(parse(wording) for wording in table[view][language])


def parse(wording: str) -> Wording:
    """A wording with {fields} as its pieces."""
    return tuple((literal, field) for literal, field, _, _ in string.Formatter().parse(wording))


def chosen(view: str, language: str, seed: int, document: str) -> Wording:
    """The wording that a document gets: the same on every machine and at every epoch."""
    known = wordings(view, language)
    return known[keyed("wording", seed, view, language, document) % len(known)]


def filled(wording: Wording, fields: Fields) -> tuple[Part, ...]:
    """The wording with its fields filled; its own words are in the language of the field that they lead to."""
    parts: list[Part] = []
    for literal, field in wording:
        led_to = fields[field] if field else ()
        parts.append(Part(literal, (led_to or parts)[-1].language))
        parts.extend(led_to)
    return tuple(part for part in parts if part.text)
