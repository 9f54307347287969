"""The loss and its gradient: against numpy, by hand, and equal however the work is cut."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import training_case as case
from model_case import slow_logits

from jaxmlda.model.layers import logits_of
from jaxmlda.training.step import LossSettings, State, make_gradient, make_step, sums, targets_of, token_losses

RULE = optax.adam(1e-2)
PLAIN = LossSettings((1.0, 0.5), 0.0, 1024, 1, "stop")


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return case.write_rows(tmp_path_factory.mktemp("rows")).batch(0, 4)


def by_hand(batch, z=0.0, weights=(1.0, 0.5)):
    """(weighted loss, nll by stream, tokens by stream) from slow logits, one token at a time."""
    total, nll, tokens = 0.0, np.zeros(2), np.zeros(2)
    for row in range(len(batch["tokens"])):
        ids, segments, stream = batch["tokens"][row], batch["segment_ids"][row], batch["stream"][row]
        logits = slow_logits(case.decoder().config, case.params(), ids, batch["positions"][row], segments)
        for column in range(len(ids) - 1):
            if segments[column] == 0 or segments[column] != segments[column + 1]:
                continue
            log_z = np.log(np.exp(logits[column]).sum())
            nll[stream] += log_z - logits[column, ids[column + 1]]
            total += weights[stream] * (log_z - logits[column, ids[column + 1]] + z * log_z**2)
            tokens[stream] += 1
    return total / tokens.sum(), nll, tokens


@functools.cache
def compiled(remat, settings):
    return jax.jit(make_gradient(case.decoder(remat), settings))


def gradient(batch, remat="none", **changes):
    """((loss, (nll, tokens)), gradient) of the mean over the tokens of the batch that count."""
    return compiled(remat, PLAIN._replace(**changes))(case.params(), batch, 1 / targets_of(batch)[1].sum())


def test_targets_are_the_next_tokens_of_the_same_document():
    batch = {
        "tokens": jnp.array([[5, 6, 7, 8, 9, 3], [5, 6, 7, 8, 9, 3]]),
        "segment_ids": jnp.array([[1, 1, 1, 2, 2, 2], [1, 1, 2, 2, 0, 0]]),
        "loss_mask": jnp.array([[1, 1, 1, 1, 0, 1], [1, 1, 1, 1, 0, 0]]),
    }
    targets, counts = targets_of(batch)
    np.testing.assert_array_equal(targets[0], [6, 7, 8, 9, 3, 0])
    # Column 2 ends its document, the target of column 3 is masked, column 5 ends its row.
    np.testing.assert_array_equal(counts[0], [True, True, False, False, True, False])
    np.testing.assert_array_equal(counts[1], [True, False, True, False, False, False])


@pytest.mark.parametrize("chunk", [1, 3, 10, 11, 1024])
def test_token_losses_are_those_of_numpy_whatever_the_chunk(chunk):
    rng = np.random.default_rng(0)
    x, targets = 3 * rng.standard_normal((2, 5, 16)).astype(np.float32), rng.integers(0, 64, (2, 5))
    logits = (x @ case.params()["head"].T).astype(np.float64)
    log_z = np.log(np.exp(logits).sum(axis=2))
    nll, z = token_losses(case.decoder(), case.params(), x, targets, chunk)
    np.testing.assert_allclose(z, log_z, rtol=1e-6)
    np.testing.assert_allclose(nll, log_z - np.take_along_axis(logits, targets[..., None], axis=2)[..., 0], rtol=1e-5)


@pytest.mark.parametrize("z", [0.0, 0.01])
def test_the_loss_is_the_weighted_mean_worked_out_token_by_token(batch, z):
    loss, nll, tokens = by_hand(batch, z)
    (found, (stream_nll, stream_tokens)), _ = gradient(batch, z=z)
    np.testing.assert_allclose(found, loss, rtol=1e-6)
    np.testing.assert_allclose(stream_nll, nll, rtol=1e-6)
    np.testing.assert_array_equal(stream_tokens, tokens)
    assert tokens.min() > 0


def test_a_stream_of_weight_zero_is_measured_but_moves_nothing(batch):
    first = batch["stream"] == 0
    without = {name: np.where(first.reshape(-1, *[1] * (x.ndim - 1)), x, 0) for name, x in batch.items()}
    (_, (nll, tokens)), both = gradient(batch, weights=(1.0, 0.0))
    _, alone = gradient(without)
    scale = tokens[0] / tokens.sum()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, scale * b, atol=1e-5 * np.abs(b).max()), both, alone)
    assert nll[1] > 0


@pytest.mark.parametrize(
    "changes", [{"chunk": 5}, {"accumulate": 2}, {"accumulate": 4}, {"remat": "full"}, {"remat": "dots"}]
)
def test_cutting_the_work_otherwise_changes_neither_loss_nor_gradient(batch, changes):
    found, expected = gradient(batch, **changes), gradient(batch)
    np.testing.assert_allclose(found[0][0], expected[0][0], rtol=2e-6)
    np.testing.assert_allclose(found[0][1][0], expected[0][1][0], rtol=2e-6)
    np.testing.assert_array_equal(found[0][1][1], expected[0][1][1])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max()), found[1], expected[1])


def test_the_gradient_is_the_slope_of_the_loss(batch):
    share = 1.0 / float(targets_of(batch)[1].sum())
    _, slopes = gradient(batch)
    rng = np.random.default_rng(1)
    way = jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape).astype(np.float32), case.params())

    @jax.jit
    def loss(size):
        moved = jax.tree.map(lambda leaf, step: leaf + size * step, case.params(), way)
        return sums(case.decoder(), moved, batch, PLAIN)[0] * share

    slope = sum(float(np.vdot(a, b)) for a, b in zip(jax.tree.leaves(slopes), jax.tree.leaves(way), strict=True))
    assert float(loss(3e-3) - loss(-3e-3)) / 6e-3 == pytest.approx(slope, rel=5e-3)


@functools.cache
def skipping():
    return jax.jit(make_step(case.decoder(), RULE, PLAIN._replace(on_nan="skip")))


def test_a_batch_of_padding_alone_has_no_loss_and_no_gradient(batch):
    empty = {name: np.zeros_like(x) for name, x in batch.items()}
    state, metrics = skipping()(State(case.params(), RULE.init(case.params()), jnp.int32(0)), empty)
    assert float(metrics.loss) == float(metrics.gradient_norm) == 0.0
    jax.tree.map(np.testing.assert_array_equal, state.params, case.params())


def test_a_step_that_is_no_number_is_skipped_and_leaves_everything_but_its_count(batch):
    poisoned = case.params() | {"embedding": case.params()["embedding"].copy()}
    poisoned["embedding"][int(batch["tokens"][0, 0])] = np.nan
    for weights, moves in ((poisoned, False), (case.params(), True)):
        state, metrics = skipping()(State(weights, RULE.init(weights), jnp.int32(4)), batch)
        assert np.isnan(metrics.loss) != moves
        assert int(state.step) == 5
        assert int(optax.tree_utils.tree_get(state.optimizer, "count")) == int(moves)
        assert np.array_equal(state.params["head"], weights["head"]) != moves
        assert np.array_equal(state.params["embedding"], weights["embedding"], equal_nan=True) != moves


def test_the_gradient_of_logits_is_that_of_the_product_in_the_format_of_the_states():
    rng = np.random.default_rng(0)
    x, table, back = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in ((5, 8), (11, 8), (5, 11)))

    def total(product):
        return jax.grad(lambda x, table: jnp.sum(back * product(x, table)), argnums=(0, 1))

    for found, expected in zip(total(logits_of)(x, table), total(lambda x, t: x @ t.T)(x, table), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    half = total(logits_of)(x.astype("bfloat16"), table.astype("bfloat16"))
    assert [leaf.dtype.name for leaf in half] == ["bfloat16"] * 2
