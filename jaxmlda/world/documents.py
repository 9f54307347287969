"""The world: abstracts with their facts. In: a seed, a size, a domain and a name space. Out: abstracts by
number, each a pure function of these and its number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random

from jaxmlda.errors import UserError
from jaxmlda.storage import keyed
from jaxmlda.world import domain as domains
from jaxmlda.world import lexicon, questions
from jaxmlda.world.domain import LANGUAGES, Pair, Relation
from jaxmlda.world.names import SPACES, Naming
from jaxmlda.world.records import Abstract, Concept, Fact, WorldQuestion

JOINT = {"en": " ", "ja": ""}


class World:
    """A fictional bilingual world of `documents` abstracts.

    document(i) depends on (seed, i, domain, names) and on the size of the object pools alone, which is
    max(48, documents // 10) per kind. names="general" holds other entities in the same wordings. clone=True
    writes the first language in the place of the second, letter for letter.
    """

    def __init__(
        self,
        seed: int = 0,
        documents: int = 600,
        domain: str = "biomedical",
        names: str = "target",
        clone: bool = False,
    ) -> None:
        if names not in SPACES:
            raise UserError(f"The embedded world has no name space {names!r}: choose one of {', '.join(SPACES)}.")
        if documents < 1:
            raise UserError(f"A world needs at least one document, got documents={documents}.")
        self.seed, self.documents, self.names, self.clone = seed, documents, names, clone
        self.domain = domains.load(domain)
        self.pool_size = max(48, documents // 10)
        self.source = {"en": "en", "ja": "en" if clone else "ja"}
        self._naming = {kind: Naming(spec, seed, domain, names) for kind, spec in self.domain.kinds.items()}
        self._relations = {kind: self.domain.relations_of(kind) for kind in set(self.domain.subjects)}
        self._objects: dict[tuple[str, int], Concept] = {}
        self._check_room()

    def _check_room(self) -> None:
        cycle = self.domain.subjects
        share = Counter(cycle)
        for kind, naming in self._naming.items():
            wanted = self.pool_size + (self.documents // len(cycle) + 1) * share[kind]
            if wanted > naming.kind.capacity:
                raise UserError(
                    f"A world of {self.documents} documents needs {wanted} names of the kind {kind}, "
                    f"but only {naming.kind.capacity} exist: ask for fewer documents."
                )

    def __len__(self) -> int:
        return self.documents

    def __iter__(self) -> Iterator[Abstract]:
        return (self.document(i) for i in range(self.documents))

    def object(self, kind: str, ordinal: int) -> Concept:
        """Object number `ordinal` of a kind's pool."""
        found = self._objects.get((kind, ordinal))
        if found is None:
            found = self._objects[kind, ordinal] = self._concept(kind, ordinal, subject=False)
        return found

    def subject(self, i: int) -> Concept:
        """The subject of document i."""
        turn, place = divmod(i, len(self.domain.subjects))
        kind = self.domain.subjects[place]
        ordinal = turn * self.domain.subjects.count(kind) + self.domain.subjects[:place].count(kind)
        return self._concept(kind, ordinal, subject=True)

    def _concept(self, kind: str, ordinal: int, *, subject: bool) -> Concept:
        naming = self._naming[kind]
        code = naming.code(ordinal, subject=subject)
        en, ja = naming.spell(code)
        identity = f"{self.domain.code}-{self.names}-{kind}-{code}"
        return Concept(identity, kind, en, en if self.clone else ja)

    def document(self, i: int) -> Abstract:
        """Abstract number i, built without the others."""
        if not 0 <= i < self.documents:
            raise IndexError(f"document {i} of a world of {self.documents}")
        rng = Random(keyed("world", "document", self.seed, self.domain.name, self.names, i))
        subject = self.subject(i)
        year = rng.randint(1994, 2023)
        values = self._values(rng, subject, year)
        title = rng.choice(self.domain.titles[subject.kind])
        texts, facts = self._write(self._outline(rng, subject), subject, values)
        issue = f"{year}/{rng.randint(1, 12)}/{rng.randint(1, 9)}"
        identity = f"w{self.domain.code}-{self.names}-{self.seed}@@{issue}_{i}"
        words = rng.sample(self.domain.keywords, 2)
        areas = self.domain.areas[subject.kind][: rng.randint(1, 2)]
        both = self.source.items()
        return Abstract(
            id=identity,
            titles={lang: title[written].fill(values[lang]) for lang, written in both},
            texts=texts,
            keywords={lang: [subject.name(lang), *(word[written] for word in words)] for lang, written in both},
            subjects={lang: [area[written] for area in areas] for lang, written in both},
            year=year,
            facts=facts,
        )

    def _values(self, rng: Random, subject: Concept, year: int) -> dict[str, dict[str, object]]:
        numbers = {
            "n": rng.randint(41, 979),
            "m": rng.randint(3, 47),
            "p": rng.randint(4, 96),
            "c": rng.randint(2, 29),
            "y": year - rng.randint(5, 30),
            "e": year - rng.randint(1, 3),
            "a": rng.randint(21, 79),
            "r": rng.randint(3, 12),
            "q": rng.randint(78, 98),
            "s": rng.randint(3, 19),
        }
        return {lang: {**numbers, "subject": subject.name(lang)} for lang in LANGUAGES}

    def _outline(self, rng: Random, subject: Concept) -> list[tuple[Pair, Relation | None, Concept | None]]:
        """The sentences in order: opening, methods, facts, limits, closing; two to four without a fact."""
        d, available = self.domain, self._relations[subject.kind]
        chosen = rng.sample(available, rng.randint(3, min(5, len(available))))
        facts = []
        for relation in chosen:
            answer = self.object(relation.object, rng.randrange(self.pool_size))
            facts.append((rng.choice(relation.wordings), relation, answer))
        before = rng.choice(((d.opening,), (d.opening, d.methods), (d.opening, d.methods)))
        after = rng.choice(((d.limits,), (d.closing,), (d.limits, d.closing)))
        head = [(rng.choice(table[subject.kind]), None, None) for table in before]
        tail = [(rng.choice(table), None, None) for table in after]
        return [*head, *facts, *tail]

    def _write(self, outline: list, subject: Concept, values: dict) -> tuple[dict[str, str], tuple[Fact, ...]]:
        texts: dict[str, str] = {}
        spans: dict[str, list[tuple[tuple[int, int], tuple[int, int]]]] = {}
        for lang, written in self.source.items():
            pieces, length, spans[lang] = [], 0, []
            for wording, relation, answer in outline:
                if relation is None:
                    sentence, start, end = wording[written].fill(values[lang]), 0, 0
                else:
                    filled = {**values[lang], "object": answer.name(lang)}
                    sentence, start, end = wording[written].fill_with_span(filled, "object")
                spans[lang].append(((length, length + len(sentence)), (length + start, length + end)))
                pieces.append(sentence)
                length += len(sentence) + len(JOINT[written])
            texts[lang] = JOINT[written].join(pieces)
        facts = tuple(
            Fact(
                k,
                subject,
                relation.name,
                answer,
                {lang: spans[lang][k][0] for lang in LANGUAGES},
                {lang: spans[lang][k][1] for lang in LANGUAGES},
            )
            for k, (_, relation, answer) in enumerate(outline)
            if relation is not None
        )
        return texts, facts

    def lexicon(self) -> Iterator[Concept]:
        """Every entity that the documents may name, with its synonyms in both languages."""
        return lexicon.build(self)

    def question_answers(self, abstract: Abstract) -> list[tuple[str, str, str]]:
        """(language, question, answer) for every fact of an abstract, in both languages."""
        return questions.question_answers(self, abstract)

    def questions(self, per_set: int = 1000, documents: Iterable[int] | None = None) -> list[WorldQuestion]:
        """per_set questions, spread evenly over the documents allowed (all by default)."""
        return questions.build(self, per_set, documents)
