"""The token premium: tokens of both languages over the same documents, on the card, whose digest stays."""

import pytest
from data_case import byte_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus import Corpus, Document, premium, write
from jaxmlda.errors import UserError
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.storage import read_json
from jaxmlda.verbs import corpus as verb

DOCUMENTS = [
    Document("a", en="zinc", ja="亜鉛"),
    Document("b", en="only English, not counted"),
    Document("c", ja="数えない"),
    Document("d", en="a b", ja="味覚は亜鉛"),
]


@pytest.fixture
def corpus(tmp_path):
    write(DOCUMENTS, tmp_path / "corpus", {})
    return Corpus(tmp_path / "corpus")


def bytes_of(texts):
    return [list(text.encode()) for text in texts]


def test_the_premium_is_the_ratio_of_tokens_over_documents_with_both_texts(corpus):
    # Bytes: 4 + 3 of English, 6 + 15 of Japanese, whose characters take three each.
    assert premium.measure(corpus, bytes_of) == {
        "documents": 2,
        "tokens": {"en": 7, "ja": 21},
        "tokens_per_document": {"en": 3.5, "ja": 10.5},
        "tokens_per_character": {"en": 1.0, "ja": 3.0},
        "premium": 3.0,
        "mean_premium": pytest.approx((6 / 4 + 15 / 3) / 2),
    }


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.text("ab ", min_size=1), st.text("亜鉛", min_size=1)), min_size=1, max_size=7),
    st.integers(1, 3),
)
def test_the_premium_does_not_depend_on_how_many_texts_are_encoded_at_once(tmp_path_factory, pairs, size):
    folder = tmp_path_factory.mktemp("corpus")
    write([Document(f"d{n}", en=en, ja=ja) for n, (en, ja) in enumerate(pairs)], folder, {})
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(premium, "DOCUMENTS_AT_ONCE", size)
        found = premium.measure(Corpus(folder), lambda texts: calls.append(len(texts)) or bytes_of(texts))
    assert max(calls) <= size
    lengths = [(len(en.encode()), len(ja.encode())) for en, ja in pairs]
    assert found["tokens"] == {"en": sum(en for en, _ in lengths), "ja": sum(ja for _, ja in lengths)}
    assert found["mean_premium"] == pytest.approx(sum(ja / en for en, ja in lengths) / len(lengths))


def test_the_verb_keeps_the_premium_of_each_vocabulary_on_the_card(corpus, tmp_path, caplog):
    folder, before = str(corpus.folder), dict(corpus.card)
    plain = byte_tokenizer(tmp_path / "plain")
    merged = byte_tokenizer(tmp_path / "merged", (("z", "i"),))
    with caplog.at_level("INFO", "jaxmlda"):
        for path in (plain, merged):
            assert verb.run(["premium", folder, f"--vocabulary={path}"]) == 0
    card = read_json(f"{folder}/card.json")
    told = {path: card["premium"][vocabularies.load(path).digest] for path in (plain, merged)}
    assert told[plain]["tokens"] == {"en": 7, "ja": 21}
    assert told[merged]["tokens"] == {"en": 6, "ja": 21}
    assert "3.500 tokens of Japanese for one of English" in caplog.messages[-1]
    assert {name: value for name, value in card.items() if name != "premium"} == before
    again = Corpus(folder)
    again.check()
    assert again.digest == corpus.digest


def test_a_known_vocabulary_is_not_measured_again(corpus):
    first = premium.record(corpus, "v", bytes_of)
    assert premium.record(corpus, "v", lambda texts: 1 / 0) == first


def test_without_a_document_in_both_languages_there_is_no_premium(tmp_path):
    write(DOCUMENTS[1:3], tmp_path, {})
    with pytest.raises(UserError, match="no document has both texts"):
        premium.record(Corpus(tmp_path), "v", bytes_of)
    assert "premium" not in read_json(tmp_path / "card.json")
