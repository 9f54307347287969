"""Alignment of long texts: what the band around the diagonal finds, and what it holds."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmlda.streams import align as module
from jaxmlda.streams.align import BAND, PRIORS, Bead, align, cost

LENGTHS = st.lists(st.integers(0, 200), min_size=1, max_size=12)


def full(source, target):
    """The cheapest row of beads among all, by a table of every cell."""
    if not sum(source) or not sum(target):
        return []
    ratio = sum(target) / sum(source)
    best = {(0, 0): (0.0, (0, 0))}
    for i, j in itertools.product(range(len(source) + 1), range(len(target) + 1)):
        found = [
            (best[i - a, j - b][0] + cost(sum(source[i - a : i]), sum(target[j - b : j]), ratio, prior), (a, b))
            for (a, b), prior in PRIORS.items()
            if a <= i and b <= j
        ]
        if found:
            best[i, j] = min(found)
    beads, i, j = [], len(source), len(target)
    while i or j:
        a, b = best[i, j][1]
        beads.append(Bead((i - a, i), (j - b, j)))
        i, j = i - a, j - b
    return beads[::-1]


def parallel(count, seed=0):
    """Lengths of so many sentences and of their translations, of which a tenth is missing and a tenth is in one."""
    rng = random.Random(seed)
    source = [rng.randint(20, 200) for _ in range(count)]
    target = []
    for length in source:
        translated = max(1, int(length * rng.gauss(0.5, 0.1)))
        chance = rng.random()
        if chance < 0.1 and target:
            target[-1] += translated
        elif chance < 0.9:
            target.append(translated)
    return source, target


def held(source, target):
    """How many cells the search looks at."""
    sums = ([0, *itertools.accumulate(lengths)] for lengths in (source, target))
    return sum(high - low + 1 for low, high in module._windows(*sums))


@given(LENGTHS, LENGTHS)
def test_the_alignment_is_that_of_the_full_search(source, target):
    assert align(source, target) == full(source, target)


@pytest.mark.parametrize("seed", range(2))
def test_a_document_of_a_hundred_sentences_a_side_is_searched_in_full(seed):
    source, target = (lengths[:BAND] for lengths in parallel(120, seed))
    assert held(source, target) == (len(source) + 1) * (len(target) + 1)
    assert align(source, target) == full(source, target)


def test_a_longer_text_with_the_usual_gaps_is_aligned_as_by_the_full_search(monkeypatch):
    monkeypatch.setattr(module, "BAND", 12)
    source, target = parallel(120)
    assert held(source, target) < len(source) * len(target) / 3
    assert align(source, target) == full(source, target)


@given(LENGTHS, LENGTHS, st.integers(0, 3))
def test_beads_cover_both_texts_however_narrow_the_band(source, target, band):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BAND", band)
        beads = align(source, target)
    if sum(source) and sum(target):
        for side, count in ((0, len(source)), (1, len(target))):
            spans = [bead[side] for bead in beads]
            assert [place for span in spans for place in range(*span)] == list(range(count))


@pytest.mark.parametrize(("source", "target"), [([900], [3] * 300), ([3] * 300, [900]), ([1] * 200 + [800], [5] * 200)])
def test_the_cells_are_a_band_and_the_target_at_most_even_for_lopsided_texts(monkeypatch, source, target):
    monkeypatch.setattr(module, "BAND", 5)
    assert held(source, target) <= (2 * 5 + 1) * (len(source) + 1) + len(target)
    assert align(source, target)[-1][1][1] == len(target)


def test_twice_the_sentences_cost_at_most_twice_the_beads(monkeypatch):
    monkeypatch.setattr(module, "BAND", 5)
    counts = []
    monkeypatch.setattr(module, "cost", lambda *given: counts.append(1) or cost(*given))
    source, target = parallel(60)
    align(source, target)
    once = len(counts)
    align(source * 2, target * 2)
    # The ends of a text have half a band each, so a text twice as long has a little more than twice the cells.
    assert len(counts) - once <= 2 * once + 6 * (2 * 5 + 1) ** 2


def test_of_a_long_text_the_search_keeps_two_rows_of_costs(monkeypatch):
    monkeypatch.setattr(module, "BAND", 5)
    row, seen = module._row, []
    monkeypatch.setattr(module, "_row", lambda *given: seen.append(len(given[-1])) or row(*given))
    align(*parallel(60))
    assert seen == [0, 1, *[2] * 59]
