"""Questions to a ledger, against a plain loop over its entries."""

import pyarrow as pa
import pytest
from data_case import Case, build_rows, byte_tokenizer, recipe_of, stream
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.config.run import Rows as Settings
from jaxmlda.corpus import embedded
from jaxmlda.errors import UserError
from jaxmlda.rows import query, store
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.rows.query import Place
from jaxmlda.world import World

RECIPE = recipe_of(
    [
        stream("native", "native", "en ja", "outside", epochs=2),
        stream("pairs", "translation", "en ja", "outside", epochs=1),
    ]
)
BATCH = 4
NAMES = [document.id for document in embedded.documents(World(documents=6))]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Rows whose ledger has several row groups."""
    home = tmp_path_factory.mktemp("query")
    before, store.ROWS_A_SHARD = store.ROWS_A_SHARD, 16
    try:
        vocabulary = vocabularies.load(byte_tokenizer(home / "bytes"))
        case = Case(list(embedded.documents(World(documents=6))), vocabulary)
        return build_rows(home / "rows", RECIPE, Settings(sequence_length=100), case)
    finally:
        store.ROWS_A_SHARD = before


@pytest.fixture(scope="module")
def entries(rows):
    """The ledger as dictionaries, each with its step."""
    return [{"step": entry["row"] // BATCH} | entry for entry in rows.ledger().to_pylist()]


def blocks(rows):
    return query.with_steps(query.blocks(rows.folder / "ledger.parquet"), BATCH)


@pytest.mark.parametrize("name", [*NAMES[:2], "nobody"])
def test_the_entries_of_a_document(rows, entries, name):
    found = query.of_document(blocks(rows), name).to_pylist()
    assert found == [entry for entry in entries if entry["document"] == name]
    assert bool(found) == (name != "nobody")


@pytest.mark.parametrize("step", [0, 7, 10**6])
def test_the_entries_of_a_step(rows, entries, step):
    found = query.of_step(blocks(rows), step).to_pylist()
    assert found == [entry for entry in entries if entry["step"] == step]
    assert found == query.of_step([pa.Table.from_pylist(entries)], step).to_pylist()
    assert bool(found) == (step < 10**6)


PLACES = st.builds(
    lambda document, language, begin, size: Place(document, language, begin, begin + size),
    st.sampled_from([*NAMES, "nobody"]),
    st.sampled_from(["en", "ja"]),
    st.integers(0, 400),
    st.integers(1, 90),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(PLACES, max_size=5))
def test_exposures_are_the_entries_that_hold_characters_of_a_place(rows, entries, places):
    expected = [
        (number, entry["step"], entry["row"], entry["form"], set(range(place.begin, place.end)) <= own)
        for number, place in enumerate(places)
        for entry in entries
        if (entry["document"], entry["language"]) == place[:2]
        and (own := set(range(entry["from_char"], entry["to_char"]))) & set(range(place.begin, place.end))
    ]
    found = query.exposures(blocks(rows), places)
    columns = [found[name].to_pylist() for name in ("place", "step", "row", "form", "whole")]
    assert sorted(zip(*columns, strict=True)) == sorted(expected)
    assert found["place"].to_pylist() == sorted(found["place"].to_pylist())


def test_a_sentence_is_exposed_once_a_text_that_holds_it(rows):
    """Two epochs of native text, one of pairs in two directions: four times, in pieces where a row ends in it."""
    place = Place(NAMES[0], "en", 10, 30)
    found = query.of_place(blocks(rows), place)
    characters = sum(min(entry["to_char"], 30) - max(entry["from_char"], 10) for entry in found.to_pylist())
    assert characters == 4 * 20
    forms = {"native", "translation-en-ja", "translation-ja-en"}
    assert set(found["form"].to_pylist()) == forms
    assert found.column_names == ["step", *rows.ledger().column_names]


def test_a_step_ledger_keeps_its_own_steps():
    table = pa.table({"step": [5], "row": [1]})
    assert list(query.with_steps([table], BATCH)) == [table]


def test_a_ledger_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"ledger\.parquet: there is no such ledger"):
        list(query.blocks(tmp_path / "ledger.parquet"))
