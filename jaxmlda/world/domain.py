"""What a domain is made of: kinds, relations and sentences. In: the YAML files DOMAIN_names, DOMAIN_facts and
DOMAIN_prose of this room. Out: a Domain whose wordings are split into parts, ready to be filled."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from jaxmlda.errors import UserError
from jaxmlda.world.names import Kind

DOMAINS = ("biomedical", "science")
LANGUAGES = ("en", "ja")


@dataclass(frozen=True)
class Wording:
    """One sentence pattern in one language: (literal, field or None) parts in order."""

    text: str
    parts: tuple[tuple[str, str | None], ...]
    opens_with_field: bool

    @classmethod
    def parse(cls, text: str) -> Wording:
        parts = tuple((literal, field) for literal, field, _, _ in string.Formatter().parse(text))
        return cls(text, parts, parts[0][0] == "" and parts[0][1] is not None)

    def fill(self, values: Mapping[str, object]) -> str:
        """The sentence with its fields filled; a field that opens the sentence gets a capital."""
        text = "".join(literal + str(values[field]) if field else literal for literal, field in self.parts)
        return text[0].upper() + text[1:] if self.opens_with_field else text

    def fill_with_span(self, values: Mapping[str, object], wanted: str) -> tuple[str, int, int]:
        """The filled sentence and the character span of the field called wanted."""
        pieces, length, start, end = [], 0, 0, 0
        for literal, field in self.parts:
            pieces.append(literal)
            length += len(literal)
            if field:
                value = str(values[field])
                if field == wanted:
                    start, end = length, length + len(value)
                pieces.append(value)
                length += len(value)
        text = "".join(pieces)
        return (text[0].upper() + text[1:] if self.opens_with_field else text), start, end


Pair = Mapping[str, Wording]


@dataclass(frozen=True)
class Relation:
    """A relation between two kinds, with its label, its statements and its questions in both languages."""

    name: str
    subject: str
    object: str
    label: Mapping[str, str]
    wordings: tuple[Pair, ...]
    questions: tuple[Pair, ...]


@dataclass(frozen=True)
class Domain:
    """Kinds, relations and prose of one field of knowledge."""

    name: str
    code: str
    kinds: Mapping[str, Kind]
    subjects: tuple[str, ...]
    relations: Mapping[str, Relation]
    titles: Mapping[str, tuple[Pair, ...]]
    areas: Mapping[str, tuple[Mapping[str, str], ...]]
    keywords: tuple[Mapping[str, str], ...]
    opening: Mapping[str, tuple[Pair, ...]]
    methods: Mapping[str, tuple[Pair, ...]]
    limits: tuple[Pair, ...]
    closing: tuple[Pair, ...]

    def relations_of(self, kind: str) -> tuple[Relation, ...]:
        """The relations whose subject is of this kind."""
        return tuple(r for r in self.relations.values() if r.subject == kind)

    def sentences(self) -> list[Pair]:
        """Every pair of patterns that a document may hold: statements, prose and titles."""
        by_kind = [p for table in (self.titles, self.opening, self.methods) for ps in table.values() for p in ps]
        stated = [p for r in self.relations.values() for p in r.wordings]
        return [*stated, *by_kind, *self.limits, *self.closing]


def _read(name: str) -> dict:
    text = resources.files("jaxmlda.world").joinpath(name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _both(pair: list[str]) -> dict[str, str]:
    return dict(zip(LANGUAGES, pair, strict=True))


def _pairs(rows: list[list[str]]) -> tuple[Pair, ...]:
    return tuple({lang: Wording.parse(text) for lang, text in _both(row).items()} for row in rows)


def _kind(name: str, spec: dict, roots: dict[str, str]) -> Kind:
    patterns = []
    for pattern in spec["patterns"]:
        slots = []
        for slot in pattern.split():
            words = [entry.split("=") for entry in roots[slot.rstrip("_")].split()]
            slots.append(tuple((en + " " * slot.endswith("_"), ja) for en, ja in words))
        patterns.append(tuple(slots))
    return Kind(name, tuple(spec["noun"]), tuple(patterns), tuple(map(tuple, spec["synonyms"])))


@cache
def load(name: str) -> Domain:
    """The domain of this name: one of DOMAINS."""
    if name not in DOMAINS:
        raise UserError(f"The embedded world has no domain {name!r}: choose one of {', '.join(DOMAINS)}.")
    names, facts, prose = (_read(f"{name}_{part}.yaml") for part in ("names", "facts", "prose"))
    relations = {
        key: Relation(key, *spec["ends"], _both(spec["label"]), _pairs(spec["wordings"]), _pairs(spec["questions"]))
        for key, spec in facts.items()
    }
    return Domain(
        name=name,
        code=names["code"],
        kinds={key: _kind(key, spec, names["roots"]) for key, spec in names["kinds"].items()},
        subjects=tuple(names["subjects"]),
        relations=relations,
        titles={key: _pairs(rows) for key, rows in prose["titles"].items()},
        areas={key: tuple(map(_both, rows)) for key, rows in prose["areas"].items()},
        keywords=tuple(map(_both, prose["keywords"])),
        opening={key: _pairs(rows) for key, rows in prose["opening"].items()},
        methods={key: _pairs(rows) for key, rows in prose["methods"].items()},
        limits=_pairs(prose["limits"]),
        closing=_pairs(prose["closing"]),
    )
