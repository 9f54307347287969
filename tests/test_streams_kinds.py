"""Kinds of text: their parts join to the text, and what is the document's own says where it stands in it."""

import pytest
from data_case import TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus import Document, embedded
from jaxmlda.errors import UserError
from jaxmlda.streams import KINDS, texts_of
from jaxmlda.world import World

PAIR = Document(
    "p", en="Zinc.", ja="亜鉛。", titles={"en": "Title"}, qa=[("en", "Which?", "zinc"), ("ja", "どれ？", "亜鉛")]
)
LANGUAGES = {"native": [("en",), ("ja",), ("en", "ja")], "questions": [("en",), ("ja",), ("ja", "en")]}
DOCUMENTS = st.builds(
    Document,
    id=st.just("d"),
    en=TEXTS,
    ja=TEXTS.filter(bool),
    titles=st.dictionaries(st.sampled_from(["en", "ja"]), TEXTS),
    qa=st.lists(st.tuples(st.sampled_from(["en", "ja"]), TEXTS, TEXTS), max_size=3),
)


def made(document, kind, *languages):
    return [(text.form, str(text)) for text in texts_of(document, kind, languages, {})]


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(deadline=None)
@given(document=DOCUMENTS, data=st.data())
def test_parts_join_to_the_text_and_point_at_the_documents_own_characters(kind, document, data):
    languages = data.draw(st.sampled_from(LANGUAGES.get(kind, [("en", "ja"), ("ja", "en")])))
    for text in texts_of(document, kind, languages, {}):
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


def test_questions_are_worded_as_they_are_asked_later():
    assert made(PAIR, "questions", "en", "ja") == [
        ("question", "Question: Which?\nAnswer: zinc"),
        ("question", "質問：どれ？\n答え：亜鉛"),
    ]
    assert made(PAIR, "questions", "ja") == [("question", "質問：どれ？\n答え：亜鉛")]


def test_translation_is_transfer_text_and_native_text_is_not():
    assert [KINDS[name].transfer for name in ("translation", "native", "questions")] == [True, False, False]


def test_an_unknown_kind_is_told_with_the_known_ones():
    with pytest.raises(UserError, match=r"stream kind 'natve' is unknown; the kinds are .*native.*translation"):
        texts_of(PAIR, "natve", ("en",), {})


@pytest.mark.parametrize("kind", ["native", "questions", "translation"])
def test_options_that_a_kind_does_not_have_are_refused(kind):
    with pytest.raises(UserError, match=f"stream kind {kind} has no options; given: a, b"):
        list(texts_of(PAIR, kind, ("en", "ja"), {"b": 1, "a": 2}))


def test_a_translation_needs_two_languages():
    with pytest.raises(UserError, match="needs two languages, not en"):
        list(texts_of(PAIR, "translation", ("en",), {}))
