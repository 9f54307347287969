"""The terms of a world. In: a world. Out: every object of its pools and every subject of its documents, with
the names and the synonyms in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from jaxmlda.world.domain import LANGUAGES
from jaxmlda.world.records import Concept

if TYPE_CHECKING:
    from jaxmlda.world.documents import World

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def register_code(number: int, space: str) -> str:
    """A register code such as TA-0412: a letter for the name space, a letter and digits for the number."""
    rest, letter = divmod(number, len(LETTERS))
    return f"{space[0].upper()}{LETTERS[letter]}-{rest:04d}"


def with_synonyms(world: World, concept: Concept) -> Concept:
    """The concept with its synonyms: other names built from the name or from its register code."""
    code = register_code(int(concept.id.rsplit("-", 1)[1]), world.names)
    patterns = world.domain.kinds[concept.kind].synonyms
    synonyms = {
        lang: [
            pair[LANGUAGES.index(world.source[lang])].format(name=concept.name(lang), code=code) for pair in patterns
        ]
        for lang in LANGUAGES
    }
    return replace(concept, synonyms=synonyms)


def build(world: World) -> Iterator[Concept]:
    """Objects kind by kind, then subjects in the order of their documents."""
    kinds = {relation.object for relation in world.domain.relations.values()}
    for kind in world.domain.kinds:
        if kind in kinds:
            for ordinal in range(world.pool_size):
                yield with_synonyms(world, world.object(kind, ordinal))
    for i in range(len(world)):
        yield with_synonyms(world, world.subject(i))
