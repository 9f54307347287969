"""The gates: a clean item passes all, and each planted fault is caught by the gate that is made for it."""

from dataclasses import replace

import pytest

from jaxmlda.adaxeval import faults, from_world
from jaxmlda.questions import Question
from jaxmlda.world import World

SENTENCE = {
    "en": "In this large series of patients zinc raised the mean level of alphaferritin in blood.",
    "ja": "今回の検討では亜鉛がアルファフェリチンの血中濃度を著しく上昇させた。",
}
TEXT = {
    "en": f"Zinc is rare. {SENTENCE['en']} No harm was seen.",
    "ja": f"亜鉛は稀である。{SENTENCE['ja']}副作用はない。",
}
OPTIONS = {
    "en": ["betacalcitone", "alphaferritin", "gammalactosin", "deltaglobulin"],
    "ja": ["ベータカルチトン", "アルファフェリチン", "ガンマラクトシン", "デルタグロブリン"],
}
TRIPLE = {
    "en": {"subject": "zinc", "relation": "raises", "object": "alphaferritin"},
    "ja": {"subject": "亜鉛", "relation": "上昇", "object": "アルファフェリチン"},
}
ASKED = {"en": "Which protein goes up when zinc is given?", "ja": "亜鉛を与えると増える蛋白質はどれか。"}


def item(language, form, **changed):
    gold = OPTIONS[language][1]
    text = SENTENCE[language].replace(gold, "[BLANK]") if form == "mem" else ASKED[language]
    metadata = {"language": language, "form": form, "sentence": SENTENCE[language], "triple": TRIPLE[language]}
    clean = Question("q", text, OPTIONS[language], (1,), metadata, "set")
    return replace(clean, **changed)


def options(language, wrong):
    """The options with the first wrong one changed."""
    return [wrong, *OPTIONS[language][1:]]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("form", ["mem", "gen"])
def test_a_clean_item_passes(language, form):
    assert faults(item(language, form), TEXT[language]) == []


PLANTED = {
    "a word of the cloze is not the sentence's": (
        item("en", "mem", question="In this small series of patients zinc raised the mean level of [BLANK] in blood."),
        "verbatim",
    ),
    "the sentence is not in the document": (
        item("ja", "gen", metadata=item("ja", "gen").metadata | {"sentence": "亜鉛は多い。"}),
        "verbatim",
    ),
    "the question holds its answer": (
        item("en", "gen", question="Is it AlphaFerritin that zinc raises?"),
        "gold_hidden",
    ),
    "the question holds its answer (ja)": (
        item("ja", "gen", question="アルファフェリチンは亜鉛で増えるか。"),
        "gold_hidden",
    ),
    "the document holds a wrong option": (
        item("en", "mem", options=options("en", "Large Series")),
        "distractors_absent",
    ),
    "the document holds a wrong option (ja)": (
        item("ja", "gen", options=options("ja", "を著しく上昇さ")),
        "distractors_absent",
    ),
    "a wrong option is too short": (item("en", "mem", options=options("en", "betacalci")), "lengths_alike"),
    "a wrong option is too long": (item("en", "mem", options=options("en", "betacalcitonebeta+")), "lengths_alike"),
    "two options are the same but for marks and case": (
        item("en", "mem", options=options("en", "Gamma-lactosin")),
        "options_differ",
    ),
    "the gold and a wrong option are the same but for a space": (
        item("ja", "mem", options=options("ja", "アルファ フェリチン")),
        "options_differ",
    ),
    "the question repeats five words of the sentence": (
        item("en", "gen", question="In this large series of adults, what did zinc raise?"),
        "own_wording",
    ),
    "the question repeats eight characters of the sentence": (
        item("ja", "gen", question="亜鉛は何の血中濃度を著し、変えるか。"),
        "own_wording",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_caught_by_its_gate(name):
    planted, gate = PLANTED[name]
    assert faults(planted, TEXT[planted.language]) == [gate]


@pytest.mark.parametrize(("length", "passes"), [(8, False), (9, True), (12, True), (15, True), (16, False)], ids=str)
def test_options_are_from_three_quarters_to_four_thirds_as_long_as_the_gold(length, passes):
    gold = "g" * 12
    metadata = {"language": "en", "form": "gen", "sentence": "a", "triple": {"subject": "s", "object": gold}}
    question = Question("q", "Which?", [gold, "w" * length], (0,), metadata, "set")
    assert ("lengths_alike" not in faults(question, "a")) == passes


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "In this large series, what did zinc raise?"),
        ("en", "Of patients zinc raised the mean for which protein?"),
        ("ja", "亜鉛は何の血中濃度を著、変えるか。"),
    ],
)
def test_shorter_runs_and_runs_through_a_name_are_no_repetition(language, text):
    """Four words, seven characters; and five words of which one is the subject."""
    assert faults(item(language, "gen", question=text), TEXT[language]) == []


def test_the_worlds_own_questions_pass_but_for_few_whose_options_are_of_the_wrong_length_or_in_the_text():
    world = World(documents=200)
    documents = {abstract.id: abstract for abstract in world}
    sets = from_world(world.questions(100))
    found = [
        fault
        for asked in sets.values()
        for question in asked
        for fault in faults(question, documents[question.document].texts[question.language])
    ]
    assert set(found) <= {"distractors_absent", "lengths_alike"}
    assert len(found) <= 4 * 100 * 0.05


def test_a_fact_is_asked_in_both_forms_and_both_languages_under_one_id():
    world = World(documents=60)
    asked = world.questions(20)
    sets = from_world(asked)
    assert sorted(sets) == [
        f"{language}_knowledge_{form}" for language in ("en", "ja") for form in ("generalization", "memorization")
    ]
    documents = {abstract.id: abstract for abstract in world}
    for name, questions in sets.items():
        assert [question.id for question in questions] == [one.id for one in asked]
        for one, question in zip(asked, questions, strict=True):
            language, form = name[:2], {"m": "mem", "g": "gen"}[name.split("_")[2][0]]
            assert (question.language, question.written_in, question.form) == (language, language, form)
            assert (question.set, question.pair_id, question.document) == (name, one.id, one.document)
            gold = question.options[question.answers[0]]
            assert gold == question.metadata["correct_answer"] == one.fact.object.name(language)
            begin, end = question.metadata["sentence_span"]
            sentence = documents[question.document].texts[language][begin:end]
            assert sentence == question.metadata["sentence"]
            place = question.metadata["blank_pos"]
            assert sentence[place : place + len(gold)] == gold
            if form == "mem":
                assert question.cloze == (sentence[:place], sentence[place + len(gold) :])
