"""Boundary rules against their originals: `harness` against lm-eval itself, `published` against the study's rule."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
lm_eval = pytest.importorskip("lm_eval")

import datasets  # noqa: E402
from lm_eval.api.task import ConfigurableTask  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from peer_case import WORDS, peers, score  # noqa: E402

from jaxmlda.questions import Question  # noqa: E402

pytestmark = pytest.mark.peers
STEMS = {
    "en": ("What does {} bind?", "The {} of ", "Which {} is needed for taste? Answer: ", "", "  ", "{}\t", "The {}"),
    "ja": ("{}に結合するのは？\n答え：", "{}は", "", "質問：{}\n答え： ", "{}　"),
}
CLOZES = {
    "en": ("The [BLANK] of {} is needed.", "[BLANK] binds {}.", "A {} [BLANK], it is said.", "{}-[BLANK]/{} 12%"),
    "ja": ("{}は[BLANK]に必要である。", "[BLANK]に{}が結合する。", "{}の [BLANK]　が {}。"),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return peers(tmp_path_factory.mktemp("model"))


def options(language, rng):
    """One piece, a piece and more, a shared beginning, and something that only bytes can spell."""
    a, b = rng.choice(WORDS[language], 2, replace=False)
    joint = " " if language == "en" else ""
    drawn = [a, f"{a}{joint}{b}", f"{a}{joint}{b}{joint}{a}", b, f"{b}Ω", f"{b}{joint}{b}"]
    return [str(drawn[index]) for index in rng.permutation(len(drawn))[: rng.integers(2, 6)]]


def asked(texts, form, count, seed):
    """Questions in both languages, the texts in turn, their options and right answers drawn."""
    rng, sets = np.random.default_rng(seed), {}
    for language, stems in texts.items():
        name = f"{language}_knowledge_{form}"
        of = sets.setdefault(name, [])
        for number, stem in zip(range(count), itertools.cycle(stems)):
            text, given = stem.replace("{}", str(rng.choice(WORDS[language]))), options(language, rng)
            right = (int(rng.integers(len(given))),)
            of.append(Question(f"d{number}_sentid:0", text, given, right, {"docid": f"d{number}"}, name))
    return sets


def by_lm_eval(both, questions):
    """Log-likelihoods of all options, acc and acc_norm, as a multiple-choice task of lm-eval gives them."""
    documents = [{"text": q.question, "options": q.options, "gold": q.answers[0]} for q in questions]
    task = ConfigurableTask(
        config={
            "task": "probe",
            "custom_dataset": lambda **_: {"test": datasets.Dataset.from_list(documents)},
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": lambda doc: doc["text"],
            "doc_to_choice": lambda doc: doc["options"],
            "doc_to_target": lambda doc: doc["gold"],
            "target_delimiter": "",
            "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
        }
    )
    model = HFLM(pretrained=both.model, tokenizer=both.tokenizer, backend="causal", batch_size=16, device="cpu")
    told = lm_eval.evaluate(model, {"probe": task}, log_samples=True, bootstrap_iters=0)
    samples = sorted(told["samples"]["probe"], key=lambda sample: sample["doc_id"])
    sums = [float(answer[0]) for sample in samples for answer in sample["filtered_resps"]]
    return sums, told["results"]["probe"]["acc,none"], told["results"]["probe"]["acc_norm,none"]


@pytest.mark.parametrize("bos", [True, False])
def test_the_rule_harness_is_lm_eval_itself(tmp_path, bos):
    both = peers(tmp_path / "model", bos)
    assert (both.vocabulary.bos_id is not None) == bos
    # Without a BOS lm-eval stops at a prompt of white space alone, which leaves it nothing to begin with.
    texts = {language: [text for text in stems if bos or text != "  "] for language, stems in STEMS.items()}
    sets = asked(texts, "generalization", 100, 0)
    assert sum(len(of) for of in sets.values()) == 200
    plain = {"mem": "{before}{option}{after}", "gen": "{question}{option}"}
    tables, accuracies = score(both, tmp_path, sets, "harness", plain)
    for name, of in sets.items():
        sums, acc, acc_norm = by_lm_eval(both, of)
        assert np.ptp(sums) > 20
        np.testing.assert_allclose(tables[name]["sum_logp"].to_numpy(), sums, atol=1e-3)
        assert accuracies[name]["sum"] == pytest.approx(acc, abs=1e-9)
        assert accuracies[name]["char"] == pytest.approx(acc_norm, abs=1e-9)
        assert 0 < acc < 1


def prompt_and_continuation(question, option):
    """The two texts of the released code."""
    if question.form == "gen":
        return f"{question.question}\n", option
    before, after = question.question.split("[BLANK]")
    return before, option + after


def by_the_study(both, question, option):
    """Summed log-likelihood and length, as the study states its rule, one option at a time."""
    prompt, continuation = prompt_and_continuation(question, option)
    prompt_ids = both.tokenizer(prompt).input_ids if prompt else []
    continuation_ids = both.tokenizer(prompt + continuation).input_ids[len(prompt_ids) :]
    bos = [both.tokenizer.bos_token_id]
    # Without a prompt the continuation opens with the BOS itself: it counts, and nothing predicts it.
    ids = bos + prompt_ids[1:] + continuation_ids if prompt else continuation_ids
    with torch.no_grad():
        logp = torch.log_softmax(both.model(torch.tensor([ids])).logits[0], dim=-1)
    first = max(len(ids) - len(continuation_ids), 1)
    return sum(float(logp[place - 1, ids[place]]) for place in range(first, len(ids))), len(continuation_ids)


def test_the_rule_published_is_the_one_that_the_study_states(both, tmp_path):
    sets = asked(STEMS, "generalization", 40, 1) | asked(CLOZES, "memorization", 60, 2)
    assert sum(len(of) for of in sets.values()) == 200
    texts = {"mem": "{before}{option}{after}", "gen": "{question}\n{option}"}
    tables, accuracies = score(both, tmp_path, sets, "published", texts)
    for name, of in sets.items():
        expected = [[by_the_study(both, question, option) for option in question.options] for question in of]
        flat = [pair for pairs in expected for pair in pairs]
        np.testing.assert_allclose(tables[name]["sum_logp"].to_numpy(), [total for total, _ in flat], atol=1e-3)
        np.testing.assert_array_equal(tables[name]["n_tok"].to_numpy(), [length for _, length in flat])
        right = np.array([question.answers[0] for question in of])
        by_sum = np.array([np.argmin([-total for total, _ in pairs]) for pairs in expected])
        by_token = np.array([np.argmin([-total / length for total, length in pairs]) for pairs in expected])
        assert accuracies[name]["sum"] == pytest.approx((by_sum == right).mean())
        assert accuracies[name]["token"] == pytest.approx((by_token == right).mean())
        assert predictions(tables[name], "sum") == by_sum.tolist()
        assert predictions(tables[name], "token") == by_token.tolist()


def predictions(table, by):
    """The first best option of each question, worked out from the table's columns."""
    sums, lengths = table["sum_logp"].to_numpy(), table["n_tok"].to_numpy()
    starts = np.flatnonzero(table["option"].to_numpy() == 0)
    return [int(np.argmax(part)) for part in np.split(sums if by == "sum" else sums / lengths, starts[1:])]
