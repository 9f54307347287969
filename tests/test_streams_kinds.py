"""Kinds of text: their parts join to the text, and what is the document's own says where it stands in it."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_case import DOCUMENTS, find, made, texts

from jaxmlda.corpus import Document, embedded
from jaxmlda.errors import UserError
from jaxmlda.streams import KINDS, bind, lexicons_of, texts_of
from jaxmlda.streams.native import EXERCISES
from jaxmlda.world import World

VIEWS = ["plain", *EXERCISES]
PAIR = Document(
    "p", en="Zinc.", ja="亜鉛。", titles={"en": "Title"}, qa=[("en", "Which?", "zinc"), ("ja", "どれ？", "亜鉛")]
)
ONE_OR_BOTH, BOTH = [("en",), ("ja",), ("en", "ja")], [("en", "ja"), ("ja", "en")]
STREAMS = {
    "native": [(languages, {"views": VIEWS}) for languages in ONE_OR_BOTH],
    "questions": [(languages, {}) for languages in ONE_OR_BOTH],
    "paraphrases": [(languages, {}) for languages in ONE_OR_BOTH],
    "translation": [(BOTH[0], {}), (BOTH[1], {"level": "sentence", "wordings": "varied"})],
    "romanised": [(("ja",), {}), (BOTH[1], {"english": True})],
    "code_switched": [
        (BOTH[0], {"lexicon": "drugs"}),
        (BOTH[1], {"lexicon": "drugs", "form": "plain", "across": False}),
    ],
    "denoising": [
        (("en",), {"noise": []}),
        (BOTH[0], {"noise": ["reorder", "delete", "replace", "mask"], "ratio": 0.4, "views": VIEWS}),
    ],
}


def test_every_kind_is_tried_here():
    assert STREAMS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(deadline=None, max_examples=60)
@given(document=DOCUMENTS, data=st.data())
def test_parts_join_to_the_text_and_point_at_the_documents_own_characters(kind, document, data):
    languages, options = data.draw(st.sampled_from(STREAMS[kind]))
    for text in texts(document, kind, *languages, **options):
        assert text.document == document.id
        assert str(text) == "".join(part.text for part in text.parts)
        for part in text.parts:
            assert part.text, "an empty part is no part"
            assert part.language in languages
            if part.from_char is not None:
                own = document.text(part.language)
                assert own[part.from_char : part.from_char + len(part.text)] == part.text


@pytest.mark.parametrize("kind", ["native", "translation"])
def test_the_whole_of_a_document_stands_in_its_texts(kind):
    for document in embedded.documents(World(documents=12)):
        for language in ("en", "ja"):
            held = [
                part.text
                for text in texts_of(document, kind, ("en", "ja"), {})
                for part in text.parts
                if part.language == language and part.from_char is not None
            ]
            assert set(held) == {document.text(language)}


def test_native_text_is_title_line_feed_text():
    assert made(PAIR, "native", "en", "ja") == [("native", "Title\nZinc."), ("native", "亜鉛。")]
    assert made(Document("x", en="e"), "native", "ja", "en") == [("native", "e")]


def test_a_translation_goes_both_ways_under_the_names_of_the_languages():
    assert made(PAIR, "translation", "en", "ja") == [
        ("translation-en-ja", "English: Zinc.\n日本語：亜鉛。"),
        ("translation-ja-en", "日本語：亜鉛。\nEnglish: Zinc."),
    ]
    assert made(PAIR, "translation", "ja", "en") == made(PAIR, "translation", "en", "ja")[::-1]
    assert made(Document("x", en="e"), "translation", "en", "ja") == []


def test_the_label_of_a_translations_side_is_in_that_sides_language():
    (first, _) = texts(PAIR, "translation", "en", "ja")
    assert [tuple(part) for part in first.parts] == [
        ("English: ", "en", None),
        ("Zinc.", "en", 0),
        ("\n日本語：", "ja", None),
        ("亜鉛。", "ja", 0),
    ]


def test_questions_are_worded_as_they_are_asked_later():
    assert made(PAIR, "questions", "en", "ja") == [
        ("question", "Question: Which?\nAnswer: zinc"),
        ("question", "質問：どれ？\n答え：亜鉛"),
    ]
    assert made(PAIR, "questions", "ja") == [("question", "質問：どれ？\n答え：亜鉛")]


def test_paraphrases_are_the_rewrites_that_a_document_brings():
    document = Document("d", en="e", paraphrases={"en": ["One.", "Two."], "ja": ["三。"]})
    assert made(document, "paraphrases", "ja", "en") == [(("paraphrase"), text) for text in ("三。", "One.", "Two.")]
    assert made(PAIR, "paraphrases", "en") == []


def test_only_kinds_that_pair_or_restore_are_transfer_text():
    transfer = {name for name, kind in KINDS.items() if kind.transfer}
    assert transfer == {"translation", "romanised", "code_switched", "denoising"}


def test_an_unknown_kind_is_told_with_the_known_ones():
    with pytest.raises(UserError, match=r"stream kind 'natve' is unknown; the kinds are .*native.*translation"):
        texts_of(PAIR, "natve", ("en",), {})


@pytest.mark.parametrize("kind", ["paraphrases", "questions"])
def test_options_are_refused_by_a_kind_that_has_none(kind):
    with pytest.raises(UserError, match=f"stream kind {kind} has no options; given: a, b"):
        bind(kind, ("en", "ja"), {"b": 1, "a": 2})


@pytest.mark.parametrize(
    ("kind", "languages", "options", "message"),
    [
        ("native", "en", {"view": ["plain"]}, "kind native: view is not a setting; the nearest is views"),
        ("native", "en", {"views": ["plane"]}, r"kind native: views.0: Input should be 'plain', .*given: 'plane'"),
        ("native", "en", {"views": ["qa", "qa"]}, "kind native: views: each may be named once"),
        ("native", "en", {"views": []}, "kind native: views: List should have at least 1 item"),
        ("denoising", "en", {"ratio": 1.5}, "kind denoising: ratio: Input should be less than or equal to 1"),
        ("code_switched", "en", {}, "kind code_switched: lexicon is needed"),
        ("native", "fr", {}, "kind native: languages must be one or both of en, ja, each once; given: fr"),
        ("native", "en en", {}, "given: en, en"),
        ("native", "", {}, "given: none"),
        ("translation", "en", {}, "a translation stream needs two languages, not en"),
        ("romanised", "en ja", {}, "english: false needs the languages ja alone, not en, ja"),
        ("romanised", "ja", {"english": True}, "english: true needs the languages en and ja, not ja"),
    ],
)
def test_options_and_languages_that_do_not_fit_are_told_before_any_document(kind, languages, options, message):
    with pytest.raises(UserError, match=message):
        bind(kind, tuple(languages.split()), options, find)


def test_a_kind_says_which_lexicons_it_needs_and_stops_without_them():
    assert lexicons_of("code_switched", {"lexicon": "drugs"}) == ("drugs",)
    assert lexicons_of("native", {}) == ()
    with pytest.raises(UserError, match="code_switched needs the lexicon drugs"):
        bind("code_switched", ("en",), {"lexicon": "drugs"})


def test_a_lexicon_is_looked_for_once_and_not_per_document():
    asked = []
    maker = bind("code_switched", ("en",), {"lexicon": "drugs"}, lambda name: asked.append(name) or find(name))
    for number in range(3):
        list(maker(Document(str(number), en="Aspirin lowers fever.")))
    assert asked == ["drugs"]


FIXED = """
from jaxmlda.corpus import Document
from jaxmlda.storage import digest
from jaxmlda.streams import texts_of

views = ["completion", "keywords"]
document = Document("d", en="A b c d. E f g. H i j k l.", ja="亜鉛は低い。鉄は高い。銅は不明。", keywords={"en": ["k"]})
held = []
for kind, options in (("native", {"views": views}), ("denoising", {"noise": ["replace", "mask"], "ratio": 0.5})):
    held += [str(text) for text in texts_of(document, kind, ("en", "ja"), options)]
print(digest(held))
"""


def test_choices_are_the_same_in_every_process():
    runs = {
        subprocess.run(
            [sys.executable, "-c", FIXED], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {"fd715676345fc6b8\n"}
