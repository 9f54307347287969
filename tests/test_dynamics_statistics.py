"""The statistics against slow loops, other libraries, and cases whose answer is known by construction."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from jaxmlda.dynamics import bootstrap, describe, items


def test_credit_shares_ties_and_first_takes_the_first():
    scores = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [3.0, 3.0, 3.0]])
    gold = np.array([[False, True, False], [True, False, False], [True, True, False]])
    assert items.credit(scores, gold).tolist() == [0.5, 0.0, 2 / 3]
    assert items.credit(scores, gold, "first").tolist() == [0.0, 0.0, 1.0]


def test_missing_options_are_never_chosen_and_an_unscored_question_has_no_credit():
    scores = np.array([[np.nan, -5.0, -6.0], [np.nan, np.nan, np.nan]])
    gold = np.array([[False, True, False], [True, False, False]])
    got = items.credit(scores, gold)
    assert got[0] == 1.0
    assert math.isnan(got[1])
    assert math.isnan(items.gold_probability(scores, gold)[1])
    assert math.isnan(items.margin(scores, gold)[1])
    assert math.isnan(items.rank(scores, gold)[1])


@given(hnp.arrays(np.float64, (5, 4), elements=st.integers(-6, 0).map(float)), st.integers(0, 2**31))
def test_item_figures_equal_a_plain_loop(scores, seed):
    gold = np.random.default_rng(seed).random((5, 4)) < 0.4
    gold[:, 0] |= ~gold.any(axis=1)
    gold[:, 1] &= ~gold.all(axis=1)
    for q in range(5):
        right = [scores[q, o] for o in range(4) if gold[q, o]]
        wrong = [scores[q, o] for o in range(4) if not gold[q, o]]
        top = [o for o in range(4) if scores[q, o] == max(scores[q])]
        assert items.credit(scores, gold)[q] == pytest.approx(sum(gold[q, o] for o in top) / len(top), abs=1e-9)
        share = sum(math.exp(v) for v in right) / sum(math.exp(v) for v in scores[q])
        assert items.gold_probability(scores, gold)[q] == pytest.approx(share, abs=1e-9)
        assert items.margin(scores, gold)[q] == pytest.approx(max(right) - max(wrong), abs=1e-9)
        place = 1 + sum(v > max(right) for v in wrong) + sum(v == max(right) for v in wrong) / 2
        assert items.rank(scores, gold)[q] == place


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (40, 97), (10, 10)])
def test_wilson_equals_scipy(right, n):
    expected = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert describe.wilson(right, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (0, 5), (7, 7), (30, 12), (3, 40)])
def test_mcnemar_equals_an_exact_binomial_test_and_the_written_sum(lost, won):
    n = lost + won
    written = min(1.0, 2 * sum(math.comb(n, k) for k in range(min(lost, won) + 1)) / 2**n)
    assert describe.mcnemar(lost, won) == pytest.approx(written, abs=1e-9)
    if n:
        assert describe.mcnemar(lost, won) == pytest.approx(stats.binomtest(lost, n).pvalue, abs=1e-9)


def test_clustered_error_equals_a_plain_loop_and_the_plain_error_for_single_questions():
    rng = np.random.default_rng(1)
    values, clusters = rng.random(50), rng.integers(0, 12, 50).astype(str)
    total = 0.0
    for name in set(clusters.tolist()):
        total += sum(v - values.mean() for v, c in zip(values, clusters, strict=True) if c == name) ** 2
    number = len(set(clusters.tolist()))
    expected = math.sqrt(number / (number - 1) * total) / 50
    assert describe.clustered_error(values, clusters) == pytest.approx(expected, abs=1e-9)
    alone = describe.clustered_error(values, np.arange(50))
    assert alone == pytest.approx(stats.sem(values), abs=1e-9)


def test_clone_questions_are_one_question_for_the_clustered_error_and_the_intraclass_correlation():
    rng = np.random.default_rng(2)
    values = rng.random(30)
    clones, clusters = np.repeat(values, 5), np.repeat(np.arange(30), 5)
    assert describe.clustered_error(clones, clusters) == pytest.approx(stats.sem(values), abs=1e-9)
    assert describe.intraclass(clones, clusters) == pytest.approx(1.0, abs=1e-9)


@given(st.floats(0.05, 1.0), st.integers(20, 5000))
def test_smallest_effect_solves_the_formula_of_its_size(discordant, n):
    delta = describe.smallest_effect(discordant, n)
    assert 7.85 * (discordant - delta**2) / delta**2 == pytest.approx(n, rel=1e-9)
    against = describe.smallest_effect(discordant, 2 * n, 2 * n)
    assert against == pytest.approx(delta, rel=1e-9)
    clustered = describe.smallest_effect(discordant, n * 3, None, 5, 0.5)
    assert clustered == pytest.approx(delta, rel=1e-9)


def test_onset_is_the_first_of_three_on_the_same_side():
    steps = np.array([1, 2, 5, 10, 20, 50])
    low = np.array([0.1, -0.1, 0.1, 0.2, 0.3, -0.2])
    assert describe.onset(steps, low, low + 0.5) == 5
    assert describe.onset(steps[:4], low[:4], low[:4] + 0.5) is None
    assert describe.onset(steps[:3], np.array([0.1, -0.5, 0.1]), np.array([0.2, -0.1, 0.2])) is None
    assert describe.onset(np.array([]), np.array([]), np.array([])) is None


def test_bootstrap_draws_equal_a_plain_loop_over_the_same_clusters():
    rng = np.random.default_rng(3)
    values, clusters = rng.random((3, 20)), rng.integers(0, 6, 20)
    got = bootstrap.cluster_means(values, clusters, np.random.default_rng(4), draws=50)
    names = sorted({str(c) for c in clusters})
    chosen = np.random.default_rng(4).integers(0, len(names), (50, len(names)), dtype=np.int32)
    for draw in range(50):
        taken = [q for c in chosen[draw] for q in range(20) if str(clusters[q]) == names[c]]
        for column in range(3):
            expected = sum(values[column, q] for q in taken) / len(taken)
            assert got.draws[column, draw] == pytest.approx(expected, abs=1e-9)
    assert got.estimate == pytest.approx(values.mean(axis=1), abs=1e-9)


def test_bootstrap_interval_of_single_questions_agrees_with_the_normal_one():
    values = np.random.default_rng(5).random((1, 400))
    means = bootstrap.cluster_means(values, np.arange(400), np.random.default_rng(6))
    low, high = bootstrap.interval(means.draws)
    half = 1.96 * stats.sem(values[0])
    assert low[0] == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high[0] == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_band_of_one_column_is_its_interval_and_of_independent_columns_is_the_joint_quantile():
    rng = np.random.default_rng(7)
    draws = rng.standard_normal((20, 20_000))
    low, high = bootstrap.band(np.zeros(1), draws[:1])
    assert high[0] == pytest.approx(1.96, abs=0.05)
    assert low[0] == pytest.approx(-1.96, abs=0.05)
    joint = stats.norm.ppf((1 + 0.95 ** (1 / 20)) / 2)
    assert bootstrap.band(np.zeros(20), draws)[1] == pytest.approx(np.full(20, joint), abs=0.08)


def test_band_covers_the_stated_share_of_draws_as_whole_curves_and_ignores_constant_columns():
    rng = np.random.default_rng(8)
    draws = np.cumsum(rng.standard_normal((15, 4000)), axis=0)
    draws[4] = 2.5
    estimate = np.zeros(15)
    estimate[4] = 2.5
    low, high = bootstrap.band(estimate, draws)
    inside = ((draws >= low[:, None]) & (draws <= high[:, None])).all(axis=0).mean()
    assert inside == pytest.approx(0.95, abs=0.002)
    assert low[4] == high[4] == 2.5
