"""Layout and order against plain loops: nothing lost, nothing twice, budgets exact, the same for the same seed."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.rows.layout import PACKINGS, cut, epoch_budgets, epochs_for, keyed_order, whole, with_budget
from jaxmlda.rows.order import ordered, passes

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=25)
ROW = st.integers(1, 12)


def shuffled(lengths, data):
    order = np.array(data.draw(st.permutations(range(len(lengths)))), np.int64)
    return order, np.array(lengths, np.int64)[order]


def places(pieces):
    """Every token of the pieces: (text, token) to its (row, column)."""
    return {
        (text, start + step): (row, column + step)
        for text, start, stop, row, column in zip(
            *(values.tolist() for values in (pieces.text, pieces.start, pieces.stop, pieces.row, pieces.column)),
            strict=True,
        )
        for step in range(stop - start)
    }


@settings(deadline=None)
@given(LENGTHS, ROW, st.data())
def test_cut_lays_tokens_end_to_end(lengths, length, data):
    order, taken = shuffled(lengths, data)
    pieces = cut(order, taken, length)
    expected, flat = {}, 0
    for text, size in zip(order.tolist(), taken.tolist(), strict=True):
        for token in range(size):
            expected[text, token] = divmod(flat, length)
            flat += 1
    assert places(pieces) == expected
    assert pieces.rows == -(-flat // length)


@settings(deadline=None)
@given(LENGTHS, ROW, st.data(), st.sampled_from(sorted(PACKINGS)))
def test_no_token_is_lost_or_stands_twice_and_rows_are_filled_from_their_first_column(lengths, length, data, packing):
    order, taken = shuffled(lengths, data)
    pieces = PACKINGS[packing](order, taken, length)
    found = places(pieces)
    assert int((pieces.stop - pieces.start).sum()) == sum(lengths) == len(found) == len(set(found.values()))
    assert set(found) == {(text, token) for text, size in enumerate(lengths) for token in range(size)}
    filled = [sorted(column for row, column in found.values() if row == number) for number in range(pieces.rows)]
    assert all(columns == list(range(len(columns))) for columns in filled)
    assert all(0 < len(columns) <= length for columns in filled)
    assert sorted(zip(pieces.row, pieces.column, strict=True)) == list(zip(pieces.row, pieces.column, strict=True))


@settings(deadline=None)
@given(LENGTHS, ROW, st.data())
def test_whole_cuts_only_what_is_too_long_and_takes_the_fullest_row_that_holds_a_piece(lengths, length, data):
    order, taken = shuffled(lengths, data)
    pieces = whole(order, taken, length)
    where = {
        (text, start): (stop, row, column)
        for text, start, stop, row, column in zip(
            pieces.text, pieces.start, pieces.stop, pieces.row, pieces.column, strict=True
        )
    }
    spaces = []
    for text, size in zip(order.tolist(), taken.tolist(), strict=True):
        for start in range(0, size, length):
            stop, row, column = where.pop((text, start))
            assert stop == min(start + length, size)
            fitting = [space for space in spaces if space >= stop - start]
            if not fitting:
                assert row == len(spaces)
                spaces.append(length)
            assert spaces[row] == min(fitting, default=length)
            assert column == length - spaces[row]
            spaces[row] -= stop - start
    assert not where
    assert pieces.rows == len(spaces)


def test_layouts_by_hand():
    order, taken = np.array([2, 0, 1]), np.array([3, 5, 4])
    pieces = cut(order, taken, 4)
    table = list(zip(pieces.text, pieces.start, pieces.stop, pieces.row, pieces.column, strict=True))
    assert table == [(2, 0, 3, 0, 0), (0, 0, 1, 0, 3), (0, 1, 5, 1, 0), (1, 0, 4, 2, 0)]
    # Row 0 holds text 2 (one place left), row 1 four tokens of text 0; its fifth goes to row 0, text 1 to row 2.
    pieces = whole(order, taken, 4)
    table = list(zip(pieces.text, pieces.start, pieces.stop, pieces.row, pieces.column, strict=True))
    assert table == [(2, 0, 3, 0, 0), (0, 4, 5, 0, 3), (0, 0, 4, 1, 0), (1, 0, 4, 2, 0)]


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 400), st.data())
def test_a_budget_is_met_exactly_and_cuts_only_the_last_text(lengths, budget, data):
    order, sizes = shuffled(lengths, data)
    kept, taken = with_budget(np.array(lengths), order, budget)
    expected, left = [], budget
    for text, size in zip(order.tolist(), sizes.tolist(), strict=True):
        if left:
            expected.append((text, min(size, left)))
            left -= expected[-1][1]
    assert list(zip(kept.tolist(), taken.tolist(), strict=True)) == expected
    assert taken.sum() == min(budget, sum(lengths))


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 100))
def test_a_budget_is_spent_on_whole_epochs_first(budget, tokens):
    epochs = list(epoch_budgets(budget, epochs_for(budget, tokens), tokens))
    spent = [tokens if one is None else one for one in epochs]
    assert sum(spent) == budget
    assert spent[:-1] == [tokens] * (len(spent) - 1)
    assert 0 < spent[-1] <= tokens


def test_without_a_budget_every_epoch_is_whole():
    assert list(epoch_budgets(None, 3, 10)) == [None, None, None]


DOCUMENTS = st.lists(st.sampled_from("abcdefgh"), max_size=20).map(sorted)


@settings(deadline=None)
@given(DOCUMENTS, st.integers(0, 5), st.integers(0, 5))
def test_the_order_is_a_permutation_that_keeps_the_texts_of_a_document_together(documents, seed, epoch):
    order = keyed_order(documents, seed, "s", epoch).tolist()
    assert sorted(order) == list(range(len(documents)))
    names = [documents[number] for number in order]
    assert sum(a != b for a, b in itertools.pairwise(names)) == max(len(set(names)) - 1, 0)
    for name in set(names):
        assert [number for number in order if documents[number] == name] == sorted(
            number for number in order if documents[number] == name
        )


def test_the_order_of_documents_stays_when_others_come_and_differs_by_seed_stream_and_epoch():
    small, large = [f"d{n}" for n in range(50)], [f"d{n}" for n in range(100)]
    in_small = [small[number] for number in keyed_order(small, 1, "s", 0)]
    in_large = [large[number] for number in keyed_order(large, 1, "s", 0)]
    assert [name for name in in_large if name in set(small)] == in_small
    others = [keyed_order(small, *key).tolist() for key in ((1, "s", 0), (2, "s", 0), (1, "t", 0), (1, "s", 1))]
    assert len({tuple(order) for order in others}) == 4


EPOCHS = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=5), min_size=1, max_size=4)


@settings(deadline=None)
@given(EPOCHS)
def test_every_row_is_in_one_pass_and_every_stream_is_dealt_evenly(rows_of_epochs):
    dealt = passes(rows_of_epochs)
    most = max(map(len, rows_of_epochs))
    assert len(dealt) == most
    for stream, epochs in enumerate(rows_of_epochs):
        parts = [parts[stream].tolist() for parts in dealt]
        assert list(itertools.chain(*parts)) == list(range(sum(epochs)))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@settings(max_examples=15, deadline=None)
@given(EPOCHS, st.integers(0, 10**6))
def test_passes_follow_one_another_and_each_is_shuffled_within_itself(rows_of_epochs, seed):
    found = [tuple(pair) for pair in ordered(rows_of_epochs, seed).tolist()]
    begin = 0
    for parts in passes(rows_of_epochs):
        held = {(stream, row) for stream, rows in enumerate(parts) for row in rows.tolist()}
        assert set(found[begin : begin + len(held)]) == held
        begin += len(held)
    assert begin == len(found)
    assert ordered(rows_of_epochs, seed).tolist() == [list(pair) for pair in found]


def test_the_order_is_the_same_for_ever_and_mixes_the_streams():
    first, second = [(0, 0), (1, 1), (0, 2), (1, 0), (0, 1)], [(1, 3), (0, 3), (1, 4), (0, 4), (1, 2), (0, 6), (0, 5)]
    assert [tuple(pair) for pair in ordered([[4, 3], [5]], 7).tolist()] == first + second
    long = ordered([[400], [400]], 0)[:, 0]
    assert abs(int(long[:400].sum()) - 200) < 5 * 10
    assert ordered([[400], [400]], 1)[:, 0].tolist() != long.tolist()


@pytest.mark.parametrize("seed", [0, 2**31, 2**40])
def test_any_seed_gives_an_order(seed):
    assert sorted(ordered([[3]], seed)[:, 1].tolist()) == [0, 1, 2]
