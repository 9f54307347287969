"""Noise: the ratio is kept to the word, and it is a function of text, language, ratio and key."""

import itertools
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from streams_case import TEXTS

from jaxmlda.streams.perturb import MASK, OPERATIONS, delete, mask, reorder, replace, share, units

WORDS = st.lists(st.integers(0, 10**6), min_size=1, max_size=60, unique=True).map(
    lambda numbers: [f"w{n}" for n in numbers]
)
RATIOS = st.floats(0, 1)
KEYS = st.integers(0, 2**64 - 1)


def rounded(count, ratio):
    """Halves up, by counting."""
    return max(k for k in range(count + 1) if k - 0.5 <= count * ratio)


def moved(words, result):
    return sum(before != after for before, after in zip(words, result.split(), strict=True))


@given(st.integers(0, 500), RATIOS)
def test_a_share_rounds_halves_up(count, ratio):
    assert share(count, ratio) == rounded(count, ratio)
    assert (share(5, 0.5), share(5, 0.1), share(5, 0.09)) == (3, 1, 0)


@given(WORDS, RATIOS, KEYS)
def test_mask_hides_exactly_the_ratio_of_the_words(words, ratio, key):
    result = mask(" ".join(words), "en", ratio, key).split()
    assert result.count(MASK) == rounded(len(words), ratio)
    assert all(after in (before, MASK) for before, after in zip(words, result, strict=True))


@given(WORDS, RATIOS, KEYS, st.integers(2, 6))
def test_spans_of_masks_hide_exactly_the_ratio_of_the_words_under_fewer_signs(words, ratio, key, span):
    wanted = rounded(len(words), ratio)
    result = mask(" ".join(words), "en", ratio, key, span=span).split()
    kept = [word for word in result if word != MASK]
    assert len(kept) == len(words) - wanted
    assert result.count(MASK) == -(-wanted // span)
    assert kept == [word for word in words if word in kept]


@given(WORDS, RATIOS, KEYS)
def test_delete_takes_out_exactly_the_ratio_and_keeps_the_order(words, ratio, key):
    result = delete(" ".join(words), "en", ratio, key)
    assert len(result.split()) == len(words) - rounded(len(words), ratio)
    assert result == " ".join(word for word in words if word in result.split())


@given(WORDS, RATIOS, KEYS)
def test_replace_changes_exactly_the_ratio_into_words_of_the_text(words, ratio, key):
    assume(len(words) > 1)
    result = replace(" ".join(words), "en", ratio, key)
    assert moved(words, result) == rounded(len(words), ratio)
    assert set(result.split()) <= set(words)


@given(WORDS, RATIOS, KEYS, st.integers(2, 8))
def test_reorder_moves_exactly_the_ratio_of_the_words_within_the_window(words, ratio, key, window):
    wanted = rounded(len(words), ratio)
    result = reorder(" ".join(words), "en", ratio, key, window=window).split()
    assert Counter(result) == Counter(words)
    assert moved(words, " ".join(result)) == (wanted if wanted > 1 else 0)
    # In a window of two an odd number of words needs one run of three.
    farthest = max(abs(words.index(word) - place) for place, word in enumerate(result))
    assert farthest < max(window, 3)


@pytest.mark.parametrize("name", OPERATIONS)
@settings(deadline=None, max_examples=40)
@given(text=TEXTS, ratio=RATIOS, key=KEYS, language=st.sampled_from(["en", "ja"]))
def test_noise_is_a_function_of_text_language_ratio_and_key(name, text, ratio, key, language):
    first = OPERATIONS[name](text, language, ratio, key)
    assert OPERATIONS[name](text, language, ratio, key) == first
    assert OPERATIONS[name](text, language, 0.0, key) == text


@pytest.mark.parametrize("name", OPERATIONS)
def test_another_key_gives_other_noise(name):
    text = " ".join(f"w{n}" for n in range(40))
    assert len({OPERATIONS[name](text, "en", 0.3, key) for key in range(20)}) == 20


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["en", "ja"]))
def test_units_are_everything_but_the_white_space_in_order(text, language):
    spans = units(text, language)
    assert "".join(text[begin:end] for begin, end in spans) == "".join(text.split())
    assert all(begin < end for begin, end in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_japanese_units_are_words_with_numbers_and_latin_words_whole():
    text = "血清CRPは12.4から3.1 mg/dLへ低下した（p < 0.001）。"
    words = "血清 CRP は 12.4 から 3.1 mg/dL へ 低下 し た （ p < 0.001 ） 。"
    assert [text[begin:end] for begin, end in units(text, "ja")] == words.split()


def test_white_space_stays_where_it_is():
    assert reorder("a\n\nb  c", "en", 1.0, 1).split() != ["a", "b", "c"]
    for name in ("reorder", "replace", "mask"):
        result = OPERATIONS[name]("a\n\nb  c", "en", 1.0, 1)
        assert [sign for sign in result if sign.isspace()] == list("\n\n  ")
    assert {delete("a\n\nb  c", "en", 0.34, key) for key in range(20)} == {"b  c", "a  c", "a\n\nb"}


def test_noise_at_a_fixed_key_never_changes():
    text = "The purpose of this survey was to clarify the characteristics of a disease."
    assert {name: operation(text, "en", 0.3, 7) for name, operation in OPERATIONS.items()} == {
        "mask": "[MASK] purpose of this [MASK] was to [MASK] the [MASK] of a disease.",
        "delete": "purpose this survey clarify the characteristics of a disease.",
        "replace": "of purpose characteristics this survey purpose was clarify the characteristics of a disease.",
        "reorder": "The purpose of was to survey this clarify the characteristics of a disease.",
    }
