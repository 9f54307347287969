"""Whatever the documents and the vocabulary, rows give the documents back, and a text opens as it is scored."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from data_case import TEXTS, Case, build_rows, byte_tokenizer, recipe_of, stream, texts_in
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jaxmlda.config.run import Rows as Settings
from jaxmlda.corpus import Document
from jaxmlda.errors import UserError
from jaxmlda.rows import layout
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.rows.layout import PACKINGS
from jaxmlda.streams import texts_of

# Bytes as a byte-level tokenizer spells them: letters, the space, the line feed that ends a title, halves of kana.
LETTERS = ["a", "e", "n", "Ġ", "Ċ", ".", "ã", "ģ", "Ĥ", "!"]
EPOCHS = recipe_of(
    [
        stream("native_en", "native", "en", "outside", epochs=2),
        stream("pairs", "translation", "en ja", "outside", epochs=1),
    ]
)


@st.composite
def vocabularies_of_bytes(draw, folder):
    """Id 0 is a common letter; merges reach across the borders of parts and end within characters."""
    pairs = draw(st.lists(st.tuples(st.sampled_from(LETTERS), st.sampled_from(LETTERS)), unique=True, max_size=6))
    first = draw(st.sampled_from(LETTERS))
    home = folder / f"{abs(hash((tuple(pairs), first))):x}"
    return vocabularies.load(byte_tokenizer(home, tuple(pairs), first=first, opening=draw(st.sampled_from(OPENINGS))))


OPENINGS = [None, "<s>"]
WORDS = st.one_of(TEXTS, st.text("aen .!\nあい亜", max_size=30))
DOCUMENTS = st.lists(
    st.builds(Document, st.just("d"), WORDS, WORDS.filter(bool), st.fixed_dictionaries({}, optional={"en": WORDS})),
    min_size=1,
    max_size=5,
)
SETTINGS = st.builds(
    Settings,
    sequence_length=st.integers(2, 40),
    packing=st.sampled_from(sorted(PACKINGS)),
    attention=st.sampled_from(["within", "across"]),
    seed=st.integers(0, 9),
)


def numbered(documents):
    return [replace(document, id=f"d{number}", cluster="") for number, document in enumerate(documents)]


def texts_by_stream(recipe, documents):
    """(stream, text) of every text of a recipe."""
    for one in recipe.streams:
        for document in documents:
            for text in texts_of(document, one.kind, tuple(one.languages), {}):
                yield one, text


@settings(max_examples=25, deadline=None)
@given(st.data(), DOCUMENTS, SETTINGS)
def test_detokenised_rows_of_an_epoch_recipe_are_the_documents(tmp_path_factory, data, documents, asked):
    folder, documents = tmp_path_factory.mktemp("rows"), numbered(documents)
    assume(any(document.en for document in documents))
    vocabulary = data.draw(vocabularies_of_bytes(folder))
    rows = build_rows(folder / "rows", EPOCHS, asked, Case(documents, vocabulary))
    found = texts_in(rows)
    for one, text in texts_by_stream(EPOCHS, documents):
        held = found.pop((one.name, text.document, text.form))
        assert set(held.values()) == {one.epochs}
        ids = [token for _, token in sorted(held)]
        assert ids[-1] == vocabulary.eos_id
        assert vocabulary.decode(ids[:-1]) == str(text)
    assert not found
    assert_texts_open_with_bos(rows, vocabulary.bos_id if asked.attention == "within" else None)


def assert_texts_open_with_bos(rows, bos):
    """A segment that begins a text begins with the BOS, at position 0 and without loss; nothing else does."""
    for number in range(len(rows)):
        row, column = rows[number], 0
        firsts = [piece["from_token"] for piece in row.pieces]
        opened = Counter()
        for first, piece in zip(firsts, row.pieces, strict=True):
            if first == 0 and bos is not None:
                assert (row.tokens[column], row.positions[column], row.loss_mask[column]) == (bos, 0, 0)
                assert row.segment_ids[column] == row.segment_ids[column + 1] > 0
                opened[column] += 1
                column += 1
            assert row.loss_mask[column : column + piece["tokens"]].all()
            column += piece["tokens"]
        assert not row.loss_mask[column:].any()
        assert not row.segment_ids[column:].any()
        assert (row.segment_ids > 0).sum() == row.loss_mask.sum() + sum(opened.values())


@settings(max_examples=20, deadline=None)
@given(st.data(), DOCUMENTS, SETTINGS, st.integers(2, 600))
def test_a_token_recipe_cuts_the_last_document_of_a_stream_and_no_other(
    tmp_path_factory, data, documents, asked, total
):
    folder, documents = tmp_path_factory.mktemp("rows"), numbered(documents)
    assume(any(document.en for document in documents))
    recipe = recipe_of(
        [
            stream("native_en", "native", "en", "outside", share=0.5, repeat=True),
            stream("native_ja", "native", "ja", "outside", share=0.5, repeat=True),
        ]
    )
    asked = asked.model_copy(update={"total_tokens": total})
    vocabulary = data.draw(vocabularies_of_bytes(folder))
    found = texts_in(rows := build_rows(folder / "rows", recipe, asked, Case(documents, vocabulary)))
    assert rows.meta["tokens"] == sum(one["tokens"] for one in rows.meta["streams"]) == 2 * round(total / 2)
    cut = Counter()
    for one, text in texts_by_stream(recipe, documents):
        size = len(vocabulary.encode(str(text))) + 1
        times = Counter(place for place, _ in found.get((one.name, text.document, text.form), Counter()).elements())
        cut[one.name] += len({times[place] for place in range(size)}) > 1
        # Its first tokens are there once more than its last ones, never the other way round.
        assert [times[place] for place in range(size)] == sorted((times[p] for p in range(size)), reverse=True)
    assert max(cut.values()) <= 1


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=25), st.integers(2, 12), st.data())
def test_with_an_opening_every_text_has_a_column_free_before_its_first_token(lengths, length, data):
    order = np.array(data.draw(st.permutations(range(len(lengths)))), np.int64)
    taken = np.array(lengths)[order]
    for packing in PACKINGS.values():
        pieces = packing(order, taken, length, 1)
        used = set()
        for start, stop, row, column in zip(pieces.start, pieces.stop, pieces.row, pieces.column, strict=True):
            assert start < stop
            columns = range(column - (start == 0), column + stop - start)
            assert 0 <= columns[0] <= columns[-1] < length
            assert not used & {(row, one) for one in columns}
            used |= {(row, one) for one in columns}
        assert int((pieces.stop - pieces.start).sum()) == sum(lengths)
        assert sum(pieces.start == 0) == len(lengths)
        # Rows are filled from their first column; `cut` leaves a row's last column free only where a text would open.
        for row in range(pieces.rows):
            columns = sorted(column for place, column in used if place == row)
            assert columns == list(range(len(columns)))
            if packing is PACKINGS["cut"] and row < pieces.rows - 1 and len(columns) < length:
                assert len(columns) == length - 1
                following = np.flatnonzero(pieces.row == row + 1)[0]
                assert pieces.start[following] == 0


@pytest.mark.parametrize("opening", [0, 1])
def test_cutting_a_few_texts_at_a_time_changes_nothing(monkeypatch, opening):
    lengths = np.random.default_rng(0).integers(1, 40, 300)
    order = np.random.default_rng(1).permutation(300)
    made = [layout.cut(order, lengths[order], 9, opening)]
    monkeypatch.setattr(layout, "TEXTS_A_LOOK", 7)
    monkeypatch.setattr(layout, "ROWS_A_LOOK", 3)
    made.append(layout.cut(order, lengths[order], 9, opening))
    for name in ("text", "start", "stop", "row", "column", "rows"):
        assert np.array_equal(getattr(made[0], name), getattr(made[1], name)), name


def test_an_opening_by_hand():
    """Texts of 2, 2 and 3 tokens in rows of 4: B00 and a free column, where the second would open; B11; B222."""
    pieces = PACKINGS["cut"](np.array([0, 1, 2]), np.array([2, 2, 3]), 4, 1)
    table = list(zip(pieces.text, pieces.start, pieces.stop, pieces.row, pieces.column, strict=True))
    assert table == [(0, 0, 2, 0, 1), (1, 0, 2, 1, 1), (2, 0, 3, 2, 1)]
    pieces = PACKINGS["whole"](np.array([0, 1]), np.array([5, 1]), 4, 1)
    table = list(zip(pieces.text, pieces.start, pieces.stop, pieces.row, pieces.column, strict=True))
    assert table == [(0, 0, 3, 0, 1), (0, 3, 5, 1, 0), (1, 0, 1, 1, 3)]


def test_a_row_of_one_column_cannot_hold_an_opening_and_a_token(tmp_path):
    vocabulary = vocabularies.load(byte_tokenizer(tmp_path / "bytes", opening="<s>"))
    case = Case([Document("a", en="a", ja="b")], vocabulary)
    with pytest.raises(UserError, match="sequence_length is 1"):
        build_rows(tmp_path, EPOCHS, Settings(sequence_length=1), case)
    assert len(build_rows(tmp_path, EPOCHS, Settings(sequence_length=1, attention="across"), case)) > 2


def test_across_documents_the_vocabularys_bos_changes_nothing(tmp_path):
    documents = [Document(f"d{number}", en="a zinc" * number, ja="亜鉛") for number in range(1, 9)]
    asked, made = Settings(sequence_length=16, attention="across"), []
    for name, opening in itertools.zip_longest("ab", OPENINGS):
        vocabulary = vocabularies.load(byte_tokenizer(tmp_path / f"bytes{name}", opening=opening))
        made.append(build_rows(tmp_path / name, EPOCHS, asked, Case(documents, vocabulary)))
    for name, array in made[0].batch(0, len(made[0])).items():
        assert np.array_equal(array, made[1].batch(0, len(made[1]))[name]), name
    assert made[0].ledger().equals(made[1].ledger())
