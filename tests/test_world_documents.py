"""Abstracts of the embedded world: pure functions of their number, parallel, and true to their spans."""

import re
from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.errors import UserError
from jaxmlda.world import World, domain

LANGUAGES = ("en", "ja")
ENDS = {"en": r"(?<=\.) (?=[A-Z])", "ja": r"(?<=。)"}


@pytest.fixture(scope="module", params=[("biomedical", "target"), ("biomedical", "general"), ("science", "target")])
def world(request):
    domain_name, names = request.param
    return World(seed=3, documents=400, domain=domain_name, names=names)


def sentences(abstract, language):
    return [part for part in re.split(ENDS[language], abstract.texts[language]) if part]


def test_two_worlds_of_one_seed_are_equal_and_another_seed_differs(world):
    again = World(seed=3, documents=400, domain=world.domain.name, names=world.names)
    other = World(seed=4, documents=400, domain=world.domain.name, names=world.names)
    assert list(again) == list(world)
    assert {a.texts["en"] for a in other}.isdisjoint(a.texts["en"] for a in world)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 399), min_size=1, max_size=6))
def test_a_document_does_not_depend_on_those_built_before_it(order):
    fresh = World(seed=3, documents=400)
    for i in order:
        last = fresh.document(i)
    assert last == World(seed=3, documents=400).document(order[-1])


def test_a_document_keeps_its_subject_when_the_world_grows(world):
    larger = World(seed=3, documents=5000, domain=world.domain.name, names=world.names)
    assert [larger.subject(i) for i in range(400)] == [world.subject(i) for i in range(400)]


def test_every_relation_has_six_different_wordings_and_three_questions_per_language():
    for name in domain.DOMAINS:
        loaded = domain.load(name)
        assert len(loaded.relations) >= 10
        for relation in loaded.relations.values():
            for language in LANGUAGES:
                assert len({w[language].text for w in relation.wordings}) >= 6
                assert len({q[language].text for q in relation.questions}) >= 3


def test_every_wording_names_both_ends_once_and_no_question_names_the_object():
    for name in domain.DOMAINS:
        for relation in domain.load(name).relations.values():
            for language in LANGUAGES:
                for wording in relation.wordings:
                    fields = [field for _, field in wording[language].parts if field]
                    assert sorted(fields) == ["object", "subject"]
                    assert not wording[language].text.startswith("{object}")
                for question in relation.questions:
                    assert [field for _, field in question[language].parts if field] == ["subject"]


def test_an_abstract_has_five_to_nine_sentences_and_three_to_five_facts(world):
    for abstract in world:
        assert 3 <= len(abstract.facts) <= 5
        counts = {len(sentences(abstract, language)) for language in LANGUAGES}
        assert len(counts) == 1
        assert 5 <= counts.pop() <= 9


def test_the_lengths_of_abstracts_vary(world):
    assert len(Counter(len(sentences(abstract, "ja")) for abstract in world)) >= 4


def test_spans_hold_the_sentence_and_the_answer_in_both_languages(world):
    for abstract in world:
        for fact in abstract.facts:
            for language in LANGUAGES:
                text, (start, end) = abstract.texts[language], fact.sentence[language]
                left, right = fact.answer[language]
                assert text[start:end] == sentences(abstract, language)[fact.index]
                assert start <= left < right <= end
                assert text[left:right] == fact.object.name(language)
                assert fact.subject.name(language).lower() in text[start:end].lower()
                assert text.count(fact.object.name(language)) == 1


def test_texts_are_clean(world):
    for abstract in world:
        for language in LANGUAGES:
            for text in (abstract.texts[language], abstract.titles[language]):
                assert not re.search(r"[{}]|  |\s$|^\s|、、|。。|\.\.|ののの", text)
        assert all(s[0].isupper() or s[0].isdigit() for s in sentences(abstract, "en"))
        assert abstract.titles["en"][0].isupper()
        assert not re.search(r"[ ,]", abstract.texts["ja"])


def test_no_two_abstracts_share_a_text_an_id_or_a_subject(world):
    for language in LANGUAGES:
        assert len({abstract.texts[language] for abstract in world}) == len(world)
    assert len({abstract.id for abstract in world}) == len(world)
    assert len({abstract.facts[0].subject.id for abstract in world}) == len(world)


def test_each_object_is_the_answer_in_several_documents(world):
    answers = Counter(fact.object.id for abstract in world for fact in abstract.facts)
    kinds = {r.object for r in world.domain.relations.values()}
    assert len(answers) <= world.pool_size * len(kinds)
    assert sum(answers.values()) / len(answers) > 2


def test_keywords_and_areas_are_parallel_and_give_no_answer_away(world):
    for abstract in islice(world, 100):
        assert len(abstract.keywords["en"]) == len(abstract.keywords["ja"]) == 3
        assert len(abstract.subjects["en"]) == len(abstract.subjects["ja"]) >= 1
        for language in LANGUAGES:
            shown = " ".join([abstract.titles[language], *abstract.keywords[language]])
            assert not any(fact.object.name(language) in shown for fact in abstract.facts)


def test_the_two_name_spaces_share_no_entity():
    ids, names = [], []
    for space in ("target", "general"):
        terms = list(World(seed=3, documents=400, names=space).lexicon())
        ids.append({term.id for term in terms})
        names.append(
            {form for term in terms for form in (term.en, term.ja) if term.kind != "gene"} | {term.en for term in terms}
        )
    assert ids[0].isdisjoint(ids[1])
    assert names[0].isdisjoint(names[1])


def test_the_lexicon_holds_every_entity_of_the_documents_with_synonyms(world):
    terms = {term.id: term for term in world.lexicon()}
    for abstract in world:
        for fact in abstract.facts:
            for concept in (fact.subject, fact.object):
                assert terms[concept.id] == replace(concept, synonyms={})
    for term in terms.values():
        assert len(term.synonyms["en"]) == len(term.synonyms["ja"]) >= 1
        assert term.en not in term.synonyms["en"]
        assert term.ja not in term.synonyms["ja"]
    first = [(term.kind, term.synonyms["en"][-1]) for term in terms.values()]
    assert len(set(first)) == len(first)


def test_a_clone_writes_the_first_language_twice():
    plain, clone = World(seed=3, documents=60), World(seed=3, documents=60, clone=True)
    for a, b in zip(plain, clone, strict=True):
        assert a.texts["en"] == b.texts["en"] == b.texts["ja"]
        assert b.titles["ja"] == b.titles["en"] == a.titles["en"]
        assert b.keywords["ja"] == b.keywords["en"]
        assert b.subjects["ja"] == b.subjects["en"]
        assert all(f.subject.ja == f.subject.en and f.object.ja == f.object.en for f in b.facts)
        assert all(f.answer["ja"] == f.answer["en"] and f.sentence["ja"] == f.sentence["en"] for f in b.facts)
    assert all(term.synonyms["ja"] == term.synonyms["en"] for term in clone.lexicon())


@pytest.mark.parametrize(
    ("settings_given", "word"),
    [
        ({"domain": "music"}, "biomedical"),
        ({"names": "other"}, "general"),
        ({"documents": 0}, "at least one"),
        ({"documents": 3_000_000}, "fewer documents"),
    ],
)
def test_a_wrong_setting_is_explained(settings_given, word):
    with pytest.raises(UserError, match=word):
        World(**settings_given)


def test_a_document_beyond_the_end_is_an_index_error(world):
    with pytest.raises(IndexError, match="400"):
        world.document(400)
