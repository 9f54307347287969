"""Views of native text: exercises made of a document, worded in one of ten ways, its own text in its place."""

import string
from importlib import resources

import pytest
import yaml
from streams_case import made, texts

from jaxmlda.corpus import Document, embedded
from jaxmlda.streams import causal, sections
from jaxmlda.streams.native import EXERCISES
from jaxmlda.streams.sentences import split
from jaxmlda.streams.wording import chosen, wordings
from jaxmlda.world import World

LANGUAGES = ("en", "ja")
FIELDS = {
    "summary": {"text", "title"},
    "completion": {"head", "tail"},
    "qa": {"question", "answer"},
    "keywords": {"text", "keywords"},
    "from_keywords": {"text", "keywords"},
    "causal": {"cause", "effect"},
    "sections": {"text", "label"},
    "translation": {"source", "target"},
}
WORLD = list(embedded.documents(World(documents=40)))
DOCUMENT = Document(
    "d",
    en="One is here. Two is there. Three is gone.",
    ja="一はここ。二はそこ。三はない。",
    titles={"en": "Numbers", "ja": "数"},
    keywords={"en": ["one", "two"], "ja": ["一", "二"]},
    qa=[("en", "Where is one?", "Here"), ("ja", "三はどこか。", "ない")],
)


def keys_of(view):
    return ("en-ja", "ja-en") if view == "translation" else LANGUAGES


def raw():
    return yaml.safe_load(resources.files("jaxmlda.streams").joinpath("wordings.yaml").read_text(encoding="utf-8"))


def test_every_exercise_is_worded():
    assert set(raw()) == {*EXERCISES, "translation"} == set(FIELDS)


@pytest.mark.parametrize("view", FIELDS)
def test_there_are_ten_different_wordings_in_each_language_each_with_the_views_fields_once(view):
    for key in keys_of(view):
        table = raw()[view][key]
        assert len(set(table)) == len(table) == len(wordings(view, key)) == 10
        for wording in table:
            fields = [field for _, field, _, _ in string.Formatter().parse(wording) if field]
            assert sorted(fields) == sorted(FIELDS[view])
            assert wording == wording.strip()


@pytest.mark.parametrize("view", [view for view in FIELDS if view != "translation"])
def test_japanese_wordings_hold_no_english_and_english_ones_no_japanese(view):
    for language in LANGUAGES:
        for wording in raw()[view][language]:
            words = "".join(literal for literal, _, _, _ in string.Formatter().parse(wording))
            letters = {letter.isascii() for letter in words if letter.isalpha()}
            assert letters <= {language == "en"}


@pytest.mark.parametrize("view", FIELDS)
def test_documents_spread_over_all_wordings(view):
    for key in keys_of(view):
        got = [wordings(view, key).index(chosen(view, key, 0, document.id)) for document in WORLD]
        assert len(set(got)) >= 8
        assert got != [wordings(view, key).index(chosen(view, key, 1, document.id)) for document in WORLD]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_exercise_is_its_wording_with_the_fields_filled(language):
    body, title = DOCUMENT.text(language), DOCUMENT.titles[language]
    words = {"en": "one, two", "ja": "一、二"}[language]
    asked = next(row for row in DOCUMENT.qa if row[0] == language)
    filled = {
        "summary": {"text": body, "title": title},
        "keywords": {"text": body, "keywords": words},
        "from_keywords": {"text": body, "keywords": words},
        "qa": {"question": asked[1], "answer": asked[2]},
    }
    for view, fields in filled.items():
        ((form, text),) = made(DOCUMENT, "native", language, views=[view])
        assert form == view
        assert text in [wording.format(**fields) for wording in raw()[view][language]]


def test_views_come_in_the_order_asked_for_language_by_language():
    forms = [form for form, _ in made(DOCUMENT, "native", "ja", "en", views=["keywords", "plain"])]
    assert forms == ["keywords", "native"] * 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_completion_is_cut_between_two_sentences_and_keeps_both_halves_in_place(language):
    cuts = set()
    for number in range(40):
        document = Document(f"d{number}", en=DOCUMENT.en, ja=DOCUMENT.ja)
        (text,) = texts(document, "native", language, views=["completion"])
        head, tail = (part for part in text.parts if part.from_char is not None)
        own = document.text(language)
        assert head.from_char == 0
        assert own == head.text + own[len(head.text) : tail.from_char] + tail.text
        assert not own[len(head.text) : tail.from_char].strip()
        cuts.add(len(split(head.text)))
    assert cuts == {1, 2}


def test_a_text_of_one_sentence_has_no_completion():
    assert made(Document("x", en="Only one."), "native", "en", views=["completion"]) == []


def test_a_view_that_lacks_what_it_needs_gives_no_text():
    bare = Document("x", en="Only this. And that.")
    assert made(bare, "native", "en", "ja", views=["summary", "qa", "keywords", "from_keywords", "sections"]) == []


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Zinc is very low. Therefore, growth is slow.", [("Zinc is very low.", "growth is slow.")]),
        ("en", "The dose was cut because the serum level rose.", [("the serum level rose.", "The dose was cut")]),
        ("en", "The level rose; thus, the dose was cut.", [("The level rose", "the dose was cut.")]),
        ("en", "It was lost because of a fire in the house.", []),
        ("en", "It has grown since the year 2001. As we saw it, it was low.", []),
        ("en", "Therefore, nothing stands before this one.", []),
        ("en", "METHODS: Zinc was low. Hence, zinc was given.", [("Zinc was low.", "zinc was given.")]),
        (
            "ja",
            "亜鉛が不足していた。そのため、成長が遅れた。",
            [("亜鉛が不足していた。", "成長が遅れた。")],
        ),
        ("ja", "血中濃度が上昇したため、用量を減らした。", [("血中濃度が上昇した", "用量を減らした。")]),
        ("ja", "安全性が高いので、広く用いられている。", [("安全性が高い", "広く用いられている。")]),
        ("ja", "【結果】値が上昇した。したがって、有効である。", [("値が上昇した。", "有効である。")]),
        ("ja", "安全性を確認するため、試験を行った。患者のため、努力した。", []),
    ],
)
def test_causes_and_effects_are_read_where_a_connective_leaves_no_doubt(language, text, expected):
    found = [(text[slice(*pair.cause)], text[slice(*pair.effect)]) for pair in causal.pairs(text, language)]
    assert found == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "en",
            "BACKGROUND: One. Two.\nMETHODS AND AIMS: Three.",
            {"BACKGROUND": "One. Two.", "METHODS AND AIMS": "Three."},
        ),
        ("en", "Objective: One.\nMain results: Two.", {"Objective": "One.", "Main results": "Two."}),
        ("en", "We found: nothing.\nThey saw: nothing.\nResults: one.", {}),
        ("en", "One METHODS: two RESULTS: three", {}),
        ("ja", "【目的】一。【方法】二。\n【結果】三。", {"目的": "一。", "方法": "二。", "結果": "三。"}),
        ("ja", "はじめの文。\n目的：一。\n結果と考察: 二。", {"目的": "一。", "結果と考察": "二。"}),
        ("ja", "【結果】一つだけ。", {}),
        ("ja", "【目的】【方法】二。", {"方法": "二。"}),
    ],
)
def test_sections_are_read_from_labels_at_the_head_of_lines_or_in_brackets(language, text, expected):
    found = sections.sections(text, language)
    assert {section.label: text[slice(*section.text)] for section in found} == expected


def test_the_sections_view_asks_for_the_label_of_each_section():
    document = Document("d", en="AIMS: One.\nRESULTS: Two.")
    got = texts(document, "native", "en", views=["sections"])
    assert [[part.text for part in text.parts if part.from_char is not None] for text in got] == [["One."], ["Two."]]
    assert all(label in str(text) for label, text in zip(("AIMS", "RESULTS"), got, strict=True))


def test_the_embedded_world_states_causes_in_both_languages():
    documents = list(embedded.documents(World(documents=300)))
    for language in LANGUAGES:
        assert any(made(document, "native", language, views=["causal"]) for document in documents)
