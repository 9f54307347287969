"""Rotary positions: the rates of every kind of scaling worked out pair by pair, and the texts that they can serve."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_case import config, logits, sharp, small_decoder
from pydantic import TypeAdapter, ValidationError

from jaxmlda.errors import UserError
from jaxmlda.model import Decoder
from jaxmlda.model.rope import RopeScaling, rotary

SIZE, THETA = 64, 10_000.0


def scaling(**numbers):
    return TypeAdapter(RopeScaling).validate_python(numbers)


def found(made, size=SIZE, theta=THETA):
    """The rates, read off the angles of position 1, and how long the turned vectors are."""
    cos, sin = rotary(jnp.ones((1, 1), jnp.int32), size, theta, made)
    return np.arctan2(sin, cos).ravel(), np.hypot(sin, cos).ravel()


def test_without_scaling_the_rates_fall_from_one_to_almost_the_inverse_of_the_base():
    rates, lengths = found(None)
    np.testing.assert_allclose(rates, [THETA ** (-2 * pair / SIZE) for pair in range(SIZE // 2)], rtol=1e-5)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)


def test_linear_scaling_divides_every_rate():
    np.testing.assert_allclose(found(scaling(kind="linear", factor=4.0))[0], found(None)[0] / 4, rtol=1e-5)


@given(st.floats(1, 64), st.integers(64, 10_000))
def test_llama3_keeps_short_waves_divides_long_ones_and_is_between_elsewhere(factor, original):
    made = scaling(kind="llama3", factor=factor, original_positions=original)
    for rate, plain in zip(found(made)[0], found(None)[0], strict=True):
        length = 2 * math.pi / plain
        if length < original / 4:
            assert rate == pytest.approx(plain, rel=1e-4)
        elif length > original:
            assert rate == pytest.approx(plain / factor, rel=1e-4)
        else:
            smooth = (original / length - 1) / 3
            assert rate == pytest.approx((1 - smooth) * plain / factor + smooth * plain, rel=1e-3)


def test_yarn_is_a_ramp_over_the_pairs():
    rates, lengths = found(scaling(kind="yarn", factor=4.0, original_positions=2048))
    # Pairs that turn 32 times and once within 2048 positions, rounded outwards.
    turned_32, turned_1 = (SIZE * math.log(2048 / (n * 2 * math.pi)) / (2 * math.log(THETA)) for n in (32, 1))
    low, high = math.floor(turned_32), math.ceil(turned_1)
    assert (low, high) == (8, 21)
    for pair, (rate, plain) in enumerate(zip(rates, found(None)[0], strict=True)):
        ramp = min(max((pair - low) / (high - low), 0), 1)
        assert rate == pytest.approx((1 - ramp) * plain + ramp * plain / 4, rel=1e-4)
    np.testing.assert_allclose(lengths, 0.1 * math.log(4) + 1, rtol=1e-6)
    told = scaling(kind="yarn", factor=4.0, original_positions=2048, attention_factor=0.7)
    np.testing.assert_allclose(found(told)[1], 0.7, rtol=1e-6)


def test_dynamic_scaling_is_none_up_to_the_models_own_length_and_refused_beyond():
    made = {"kind": "dynamic", "factor": 4.0}
    row = np.arange(13), np.arange(13), np.ones(13, int)
    dynamic, plain = small_decoder(rope_scaling=made), small_decoder()
    np.testing.assert_array_equal(logits(dynamic, sharp(plain), *row), logits(plain, sharp(plain), *row))
    short = Decoder(config(rope_scaling=made, max_positions=15))
    with pytest.raises(UserError, match=r"rows of 16 tokens .* max_positions 15.* \(dynamic\)"):
        logits(short, sharp(plain), *row)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"kind": "ntk", "factor": 2.0}, "linear.*dynamic.*llama3.*yarn"),
        ({"kind": "linear"}, "factor"),
        ({"kind": "linear", "factor": 0.5}, "greater than or equal to 1"),
        ({"kind": "linear", "factor": 2.0, "fast": 3.0}, "fast"),
        ({"kind": "llama3", "factor": 2.0}, "original_positions"),
        (
            {"kind": "llama3", "factor": 2.0, "original_positions": 64, "low_factor": 4.0},
            r"high_factor \(4.0\) must be above low_factor \(4.0\)",
        ),
    ],
)
def test_scalings_that_cannot_be_are_refused(numbers, said):
    with pytest.raises(ValidationError, match=said):
        config(rope_scaling=numbers)
