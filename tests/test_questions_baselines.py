import numpy as np
import pytest
from scipy.optimize import approx_fprime

from jaxmlda.questions import Question, baselines, logit, options


def question(number, texts, answers, document=None):
    return Question(str(number), "?", texts, answers, {"docid": document or f"d{number}"}, "en_generalization")


BY_HAND = [
    question(0, ["a", "bb", "ccc", "dddd"], (3,)),  # longest right
    question(1, ["aa", "bb", "c"], (0,)),  # two longest, one right: 1/2; shortest wrong
    question(2, ["a", "b", "cc", "dd"], (0, 1)),  # both shortest right: 1; longest 0
    question(3, ["xx", "y"], (1,)),  # shortest right
]


def test_chance_is_the_mean_share_of_right_options():
    assert baselines.chance(BY_HAND) == pytest.approx((1 / 4 + 1 / 3 + 2 / 4 + 1 / 2) / 4)


def test_longest_and_shortest_share_ties():
    assert baselines.longest(BY_HAND) == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert baselines.shortest(BY_HAND) == pytest.approx((0 + 0 + 1 + 1) / 4)


def _made(rule, n=120, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        texts = ["".join(rng.choice(list("abcdefgh"), rng.integers(5, 20))) + f" {j}" for j in range(4)]
        made.append(question(i, texts, (rule(texts, rng),), f"d{i // 2}"))
    return made


def test_the_classifier_finds_what_the_options_give_away():
    longest = _made(lambda texts, _: int(np.argmax([len(t) for t in texts])))
    assert baselines.options_classifier(longest) > 0.85


def test_the_classifier_is_at_chance_when_gold_is_drawn_by_lot():
    drawn = _made(lambda _, rng: int(rng.integers(4)), n=400)
    assert baselines.options_classifier(drawn) == pytest.approx(0.25, abs=3.5 * np.sqrt(0.25 * 0.75 / 400))


def test_a_cluster_is_never_split_between_folds():
    clusters = [f"c{i % 7}" for i in range(50)]
    fold = baselines._folds(clusters, 5, 0)
    assert all(len({f for f, c in zip(fold, clusters, strict=True) if c == name}) == 1 for name in clusters)
    assert sorted(set(fold)) == [0, 1, 2, 3, 4]


def test_the_classifier_cannot_learn_an_answer_from_the_same_document():
    # Twins in one document share a random word: whoever saw one twin would know the other.
    rng = np.random.default_rng(3)
    twins = []
    for i in range(150):
        texts = [f"{rng.integers(10**6):06d}" for _ in range(4)]
        gold = int(rng.integers(4))
        twins += [question(2 * i, texts, (gold,), f"d{i}"), question(2 * i + 1, texts, (gold,), f"d{i}")]
    assert baselines.options_classifier(twins) < 0.4


def test_one_cluster_alone_cannot_be_cross_validated():
    assert baselines.options_classifier([question(i, ["a", "b"], (0,), "d") for i in range(4)]) is None


def test_the_gradient_of_the_conditional_logit_is_that_of_its_loss():
    rng = np.random.default_rng(1)
    choices = logit.Choices([rng.normal(size=(k, 3)) for k in (2, 4, 3)], [(0,), (1, 3), (2,)])
    weights = rng.normal(size=3)
    numeric = approx_fprime(weights, lambda w: logit._loss(w, choices, 0.7)[0], 1e-6)
    np.testing.assert_allclose(logit._loss(weights, choices, 0.7)[1], numeric, atol=1e-5)


def test_features_follow_the_texts_when_options_change_places():
    texts = ["Zinc", "亜鉛欠乏", "12 mg", "copper-oxide"]
    order = [2, 0, 3, 1]
    np.testing.assert_allclose(options.counts([texts[i] for i in order]), options.counts(texts)[order])
