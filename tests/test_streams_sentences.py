"""Sentences: nothing is lost, and what looks like an end and is none splits nothing."""

import re
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams_case import TEXTS

from jaxmlda.streams.sentences import BRACKETS, END, _inside, _pairs, sentences, split, trimmed
from jaxmlda.world import World

MODULE = "jaxmlda.streams.sentences"
FIRST_SPACE = r"(?<![^\S\n])"
SLOW_END = re.compile(END.pattern.replace(FIRST_SPACE, ""))
BRACKETED = st.text(st.sampled_from("a.。!「」（）()[]\n  \t\r\u2028\u3000A"), max_size=40)
SIGNS = st.text(st.sampled_from("aA1 .!?…\n「」（）()。！？．とp亜ァ\u3000\"'”"), max_size=30)


@given(st.one_of(TEXTS, SIGNS))
def test_the_spans_follow_one_another_and_cover_the_text(text):
    spans = sentences(text)
    assert "".join(text[begin:end] for begin, end in spans) == text
    assert [begin for begin, _ in spans] == [0, *(end for _, end in spans)][: len(spans)]
    assert all(begin < end for begin, end in spans)
    if text.strip():
        assert all(text[begin:end].strip() for begin, end in spans)


@given(st.one_of(TEXTS, SIGNS))
def test_a_trimmed_span_is_the_sentence_without_white_space(text):
    for span in sentences(text):
        begin, end = trimmed(text, span)
        assert text[begin:end] == text[slice(*span)].strip()


# `|` stands where a sentence ends.
@pytest.mark.parametrize(
    "marked",
    [
        "It was given i.v. |The dose was 3.5 mg (see Fig. 2. and others). |Then it ended.",
        "Dr. J. Smith et al. found it in the U.S. in 2001, vs. Japan, e.g. Tokyo. |We did not.",
        "E. coli grew. |S. aureus did not. |See No. 5, pp. 3 and approx. 10 more. |He said no. |Then he left.",
        "Patients had hepatitis B. |Some took vitamin C. |The U.S. |This was type A. |Others were well.",
        "The p.o. Prednisolone arm of A. B. Miller and C. Wong was closed.",
        "Expression rose (p < 0.05). |mRNA was low. |β-Actin was not, i.e. it stayed at 1.0. |p53 rose.",
        "Really? |Yes! |Well... it went on... |Then it stopped… |At last.",
        "(This is a sentence.) |And (this one. Is part) of another. |[So is. This].",
        'He said "it works." |Then he left. |She wrote “It works. It does.” and stayed.',
        "1. Introduction is short.\n|2. Methods are not.",
        "BACKGROUND: Zinc is low.\n|METHODS: We measured it in\nserum of adults.\n\n|RESULTS: None",
        "See http://a.org/b.html and v1.2.3 for more. |Done.",
        "「そうだ。違う。」と述べた。|次の文（図1。参照）である！？|本当か？と聞いた。|終わり",
        "『一。二。』は題名である。|３．５は数である．|次も3.5 mgである. |最後（p < 0.01）.|これで終わり。",
        "平均は59歳であった。|（なお、これは文である。）|次。",
        "値は…高かった。|しかし……。|目的\n|方法",
        "CRPは高かった(p<0.01).|IL-6は低かった．|Fig. 2に示す。",
    ],
)
def test_sentences_end_where_a_reader_says(marked):
    assert split(marked.replace("|", "")) == marked.split("|")


def test_a_bracket_that_never_closes_hides_no_end():
    assert split("A (b. C d.\nE f. G.") == ["A (b. ", "C d.\n", "E f. ", "G."]
    assert split("一（二。三。") == ["一（二。", "三。"]


def test_every_fact_of_the_embedded_world_is_a_sentence():
    for abstract in World(documents=60):
        for language, text in abstract.texts.items():
            found = {trimmed(text, span) for span in sentences(text)}
            assert {fact.sentence[language] for fact in abstract.facts} <= found


class Letter(str):
    """A letter that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Letter.compared += 1
        return str.__eq__(self, other)


def slow_inside(text):
    """The outermost pair around every character, each closer looked for among all open brackets."""
    found, waiting = {}, []
    for place, letter in enumerate(text):
        if letter == "\n":
            waiting.clear()
        elif letter in BRACKETS:
            waiting.append((BRACKETS[letter], place))
        elif any(closer == letter for closer, _ in waiting):
            while True:
                closer, begin = waiting.pop()
                if closer == letter:
                    break
            found.update(dict.fromkeys(range(begin + 1, place), (begin, place)))
    return found


def comparisons(function, text):
    """How many letters a function compares in a text."""
    Letter.compared = 0
    function([Letter(letter) for letter in text])
    return Letter.compared


@given(st.one_of(TEXTS, SIGNS, BRACKETED))
def test_sentences_are_those_of_the_slow_search_for_brackets_and_line_ends(text):
    assert _inside(text) == slow_inside(text)
    with mock.patch(f"{MODULE}._inside", slow_inside), mock.patch(f"{MODULE}.END", SLOW_END):
        slow = sentences(text)
    assert sentences(text) == slow


@pytest.mark.parametrize(
    "text", ["(" * 50 + "a" * 100, "([" * 50 + "a)" * 50, "(" * 50 + "a\n" * 50, "(" * 50 + ")" * 50]
)
def test_twice_the_text_compares_at_most_twice_the_letters_for_brackets(text):
    doubled = "".join(letter * 2 for letter in text)
    assert comparisons(_pairs, doubled) <= 2 * comparisons(_pairs, text)


def test_open_brackets_are_not_gone_through_at_every_letter():
    text = "(" * 50 + "a" * 100
    assert comparisons(slow_inside, text) > 100 * 50
    assert comparisons(_pairs, text) <= 4 * len(text)


def test_nested_brackets_are_one_pair_and_pairs_side_by_side_do_not_overlap():
    assert _pairs("(" * 50 + ")" * 50) == [(0, 99)]
    assert _pairs("(a)「b(c)」(d [e]") == [(0, 2), (3, 8), (12, 14)]


@pytest.mark.parametrize("spaces", [" " * 20, " \t\u3000\r" * 5])
def test_a_line_end_is_looked_for_at_the_first_of_its_spaces_alone(spaces):
    text = f"a{spaces}\nb"
    assert [place for place in range(len(text)) if END.match(text, place)] == [1]
    assert len([place for place in range(len(text)) if SLOW_END.match(text, place)]) == len(spaces) + 1
