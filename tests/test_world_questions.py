"""Questions of the embedded world: faithful clozes, questions in other words, fair options."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.errors import UserError
from jaxmlda.world import World, domain, options

LANGUAGES = ("en", "ja")
RUN = {"en": 5, "ja": 8}


@pytest.fixture(scope="module", params=[("biomedical", 0), ("biomedical", 1), ("science", 0)])
def asked(request):
    domain_name, seed = request.param
    world = World(seed=seed, documents=600, domain=domain_name)
    return world, {a.id: a for a in world}, world.questions(1000)


def runs(text, language):
    """The runs of five words or eight characters of a text whose names are masked by an underscore."""
    units = re.findall(r"[\w'%-]+", text.lower()) if language == "en" else re.sub(r"\s", "", text)
    n = RUN[language]
    return {tuple(units[k : k + n]) for k in range(len(units) - n + 1)}


def mask(text, names):
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(re.escape(name), "_", text, flags=re.IGNORECASE)
    return text


def test_a_set_has_the_size_asked_for_and_ids_of_its_documents(asked):
    _, abstracts, questions = asked
    assert len(questions) == len({q.id for q in questions}) == 1000
    assert all(q.id == f"{q.document}_sentid:{q.fact.index}" and q.document in abstracts for q in questions)


def test_questions_are_deterministic_and_spread_evenly(asked):
    world, _, questions = asked
    again = World(seed=world.seed, documents=600, domain=world.domain.name).questions(1000)
    assert again == questions
    per_document = Counter(q.document for q in questions)
    assert len(per_document) >= 590
    assert max(per_document.values()) <= 3


def test_the_filled_cloze_is_the_sentence_letter_for_letter(asked):
    _, abstracts, questions = asked
    for q in questions:
        for language in LANGUAGES:
            gold = q.options[language][q.answer_idx]
            start, end = q.sentence_span[language]
            assert q.cloze[language].count("[BLANK]") == 1
            assert q.cloze[language].replace("[BLANK]", gold) == q.sentence[language]
            assert abstracts[q.document].texts[language][start:end] == q.sentence[language]
            assert q.cloze[language].index("[BLANK]") == q.blank_pos[language]
            assert q.triple[language]["object"] == gold


def test_nearly_every_cloze_has_ten_characters_before_its_blank(asked):
    _, _, questions = asked
    for language in LANGUAGES:
        assert sum(q.blank_pos[language] >= 10 for q in questions) >= 990


def test_options_are_parallel_between_the_languages(asked):
    world, _, questions = asked
    japanese = {term.en: term.ja for term in world.lexicon()}
    for q in questions:
        assert [japanese[name] for name in q.options["en"]] == q.options["ja"]
        assert len(set(q.options["en"])) == len(set(q.options["ja"])) == 4


def test_the_question_names_its_subject_and_never_the_gold(asked):
    _, _, questions = asked
    for q in questions:
        for language in LANGUAGES:
            assert q.triple[language]["subject"].lower() in q.question[language].lower()
            assert q.options[language][q.answer_idx].lower() not in q.question[language].lower()


def test_distractors_are_of_the_same_kind_and_absent_from_the_document(asked):
    world, abstracts, questions = asked
    kind = {term.en: term.kind for term in world.lexicon()}
    for q in questions:
        assert {kind[name] for name in q.options["en"]} == {q.fact.object.kind}
        for language in LANGUAGES:
            text = abstracts[q.document].texts[language] + abstracts[q.document].titles[language]
            others = [o for n, o in enumerate(q.options[language]) if n != q.answer_idx]
            assert not any(other.lower() in text.lower() for other in others)


def test_distractors_are_about_as_long_as_the_gold(asked):
    _, _, questions = asked
    for language in LANGUAGES:
        ratios = [len(o) / len(q.options[language][q.answer_idx]) for q in questions for o in q.options[language]]
        assert sum(0.75 <= r <= 1.34 for r in ratios) / len(ratios) > 0.99


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("pick", [max, min])
def test_picking_the_longest_or_shortest_option_scores_at_chance(asked, language, pick):
    _, _, questions = asked
    score = 0.0
    for q in questions:
        lengths = [len(o) for o in q.options[language]]
        extreme = [n for n, length in enumerate(lengths) if length == pick(lengths)]
        score += (q.answer_idx in extreme) / len(extreme)
    assert abs(score / len(questions) - 0.25) <= 0.02


def test_every_answer_is_a_distractor_three_times_as_often_as_the_gold(asked):
    _, _, questions = asked
    gold = Counter(q.options["en"][q.answer_idx] for q in questions)
    shown = Counter(o for q in questions for o in q.options["en"])
    assert shown == {name: 4 * count for name, count in gold.items()}


def test_positions_are_balanced_over_the_set_and_within_each_kind(asked):
    _, _, questions = asked
    assert Counter(q.answer_idx for q in questions) == dict.fromkeys(range(4), 250)
    for kind in {q.fact.object.kind for q in questions}:
        places = Counter(q.answer_idx for q in questions if q.fact.object.kind == kind)
        assert max(places.values()) - min(places.values()) <= 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("domain_name", domain.DOMAINS)
def test_no_question_wording_shares_a_run_with_any_sentence_pattern(domain_name, language):
    loaded = domain.load(domain_name)
    written = set()
    for pattern in loaded.sentences():
        written |= runs(re.sub(r"\{\w+\}", "_", pattern[language].text), language)
    for relation in loaded.relations.values():
        for question in relation.questions:
            shared = runs(re.sub(r"\{\w+\}", "_", question[language].text), language) & written
            assert not shared, (question[language].text, shared)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_masked_question_shares_a_run_with_any_document(asked, language):
    _, abstracts, questions = asked
    written = set()
    for abstract in abstracts.values():
        names = {c.name(language) for f in abstract.facts for c in (f.subject, f.object)}
        written |= runs(mask(abstract.titles[language] + " " + abstract.texts[language], names), language)
    for q in questions:
        assert not runs(mask(q.question[language], {q.triple[language]["subject"]}), language) & written


def test_question_answers_state_each_fact_in_both_languages_in_the_words_of_questions(asked):
    world, abstracts, _ = asked
    patterns = {
        lang: [
            re.compile(re.escape(q[lang].text).replace(r"\{subject\}", ".+"), re.IGNORECASE)
            for r in world.domain.relations.values()
            for q in r.questions
        ]
        for lang in LANGUAGES
    }
    for abstract in list(abstracts.values())[:40]:
        rows = world.question_answers(abstract)
        assert [row[0] for row in rows] == ["en", "ja"] * len(abstract.facts)
        answers = [f.object.name(lang) for f in abstract.facts for lang in LANGUAGES]
        assert [row[2] for row in rows] == answers
        assert all(any(p.fullmatch(text) for p in patterns[lang]) for lang, text, _ in rows)


def test_only_the_documents_allowed_are_asked_about():
    world = World(documents=300)
    allowed = set(range(0, 300, 2))
    questions = world.questions(200, documents=allowed)
    assert len(questions) == 200
    assert {q.document for q in questions} <= {world.document(i).id for i in allowed}
    assert questions == world.questions(200, documents=sorted(allowed, reverse=True))


def test_a_clone_asks_the_same_letter_for_letter():
    for q in World(documents=100, clone=True).questions(100):
        for table in (q.cloze, q.question, q.options, q.sentence, q.sentence_span, q.blank_pos, q.triple):
            assert table["en"] == table["ja"]


def test_target_and_general_questions_share_no_option():
    shown = [
        {o for q in World(documents=100, names=names).questions(100) for o in q.options["en"]}
        for names in ("target", "general")
    ]
    assert shown[0].isdisjoint(shown[1])


@pytest.mark.parametrize(
    ("per_set", "documents", "word"),
    [
        (1000, range(20), "too few facts"),
        (3, None, "at least 4"),
        (40, [5, 600], "may not be asked about"),
    ],
)
def test_an_impossible_request_is_explained(per_set, documents, word):
    with pytest.raises(UserError, match=word):
        World(documents=100).questions(per_set, documents=documents)


@pytest.mark.parametrize("per_set", [4, 5, 9, 23, 60])
def test_small_sets_are_balanced_as_well(per_set):
    questions = World(documents=100).questions(per_set)
    gold = Counter(q.options["en"][q.answer_idx] for q in questions)
    assert len(questions) == per_set
    assert Counter(o for q in questions for o in q.options["en"]) == {name: 4 * n for name, n in gold.items()}


@given(st.integers(4, 200))
def test_offsets_give_four_different_places_in_every_circle(size):
    assert len({o % size for o in options.offsets(size)}) == 4


@given(st.integers(13, 200))
def test_in_a_full_circle_two_answers_meet_at_most_once(size):
    met = Counter(
        frozenset(((p + a) % size, (p + b) % size))
        for p in range(size)
        for a in options.offsets(size)
        for b in options.offsets(size)
        if a < b
    )
    assert max(met.values()) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=4, max_size=150), st.randoms(use_true_random=False))
def test_dealing_keeps_answers_apart_and_blocks_large_enough(numbers, rng):
    answers = [str(n) for n in numbers]
    while options.too_frequent(answers) is not None:
        answers.remove(options.too_frequent(answers))
        if len(answers) < 4:
            return
    blocks = options.deal(answers, rng)
    assert sorted(q for block in blocks for q in block) == list(range(len(answers)))
    for block in blocks:
        assert len(block) >= 4
        assert len({answers[q] for q in block}) == len(block)


@pytest.mark.parametrize(("gold", "rivals", "share"), [(5, [4, 4, 3], 1), (5, [5, 4, 5], 1 / 3), (5, [6, 1, 1], 0)])
def test_the_extreme_share_splits_ties(gold, rivals, share):
    assert options.extreme_share(gold, rivals) == share
