"""Tokenizers without TensorFlow: text comes back as it was, and every token knows its characters."""

import itertools
import json

import pytest
import sentencepiece
from data_case import TEXTS, byte_alphabet, byte_tokenizer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from jaxmlda.errors import UserError
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.rows.surfaces import Surfaces
from jaxmlda.storage import file_digest
from jaxmlda.world import World

MERGES = (("h", "e"), ("l", "l"), ("he", "ll"), ("Ġ", "a"), (".", "Ċ"), ("ã", "ģ"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One vocabulary of each sort: `pieces.model` and `bytes/tokenizer.json`."""
    home = tmp_path_factory.mktemp("vocabularies")
    texts = [text for abstract in World(documents=150) for text in abstract.texts.values()]
    vocabularies.train(texts, 1300, home / "pieces.model")
    byte_tokenizer(home / "bytes", MERGES)
    return home


@pytest.fixture(scope="module", params=["pieces.model", "bytes"])
def vocabulary(folder, request):
    return vocabularies.load(folder / request.param)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
@example(" a")
@example("  a  b ")
@example("\n")
@example("👩🏽\u200d🔬")
@example("</s><0x41><unk>")
@example("か\u3099")
def test_every_text_comes_back_as_it_was(vocabulary, text):
    assert vocabulary.decode(vocabulary.encode(text)) == text


@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_characters_of_tokens_follow_one_another_from_the_first_to_the_last(vocabulary, text):
    ids, spans = vocabulary.encode_with_offsets(text)
    assert ids == vocabulary.encode(text)
    stops = [stop for _, stop in spans]
    assert stops == sorted(stops)
    assert all(0 <= start <= stop for start, stop in spans)
    assert (stops[-1] if stops else 0) == len(text)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_tokens_up_to_a_character_decode_to_the_text_up_to_it(vocabulary, text):
    """Where the tokens so far are whole characters, they are the text up to the last one's end."""
    ids, spans = vocabulary.encode_with_offsets(text)
    for count, (_, stop) in enumerate(spans, start=1):
        so_far = vocabulary.decode(ids[:count])
        if "\ufffd" not in so_far:
            assert so_far == text[:stop]


@given(texts=st.lists(TEXTS, max_size=5))
@settings(deadline=None)
def test_many_texts_are_encoded_as_one_by_one(vocabulary, texts):
    assert vocabulary.encode_batch(texts) == [vocabulary.encode(text) for text in texts]


@given(texts=st.lists(TEXTS, max_size=5))
@example(texts=["", "👩🏽\u200d🔬", "", "🔬か\u3099", " "])
@settings(max_examples=150, deadline=None)
def test_many_texts_at_once_have_the_ends_that_the_library_gives_one_by_one(vocabulary, texts):
    found, one_by_one = vocabulary.encode_many(texts), [vocabulary.encode_with_offsets(text) for text in texts]
    assert found.counts.tolist() == [len(ids) for ids, _ in one_by_one]
    assert found.ids.tolist() == [number for ids, _ in one_by_one for number in ids]
    assert found.ends.tolist() == [stop for _, spans in one_by_one for _, stop in spans]


def test_a_model_that_changes_text_has_no_table_of_surfaces_and_gives_the_librarys_ends(tmp_path):
    """Under NFKC the full-width letters are one character each and some characters become several."""
    texts = ["ｚｉｎｃ ㎎ ﬁ zinc mg fi"] * 50
    settings_of_both = {"vocab_size": 40, "model_type": "unigram", "hard_vocab_limit": False, "minloglevel": 2}
    for name, rule in (("a", "nfkc"), ("b", "identity")):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_prefix=str(tmp_path / name),
            normalization_rule_name=rule,
            **settings_of_both,
        )
        # No bytes for rare characters: one piece stands for all that is unknown, however long.
        assert Surfaces.of((tmp_path / f"{name}.model").read_bytes()) is None
        vocabulary = vocabularies.load(tmp_path / f"{name}.model")
        for text in (texts[0], "ｚ㎎ 亜鉛 ﬁ", ""):
            ids, spans = vocabulary.encode_with_offsets(text)
            found = vocabulary.encode_many([text])
            assert (found.ids.tolist(), found.ends.tolist()) == (ids, [stop for _, stop in spans])


def test_a_trained_model_has_a_table_of_surfaces(folder):
    assert Surfaces.of((folder / "pieces.model").read_bytes()) is not None


def test_a_text_of_special_tokens_is_letters_and_holds_no_end_of_document(vocabulary):
    for text in ("</s>", "a</s>b", "<pad><unk>"):
        assert vocabulary.eos_id not in vocabulary.encode(text)


def test_merges_and_bytes_are_encoded_as_by_hand(folder):
    vocabulary, letters = vocabularies.load(folder / "bytes"), byte_alphabet()
    ids = {piece: number for number, piece in enumerate([*letters, *(a + b for a, b in MERGES)])}
    assert vocabulary.encode("hello a.\n") == [ids["hell"], ids["o"], ids["Ġa"], ids[".Ċ"]]
    # あ is E3 81 82; byte-level files write these as ã, ģ and Ĥ, and the first two are one piece here.
    assert vocabulary.encode_with_offsets("xあ") == ([ids["x"], ids["ãģ"], ids["Ĥ"]], [(0, 1), (1, 2), (1, 2)])
    assert (vocabulary.eos_id, vocabulary.pad_id, vocabulary.bos_id) == (262, 262, None)
    assert vocabulary.size == 263


def test_a_trained_model_has_its_size_and_its_special_tokens(folder):
    vocabulary = vocabularies.load(folder / "pieces.model")
    # Trained with unknown 0, end 1, padding 2 and no beginning; a text begins after the end of the one before.
    assert (vocabulary.size, vocabulary.eos_id, vocabulary.pad_id, vocabulary.bos_id) == (1300, 1, 2, 1)
    assert vocabulary.digest == file_digest(folder / "pieces.model")


def test_training_again_gives_the_same_model(tmp_path):
    texts = [abstract.texts["en"] for abstract in World(documents=10)]
    for name in ("a", "b"):
        vocabularies.train(texts, 400, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_size_counts_ids_and_not_tokens(tmp_path):
    """A file that leaves ids out still needs an embedding for its highest id."""
    byte_tokenizer(tmp_path)
    file = tmp_path / "tokenizer.json"
    values = json.loads(file.read_text())
    values["added_tokens"][0]["id"] = 1000
    values["model"]["vocab"]["</s>"] = 1000
    file.write_text(json.dumps(values))
    assert vocabularies.load(tmp_path).size == 1001
    assert len(Tokenizer.from_file(str(file)).get_vocab()) == 257


def test_special_tokens_are_taken_from_the_files_beside(tmp_path):
    byte_tokenizer(tmp_path)
    settings_file = tmp_path / "tokenizer_config.json"
    settings_file.write_text(json.dumps({"eos_token": {"content": "</s>"}, "bos_token": "a", "pad_token": None}))
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"pad_token": "b", "bos_token": "c"}))
    vocabulary = vocabularies.load(tmp_path)
    place = byte_alphabet().index
    assert (vocabulary.eos_id, vocabulary.bos_id, vocabulary.pad_id) == (256, place("a"), place("b"))


def test_a_tokenizer_with_other_special_tokens_has_another_digest(tmp_path):
    for name, end in (("a", "</s>"), ("b", "</s>"), ("c", "a")):
        byte_tokenizer(tmp_path / name)
        (tmp_path / name / "tokenizer_config.json").write_text(json.dumps({"eos_token": end}))
    a, b, c = (vocabularies.load(tmp_path / name).digest for name in "abc")
    assert a == b
    assert a != c


def test_a_vocabulary_is_found_in_a_folder_and_by_its_file(folder, tmp_path):
    (tmp_path / "tokenizer.model").write_bytes((folder / "pieces.model").read_bytes())
    (tmp_path / "notes.txt").write_text("")
    files = (tmp_path, tmp_path / "tokenizer.model", folder / "pieces.model")
    assert len({vocabularies.load(path).digest for path in files}) == 1
    assert vocabularies.load(folder / "bytes" / "tokenizer.json").digest == vocabularies.load(folder / "bytes").digest


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.model", "no model", "a.model: not a SentencePiece model"),
        ("a.json", "{}", "a.json: not a tokenizer.json"),
        ("a.json", "no JSON", "a.json: not a tokenizer.json"),
    ],
)
def test_a_broken_file_is_named(tmp_path, name, text, fault):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=fault):
        vocabularies.load(tmp_path / name)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.model: there is no such vocabulary"):
        vocabularies.load(tmp_path / "nowhere.model")
    with pytest.raises(UserError, match=r"holds no tokenizer\.json"):
        vocabularies.load(tmp_path)


def test_a_tokenizer_without_an_end_of_document_is_refused(tmp_path):
    byte_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(UserError, match=r"tokenizer\.json: the tokenizer has no end-of-document token"):
        vocabularies.load(tmp_path)


def test_a_vocabulary_that_cannot_be_trained_leaves_no_file(tmp_path):
    texts = itertools.repeat("ab", 3)
    with pytest.raises(UserError, match="a vocabulary of 5000 pieces cannot be trained"):
        vocabularies.train(texts, 5000, tmp_path / "v.model")
    assert list(tmp_path.iterdir()) == []
