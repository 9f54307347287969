import itertools

import numpy as np
import pytest
from probe_case import SENTENCES, WORDS_EN, WORDS_JA, vocabulary

from jaxmlda.errors import UserError
from jaxmlda.probe import rules


class Spelled:
    """A vocabulary whose pieces are given by hand; spans are worked out from their texts."""

    bos_id, eos_id = 1, 2

    def __init__(self, *cuts, bos_id=1):
        self.cuts = {"".join(cut): list(cut) for cut in cuts}
        self.pieces = sorted({piece for cut in cuts for piece in cut})
        self.bos_id = bos_id

    def encode(self, text):
        return [10 + self.pieces.index(piece) for piece in self.cuts[text]] if text else []

    def encode_with_offsets(self, text):
        ends = np.cumsum([len(piece) for piece in self.cuts[text]])
        return self.encode(text), [(int(e) - len(p), int(e)) for e, p in zip(ends, self.cuts[text], strict=True)]

    def texts(self, scored, places):
        return [self.pieces[scored.ids[i] - 10] for i in places]


def test_joint_scores_tokens_that_overlap_the_answer_and_keeps_the_rest_apart():
    spelled = Spelled(["Lack", " of", " zi", "nc", " hurts", "."])
    scored = rules.joint(spelled, "Lack of ", "zinc", " hurts.")
    assert spelled.texts(scored, scored.answer) == [" zi", "nc"]
    assert spelled.texts(scored, scored.rest) == [" hurts", "."]
    assert (scored.n_tok, scored.n_char, scored.n_byte, scored.merged, scored.ids[0]) == (2, 4, 4, False, 1)


def test_joint_gives_a_token_across_a_boundary_to_the_answer_and_counts_it_as_merged():
    spelled = Spelled(["味", "覚亜", "鉛", "欠乏"], ["味", "覚", "亜鉛欠", "乏"], ["味", "覚", "亜鉛", "欠乏"])
    left = rules.joint(spelled, "味覚", "亜鉛", "欠乏")
    assert left.n_byte == 6
    first = Spelled(["味", "覚亜", "鉛", "欠乏"])
    scored = rules.joint(first, "味覚", "亜鉛", "欠乏")
    assert first.texts(scored, scored.answer) == ["覚亜", "鉛"]
    assert scored.merged
    second = Spelled(["味", "覚", "亜鉛欠", "乏"])
    scored = rules.joint(second, "味覚", "亜鉛", "欠乏")
    assert second.texts(scored, scored.answer) == ["亜鉛欠"]
    assert second.texts(scored, scored.rest) == ["乏"]
    assert scored.merged
    third = Spelled(["味", "覚", "亜鉛", "欠乏"])
    assert not rules.joint(third, "味覚", "亜鉛", "欠乏").merged


def test_joint_scores_everything_when_the_blank_opens_the_sentence():
    spelled = Spelled(["Zinc", " helps"])
    scored = rules.joint(spelled, "", "Zinc", " helps")
    assert (scored.answer, scored.rest) == ((1,), (2,))


def test_without_bos_an_empty_prompt_opens_with_the_end_of_document_and_others_with_their_own_text():
    spelled = Spelled(["Zinc", " helps"], ["What", " zinc"], bos_id=None)
    assert rules.joint(spelled, "", "Zinc", " helps").ids[0] == spelled.eos_id
    scored = rules.joint(spelled, "What ", "zinc", "")
    assert len(scored.ids) == 2
    assert scored.answer == (1,)


def test_the_first_token_is_never_scored_where_nothing_stands_before_it():
    spelled = Spelled(["亜鉛", "欠乏"], bos_id=None)
    scored = rules.joint(spelled, "亜", "鉛", "欠乏")
    assert (scored.answer, scored.rest, scored.n_tok) == ((), (1,), 0)


@pytest.mark.parametrize("rare", ["𩸽", "é"])
def test_joint_scores_every_byte_piece_of_a_rare_first_character(rare):
    real = vocabulary()
    prompt = "The taste of "
    scored = rules.joint(real, prompt, rare, "")
    assert scored.n_tok == len(rare.encode())
    assert real.decode([scored.ids[i] for i in scored.answer]) == rare


@pytest.mark.parametrize(
    ("prompt", "answer", "rest"),
    [(f"The {a} of ", b, " is needed.") for a, b in itertools.pairwise(WORDS_EN)]
    + [(f"{a}は", b, "に必要である。") for a, b in itertools.pairwise(WORDS_JA)],
)
def test_joint_on_a_real_tokenizer_partitions_the_text(prompt, answer, rest):
    real = vocabulary()
    scored = rules.joint(real, prompt, answer, rest)
    assert list(scored.ids) == [real.bos_id, *real.encode(prompt + answer + rest)]
    assert list(scored.answer + scored.rest) == list(range(scored.answer[0], len(scored.ids)))
    said = real.decode([scored.ids[i] for i in scored.answer])
    assert answer in said
    assert scored.merged == (said.strip() != answer)
    assert not any(
        character in real.decode(list(scored.ids[1 : scored.answer[0]]))[len(prompt) :] for character in answer
    )


def encode_pair(tokenizer, context, continuation):
    """lm-evaluation-harness, `TemplateLM._encode_pair`, decoder-only, restated."""
    n_spaces = len(context) - len(context.rstrip())
    if n_spaces > 0:
        continuation = context[-n_spaces:] + continuation
        context = context[:-n_spaces]
    whole_enc = tokenizer.encode(context + continuation)
    context_enc = tokenizer.encode(context)
    return context_enc, whole_enc[len(context_enc) :]


@pytest.mark.parametrize("sentence", SENTENCES[::23])
@pytest.mark.parametrize("cut", [1, 4, 5, 9])
def test_harness_feeds_and_scores_what_the_original_does(sentence, cut):
    real = vocabulary()
    prompt, answer, rest = sentence[:cut], sentence[cut:-1], sentence[-1:]
    context, continuation = encode_pair(real, prompt, answer + rest)
    scored = rules.harness(real, prompt, answer, rest)
    assert list(scored.ids) == [real.bos_id, *context, *continuation]
    assert [scored.ids[i] for i in scored.answer] == continuation
    assert (scored.n_tok, scored.n_char, scored.rest) == (len(continuation), len(answer + rest), ())


def test_harness_scores_the_whole_after_bos_when_the_context_is_empty():
    real = vocabulary()
    scored = rules.harness(real, "", "zinc", " is needed.")
    assert list(scored.ids) == [real.bos_id, *real.encode("zinc is needed.")]
    assert scored.answer == tuple(range(1, len(scored.ids)))


@pytest.mark.parametrize("sentence", SENTENCES[::23])
@pytest.mark.parametrize("cut", [1, 4, 5, 9])
def test_published_feeds_and_scores_what_the_released_code_does(sentence, cut):
    real = vocabulary()

    def tok(text):
        return [real.bos_id, *real.encode(text)]

    prompt, answer, rest = sentence[:cut], sentence[cut:-1], sentence[-1:]
    continuation = tok(sentence)[len(tok(prompt)) :]
    scored = rules.published(real, prompt, answer, rest)
    assert list(scored.ids) == [real.bos_id, *tok(prompt)[1:], *continuation]
    assert [scored.ids[i] for i in scored.answer] == continuation
    assert (scored.n_tok, scored.n_byte) == (len(continuation), len((answer + rest).encode()))


def test_published_loses_the_first_token_after_a_space_and_says_so():
    spelled = Spelled(["of", " "], ["of", " zinc", "."])
    scored = rules.published(spelled, "of ", "zinc", ".")
    assert spelled.texts(scored, scored.answer) == ["."]
    assert scored.merged


def test_published_counts_bos_in_the_length_when_the_prompt_is_empty():
    real = vocabulary()
    scored = rules.published(real, "", "zinc", " is needed.")
    assert len(scored.answer) == len(real.encode("zinc is needed.")) == scored.n_tok - 1


@pytest.mark.parametrize("limit", [2, 5, 9, 100])
def test_truncation_keeps_the_opening_token_and_the_end(limit):
    whole = rules.Scored((1, *range(10, 20)), (7, 8, 9), (10,), 3, 4, 4, False)
    cut = rules.truncate(whole, limit)
    assert cut.truncated == (limit < 10)
    assert cut.ids == ((1, *range(20 - limit, 20)) if cut.truncated else whole.ids)
    kept = [cut.ids[i] for i in cut.answer + cut.rest]
    assert kept == [16, 17, 18, 19][-min(4, limit) :]
    assert cut.n_tok == len(cut.answer)


def test_an_unknown_rule_is_an_error_that_names_the_known_ones():
    with pytest.raises(UserError, match="joint, harness, published"):
        rules.by_name("lm-eval")
