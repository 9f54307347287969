"""Questions about a world. In: a world and the documents that may be asked about. Out: the same facts asked
as a cloze of the document's own sentence and as a question in other words, in both languages, with the same
options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import TYPE_CHECKING

from jaxmlda.errors import UserError
from jaxmlda.storage import keyed
from jaxmlda.world import options
from jaxmlda.world.domain import LANGUAGES
from jaxmlda.world.records import Abstract, Concept, Fact, WorldQuestion

if TYPE_CHECKING:
    from jaxmlda.world.documents import World

BLANK = "[BLANK]"
LEFT_CONTEXT = 10

Candidate = tuple[Abstract, Fact]


def question_answers(world: World, abstract: Abstract) -> list[tuple[str, str, str]]:
    """(language, question, answer) for every fact of the abstract, one wording per fact and language."""
    rows = []
    for fact in abstract.facts:
        rng = Random(keyed("world", "question-answer", abstract.id, fact.index))
        asked = _ask(world, fact, rng)
        rows.extend((lang, asked[lang], fact.object.name(lang)) for lang in LANGUAGES)
    return rows


def _ask(world: World, fact: Fact, rng: Random) -> dict[str, str]:
    wording = rng.choice(world.domain.relations[fact.relation].questions)
    return {lang: wording[written].fill({"subject": fact.subject.name(lang)}) for lang, written in world.source.items()}


def _has_context(fact: Fact) -> bool:
    return all(fact.answer[lang][0] - fact.sentence[lang][0] >= LEFT_CONTEXT for lang in LANGUAGES)


def _candidates(world: World, documents: Iterable[int]) -> Iterator[Candidate]:
    """Facts round by round, one per document and round; those with text before the answer come first."""
    allowed = sorted(set(documents), key=lambda i: keyed("world", "asked", world.seed, world.names, i))
    for i in allowed:
        if not 0 <= i < len(world):
            raise UserError(f"Document {i} may not be asked about: the world has documents 0 to {len(world) - 1}.")
    waiting: list[tuple[Abstract, list[Fact]]] = []
    for i in allowed:
        abstract = world.document(i)
        rng = Random(keyed("world", "facts asked", abstract.id))
        facts = sorted(rng.sample(abstract.facts, len(abstract.facts)), key=lambda f: not _has_context(f))
        waiting.append((abstract, facts[1:]))
        yield abstract, facts[0]
    while waiting:
        for abstract, facts in waiting:
            yield abstract, facts[0]
        waiting = [(abstract, facts[1:]) for abstract, facts in waiting if facts[1:]]


def _select(world: World, per_set: int, candidates: Iterator[Candidate]) -> dict[str, list[Candidate]]:
    """per_set candidates by kind of answer, such that every kind can be dealt into blocks."""
    chosen: dict[str, list[Candidate]] = {}
    barred: set[str] = set()
    while True:
        missing = per_set - sum(map(len, chosen.values()))
        while missing:
            found = next(candidates, None)
            if found is None:
                raise UserError(
                    f"The world has too few facts for {per_set} balanced questions (short by {missing}): "
                    "allow more documents, make the world larger, or ask for fewer questions."
                )
            if found[1].object.kind not in barred:
                chosen.setdefault(found[1].object.kind, []).append(found)
                missing -= 1
        if not _repair(chosen, barred):
            return chosen


def _repair(chosen: dict[str, list[Candidate]], barred: set[str]) -> bool:
    """Drop what stands in the way of the design: a kind that is too small, else a too frequent answer."""
    smallest = min(chosen, key=lambda kind: (len(chosen[kind]), kind))
    if len(chosen[smallest]) < options.OPTIONS:
        barred.add(smallest)
        del chosen[smallest]
        return True
    for rows in chosen.values():
        answer = options.too_frequent([fact.object.id for _, fact in rows])
        if answer is not None:
            rows.pop(max(n for n, (_, fact) in enumerate(rows) if fact.object.id == answer))
            return True
    return False


def _item(abstract: Abstract, fact: Fact) -> options.Item:
    named = frozenset(f.object.id for f in abstract.facts) | {fact.subject.id}
    return options.Item(fact.object.id, tuple(len(fact.object.name(lang)) for lang in LANGUAGES), named)


def build(world: World, per_set: int, documents: Iterable[int] | None) -> list[WorldQuestion]:
    """per_set questions, in a keyed order; the same for the same arguments."""
    if per_set < options.OPTIONS:
        raise UserError(f"A set needs at least {options.OPTIONS} questions, got per_set={per_set}.")
    allowed = range(len(world)) if documents is None else documents
    chosen = _select(world, per_set, _candidates(world, allowed))
    rng = Random(keyed("world", "options", world.seed, world.domain.name, world.names, per_set))
    designer = options.Designer(len(LANGUAGES), rng)
    places: list[int] = []
    made = []
    for kind in sorted(chosen):
        rows = chosen[kind]
        for block in options.deal([fact.object.id for _, fact in rows], rng):
            layout = designer.lay_out([_item(*rows[q]) for q in block])
            for q, others in sorted(layout.items()):
                places = places or rng.sample(range(options.OPTIONS), options.OPTIONS)
                shown = [rows[block[o]][1].object for o in rng.sample(others, len(others))]
                made.append(_question(world, *rows[block[q]], shown, places.pop()))
    return sorted(made, key=lambda question: keyed("world", "order", question.id))


def _question(world: World, abstract: Abstract, fact: Fact, others: list[Concept], place: int) -> WorldQuestion:
    concepts = [*others[:place], fact.object, *others[place:]]
    asked = _ask(world, fact, Random(keyed("world", "question", abstract.id, fact.index)))
    sentence, cloze, blank = {}, {}, {}
    for lang in LANGUAGES:
        (start, end), (left, right) = fact.sentence[lang], fact.answer[lang]
        text = abstract.texts[lang]
        sentence[lang] = text[start:end]
        cloze[lang] = text[start:left] + BLANK + text[right:end]
        blank[lang] = left - start
    relation = world.domain.relations[fact.relation]
    triple = {
        lang: {
            "subject": fact.subject.name(lang),
            "relation": relation.label[written],
            "object": fact.object.name(lang),
        }
        for lang, written in world.source.items()
    }
    return WorldQuestion(
        id=f"{abstract.id}_sentid:{fact.index}",
        document=abstract.id,
        fact=fact,
        cloze=cloze,
        question=asked,
        options={lang: [concept.name(lang) for concept in concepts] for lang in LANGUAGES},
        answer_idx=place,
        sentence=sentence,
        sentence_span=dict(fact.sentence),
        blank_pos=blank,
        triple=triple,
    )
