"""Attention kernels: all give what plain numpy loops give, and each says what it cannot do."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_case import FAMILIES, close, config, logits, sharp, small_decoder

from jaxmlda.errors import UserError
from jaxmlda.model import Decoder
from jaxmlda.model.attention import KERNELS, AttentionSettings, Visibility
from jaxmlda.model.kernels.cudnn import cudnn

LENGTH, HEADS, GROUPS, SIZE = 150, 4, 2, 16
SEGMENTS = np.stack([np.repeat([1, 2, 0], [70, 45, 35]), np.repeat([1, 2, 3], [90, 30, 30])]).astype(np.int32)
SETTINGS = [
    AttentionSettings(0.3, 33, 5.0),
    pytest.param(AttentionSettings(0.3), marks=pytest.mark.slow),
    pytest.param(AttentionSettings(0.2, 33, None), marks=pytest.mark.slow),
    pytest.param(AttentionSettings(0.2, None, 5.0), marks=pytest.mark.slow),
    pytest.param(AttentionSettings(0.2, 2, 5.0), marks=pytest.mark.slow),
    pytest.param(AttentionSettings(0.2, 1000, None), marks=pytest.mark.slow),
]


def heads(seed=0):
    """Queries, keys and values of two rows."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((2, LENGTH, number, SIZE)).astype(np.float32) for number in (HEADS, GROUPS, GROUPS)]


def slow(q, k, v, segments, settings):
    """One row in float64, a query head at a time."""
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    mixed = np.zeros_like(q)
    for i in range(LENGTH):
        seen = [j for j in range(i + 1) if segments[j] == segments[i] and i - j < (settings.window or LENGTH)]
        for head in range(HEADS):
            scores = k[seen, head // (HEADS // GROUPS)] @ q[i, head] * settings.scale
            if settings.soft_cap:
                scores = settings.soft_cap * np.tanh(scores / settings.soft_cap)
            weights = np.exp(scores - scores.max())
            mixed[i, head] = weights / weights.sum() @ v[seen, head // (HEADS // GROUPS)]
    return mixed


@pytest.mark.parametrize("settings", [AttentionSettings(0.3), AttentionSettings(0.2, 33, 5.0)])
def test_plain_is_attention_head_by_head(settings):
    rows = heads()
    found = KERNELS["plain"](*rows, Visibility(jnp.asarray(SEGMENTS)), settings)
    close(found, np.stack([slow(*(x[row] for x in rows), SEGMENTS[row], settings) for row in (0, 1)]))


@pytest.mark.parametrize("settings", SETTINGS)
def test_splash_has_the_values_and_the_gradients_of_plain(settings):
    visible = Visibility(jnp.asarray(SEGMENTS))

    def both(name):
        def loss(*rows):
            mixed = KERNELS[name](*rows, visible, settings)
            return jnp.sum(jnp.sin(mixed) * jnp.arange(SIZE)), mixed

        (_, mixed), gradient = jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(*heads())
        return mixed, gradient

    (found, slopes), (expected, wanted) = both("splash"), both("plain")
    close(found, np.asarray(expected), 1e-5)
    for mine, theirs in zip(slopes, wanted, strict=True):
        close(mine, np.asarray(theirs), 1e-4)


def test_a_model_whose_layers_alternate_has_the_logits_and_gradients_of_plain_with_splash():
    changes = FAMILIES["norms around, caps, windows"]
    params, rng = sharp(small_decoder(**changes)), np.random.default_rng(5)
    segments = SEGMENTS[1:, 60:]
    row = [rng.integers(0, 37, 90), *(np.concatenate([np.arange(30)] * 3), segments[0])]
    row = [np.asarray(x, np.int32)[None] for x in row]

    def gradient(decoder):
        def loss(p):
            found = decoder.logits(p, decoder.hidden(p, *row))
            return jnp.square(found).mean(), found

        return jax.jit(jax.value_and_grad(loss, has_aux=True))(params)

    (_, found), slopes = gradient(Decoder(config(**changes), attention="splash", remat="full"))
    (_, expected), wanted = gradient(small_decoder(**changes))
    close(found, np.asarray(expected), 1e-5)
    jax.tree.map(lambda mine, theirs: close(mine, np.asarray(theirs), 1e-4), slopes, wanted)


def test_splash_is_no_interpreted_program_where_it_is_compiled_for_a_tpu():
    rows = [jax.ShapeDtypeStruct(x.shape, jnp.bfloat16) for x in heads()]

    def attend(*rows):
        return KERNELS["splash"](*rows, Visibility(jnp.asarray(SEGMENTS)), AttentionSettings(0.25, 33, 5.0))

    def text(platform):
        return jax.jit(attend).trace(*rows).lower(lowering_platforms=(platform,)).as_text()

    assert "tpu_custom_call" in text("tpu")
    assert "tpu_custom_call" not in text("cpu")


def test_what_cudnn_is_given_means_what_plain_computes(monkeypatch):
    settings, library = AttentionSettings(0.2, 33), jax.nn.dot_product_attention
    asked = []

    def by_xla(*rows, implementation, **told):
        asked.append(implementation)
        return library(*rows, implementation="xla", **told)

    monkeypatch.setattr(jax.nn, "dot_product_attention", by_xla)
    rows = [jnp.asarray(x, jnp.bfloat16) for x in heads()]
    branches = np.tile(np.arange(LENGTH) // 20 % 3, (2, 1))
    positions = np.tile(np.arange(LENGTH) % 60, (2, 1))
    visible = Visibility(jnp.asarray(SEGMENTS), jnp.asarray(branches), jnp.asarray(positions))
    found = cudnn(*rows, visible, settings).astype(np.float32)
    assert asked == ["cudnn"]
    expected = KERNELS["plain"](*(x.astype(np.float32) for x in rows), visible, settings)
    close(found, np.asarray(expected), 0.02)


def test_a_kernel_of_other_devices_is_refused_with_those_that_fit():
    with pytest.raises(
        UserError, match=r"training\.attention: cudnn runs on gpu, .* are cpu; set it to plain or splash"
    ):
        Decoder(config(), attention="cudnn")
    with pytest.raises(UserError, match=r"training\.precision\.compute is float32; set that to bfloat16"):
        cudnn(*heads(), Visibility(jnp.asarray(SEGMENTS)), AttentionSettings(0.2))


@pytest.mark.parametrize(
    ("changes", "said"), [({"window": 4}, "knows no windows"), ({"attention_soft_cap": 2.0}, "knows no soft caps")]
)
def test_a_kernel_that_lacks_what_the_model_needs_is_refused_with_those_that_have_it(changes, said):
    poor = dataclasses.replace(KERNELS["plain"], name="poor", windows=False, soft_caps=False)
    with pytest.raises(UserError, match=rf"training\.attention: poor {said}.*set it to plain or splash"):
        Decoder(config(**changes), attention=poor)
    Decoder(config(), attention=poor)


def test_branches_are_refused_where_a_kernel_knows_none():
    decoder, row = Decoder(config(), attention="splash"), [np.ones((1, 4), np.int32)] * 4
    with pytest.raises(UserError, match=r"splash knows no branches.*set it to plain"):
        decoder.hidden(sharp(small_decoder()), *row)


def test_a_function_of_ones_own_takes_the_place_of_a_kernel():
    def zeros(q, k, v, visible, settings):
        return jnp.zeros_like(q)

    decoder, params = Decoder(config(), attention=zeros), sharp(small_decoder())
    row = np.arange(9), np.arange(9), np.ones(9, int)
    # Without attention a token's logits are the same wherever it stands.
    again = logits(decoder, params, np.arange(9)[::-1], *row[1:])
    np.testing.assert_allclose(logits(decoder, params, *row), again[::-1], rtol=1e-5)
