"""The optimizer against plain numpy, and schedules against their closed forms."""

import math

import jax
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmlda.config.run import Every, Optimizer, Schedule, Steps
from jaxmlda.errors import UserError
from jaxmlda.training.optimizer import decayed, optimizer
from jaxmlda.training.schedule import learning_rate, science_steps

PARAMS = {"head": np.array([[1.0, -2.0], [0.5, 3.0]]), "layers": {"norm": {"scale": np.array([1.0, 2.0])}}}


def gradients(steps):
    """Small and large in turn, so that clipping acts at some steps and not at others."""
    rng = np.random.default_rng(0)
    for step in range(steps):
        size = (0.05, 5.0)[step % 2]
        yield jax.tree.map(lambda leaf, size=size: size * rng.standard_normal(leaf.shape), PARAMS)


def by_hand(settings, rate, steps):
    """AdamW with clipping: m, v, their corrections, and decay of everything but scales."""
    p = {"head": PARAMS["head"].copy(), "scale": PARAMS["layers"]["norm"]["scale"].copy()}
    m, v = ({name: np.zeros_like(leaf) for name, leaf in p.items()} for _ in range(2))
    clipped = 0
    for t, g in enumerate(gradients(steps), start=1):
        g = {"head": g["head"], "scale": g["layers"]["norm"]["scale"]}
        size = math.sqrt(sum((leaf**2).sum() for leaf in g.values()))
        if settings.clip is not None and size > settings.clip:
            g, clipped = {name: leaf * settings.clip / size for name, leaf in g.items()}, clipped + 1
        for name, leaf in g.items():
            m[name] = settings.b1 * m[name] + (1 - settings.b1) * leaf
            v[name] = settings.b2 * v[name] + (1 - settings.b2) * leaf**2
            m_hat, v_hat = m[name] / (1 - settings.b1**t), v[name] / (1 - settings.b2**t)
            decay = settings.weight_decay if name == "head" else 0.0
            p[name] = p[name] - rate(t - 1) * (m_hat / (np.sqrt(v_hat) + settings.eps) + decay * p[name])
    return p, clipped


@pytest.mark.parametrize(("clip", "clipped"), [(1.0, 5), (None, 0)])
def test_ten_steps_are_those_of_numpy(clip, clipped):
    settings = Optimizer(clip=clip, weight_decay=0.3, eps=1e-3)
    schedule = Schedule(name="linear", peak=0.1, final=0.01)
    expected, times = by_hand(settings, lambda t: 0.1 - 0.09 * t / 10, 10)
    assert times == clipped
    rule = optimizer(settings, schedule, 10)
    params, state = jax.tree.map(np.float32, PARAMS), rule.init(jax.tree.map(np.float32, PARAMS))
    for g in gradients(10):
        updates, state = rule.update(jax.tree.map(np.float32, g), state, params)
        params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(params["head"], expected["head"], rtol=1e-5)
    np.testing.assert_allclose(params["layers"]["norm"]["scale"], expected["scale"], rtol=1e-5)


def test_norms_alone_are_spared_the_decay():
    assert decayed(PARAMS) == {"head": True, "layers": {"norm": {"scale": False}}}


def closed_form(name, t, warm):
    """Of 60 steps from 0.03 to 0.001, the last 20 of them a decay where the name says so."""
    peak, final, decay = 0.03, 0.001, 20
    if t < warm:
        return peak * (t + 1) / warm
    t, steps = t - warm, 60 - warm
    if name == "constant":
        return peak
    if name == "cosine":
        return final + (peak - final) * (1 + math.cos(math.pi * min(t / steps, 1))) / 2
    if name == "wsd":
        t, steps = t - (steps - decay), decay
    return peak + (final - peak) * min(max(t / steps, 0), 1)


@pytest.mark.parametrize("name", ["constant", "cosine", "linear", "wsd"])
@pytest.mark.parametrize("warm", [0, 1, 7])
def test_schedules_are_their_closed_forms(name, warm):
    rate = learning_rate(Schedule(name=name, peak=3e-2, final=1e-3, warmup_steps=warm, decay_steps=20), 60)
    for t in range(61):
        expected = closed_form(name, t, warm)
        np.testing.assert_allclose(rate(t), expected, rtol=1e-5, atol=1e-9)


def test_a_final_rate_above_the_peak_is_refused():
    with pytest.raises(UserError, match=r"training\.schedule\.final \(0\.1\) is above its peak \(0\.01\)"):
        learning_rate(Schedule(peak=0.01, final=0.1), 10)


def test_published_steps_are_those_of_the_study():
    first = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    hundreds = [200, 300, 400, 500, 600, 700, 800, 900, 1000]
    assert science_steps("published", 3840) == [*first, *hundreds, 2000, 3000, 3840]
    assert science_steps("published", 35) == [*first[:13], 35]
    assert science_steps("published", 2000) == [*first, *hundreds, 2000]


def test_log_steps_are_one_two_five_times_powers_of_ten():
    assert science_steps("log", 130) == [0, 1, 2, 5, 10, 20, 50, 100, 130]
    assert science_steps("log", 5) == [0, 1, 2, 5]


def test_steps_by_interval_and_by_list_hold_both_ends():
    assert science_steps(Every(every=4), 10) == [0, 4, 8, 10]
    assert science_steps(Every(every=50), 10) == [0, 10]
    assert science_steps(Steps(steps=[7, 3, 3]), 10) == [0, 3, 7, 10]


def test_listed_steps_beyond_the_end_are_refused_by_number():
    with pytest.raises(UserError, match=r"checkpoints\.science: steps \[11, 40\] lie beyond the last step, 10"):
        science_steps(Steps(steps=[3, 11, 40]), 10)


@given(st.sampled_from(["published", "log", Every(every=3)]), st.integers(1, 20_000))
def test_science_steps_rise_from_the_first_to_the_last(policy, last):
    steps = science_steps(policy, last)
    assert steps[0] == 0
    assert steps[-1] == last
    assert steps == sorted(set(steps))


def test_parameters_stored_in_bfloat16_have_moments_and_arithmetic_in_float32():
    settings, schedule = Optimizer(), Schedule(name="constant", peak=1e-2, final=1e-2)
    rule = optimizer(settings, schedule, 3)
    stored = jax.tree.map(lambda leaf: leaf.astype("bfloat16"), PARAMS)
    gradient = jax.tree.map(lambda leaf: leaf.astype("bfloat16"), next(gradients(1)))
    state = rule.init(stored)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(state)} == {"float32", "int32"}
    updates, state = rule.update(gradient, state, stored)
    wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), (stored, gradient))
    expected, _ = rule.update(wide[1], rule.init(wide[0]), wide[0])
    assert {leaf.dtype.name for leaf in jax.tree.leaves(updates)} == {"float32"}
    jax.tree.map(np.testing.assert_array_equal, updates, expected)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(optax.apply_updates(stored, updates))} == {"bfloat16"}


def test_norms_and_biases_do_not_decay():
    params = {"attention": {"q": 0, "q_bias": 0, "q_norm": {"scale": 0}}, "norm": {"scale": 0}}
    assert decayed(params) == {
        "attention": {"q": True, "q_bias": False, "q_norm": {"scale": False}},
        "norm": {"scale": False},
    }
