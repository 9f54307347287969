"""The records of the embedded world: a concept, a fact, an abstract and a question. In: nothing. Out: frozen
dataclasses; every field with two languages is a dictionary with the keys "en" and "ja"."""

from __future__ import annotations

from dataclasses import dataclass, field

Span = tuple[int, int]


@dataclass(frozen=True)
class Concept:
    """An entity: its names in both languages, and its synonyms where they were asked for."""

    id: str
    kind: str
    en: str
    ja: str
    synonyms: dict[str, list[str]] = field(default_factory=dict, compare=False)

    def name(self, language: str) -> str:
        """The name in one language."""
        return self.en if language == "en" else self.ja


@dataclass(frozen=True)
class Fact:
    """Sentence number `index` of an abstract: its triple, and character spans in the abstract's texts."""

    index: int
    subject: Concept
    relation: str
    object: Concept
    sentence: dict[str, Span]
    answer: dict[str, Span]


@dataclass(frozen=True)
class Abstract:
    """One document in both languages, with the facts that it states."""

    id: str
    titles: dict[str, str]
    texts: dict[str, str]
    keywords: dict[str, list[str]]
    subjects: dict[str, list[str]]
    year: int
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class WorldQuestion:
    """One fact asked in both forms and both languages, with the same options in the same order."""

    id: str
    document: str
    fact: Fact
    cloze: dict[str, str]
    question: dict[str, str]
    options: dict[str, list[str]]
    answer_idx: int
    sentence: dict[str, str]
    sentence_span: dict[str, Span]
    blank_pos: dict[str, int]
    triple: dict[str, dict[str, str]]
