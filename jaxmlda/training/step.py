"""One training step as a pure function. In: the state and a batch of rows; out: the next state and its metrics."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxmlda.model import Decoder

Batch = dict[str, jax.Array]


class State(NamedTuple):
    """All that training carries from step to step."""

    params: Any
    optimizer: Any
    step: jax.Array


class Metrics(NamedTuple):
    """Of one step: weighted loss, gradient norm, and nll and tokens of each stream."""

    loss: jax.Array
    gradient_norm: jax.Array
    stream_nll: jax.Array
    stream_tokens: jax.Array


class LossSettings(NamedTuple):
    """Weight of each stream, weight of (log Z)², positions a chunk on all devices, parts of a batch, what NaN does."""

    weights: tuple[float, ...]
    z: float
    chunk: int
    accumulate: int
    on_nan: str


def targets_of(batch: Batch) -> tuple[jax.Array, jax.Array]:
    """The next token of every column, and whether it counts: same segment, loss mask on."""

    def ahead(x_BL: jax.Array) -> jax.Array:
        return jnp.pad(x_BL[:, 1:], ((0, 0), (0, 1)))

    segments = batch["segment_ids"]
    counts = (ahead(batch["loss_mask"]) > 0) & (ahead(segments) == segments) & (segments > 0)
    return ahead(batch["tokens"]), counts


def token_losses(
    decoder: Decoder, params: Any, x_BLD: jax.Array, targets_BL: jax.Array, chunk: int
) -> tuple[jax.Array, jax.Array]:
    """(-log p(target), log Z) of every position; the float32 logits of one chunk exist at a time.

    A chunk is some columns of all rows, so that every device that holds rows has a part of it.
    """
    rows, length, width = x_BLD.shape
    columns = max(1, min(length, chunk // rows))
    padding = -length % columns
    x_CBKD = jnp.pad(x_BLD, ((0, 0), (0, padding), (0, 0))).reshape(rows, -1, columns, width).swapaxes(0, 1)
    targets_CBK = jnp.pad(targets_BL, ((0, 0), (0, padding))).reshape(rows, -1, columns).swapaxes(0, 1)

    @jax.checkpoint
    def one(x_BKD: jax.Array, targets_BK: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits_NV = decoder.logits(params, x_BKD.reshape(-1, width))
        log_z = jax.nn.logsumexp(logits_NV, axis=-1)
        nll = log_z - jnp.take_along_axis(logits_NV, targets_BK.reshape(-1, 1), axis=-1)[:, 0]
        return nll.reshape(targets_BK.shape), log_z.reshape(targets_BK.shape)

    def whole(parts_CBK: jax.Array) -> jax.Array:
        return parts_CBK.swapaxes(0, 1).reshape(rows, -1)[:, :length]

    nll, log_z = jax.lax.map(lambda pair: one(*pair), (x_CBKD, targets_CBK))
    return whole(nll), whole(log_z)


def sums(decoder: Decoder, params: Any, batch: Batch, settings: LossSettings) -> tuple[jax.Array, tuple]:
    """Weighted sum of nll + z (log Z)² over the tokens that count; beside it nll and tokens by stream."""
    x_BLD = decoder.hidden(params, batch["tokens"], batch["positions"], batch["segment_ids"])
    targets, counts = targets_of(batch)
    nll, log_z = token_losses(decoder, params, x_BLD, targets, settings.chunk)
    mask_BL = counts.astype(jnp.float32)
    nll_B = (nll * mask_BL).sum(axis=1)
    z_B = (jnp.square(log_z) * mask_BL).sum(axis=1)
    weights = jnp.array(settings.weights, jnp.float32)
    stream_nll = jax.ops.segment_sum(nll_B, batch["stream"], len(settings.weights))
    stream_tokens = jax.ops.segment_sum(mask_BL.sum(axis=1), batch["stream"], len(settings.weights))
    return jnp.sum((nll_B + settings.z * z_B) * weights[batch["stream"]]), (stream_nll, stream_tokens)


def make_gradient(decoder: Decoder, settings: LossSettings) -> Callable[[Any, Batch, jax.Array], tuple[tuple, Any]]:
    """(loss, nll and tokens by stream), gradient: of the weighted sum times `share`, over `accumulate` parts."""

    def part(params: Any, batch: Batch, share: jax.Array) -> tuple[jax.Array, tuple]:
        total, streams = sums(decoder, params, batch, settings)
        return total * share, streams

    gradient = jax.value_and_grad(part, has_aux=True)
    if settings.accumulate == 1:
        return gradient

    def gathered(params: Any, batch: Batch, share: jax.Array) -> tuple[tuple, Any]:
        parts = jax.tree.map(lambda x: x.reshape(settings.accumulate, -1, *x.shape[1:]), batch)
        one = jax.tree.map(lambda x: x[0], parts)
        # Parts are added in float32: in bfloat16 the small ones would be lost beside the sum.
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, jnp.float32), jax.eval_shape(gradient, params, one, share))

        def add(total: Any, piece: Batch) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, gradient(params, piece, share)), None

        return jax.lax.scan(add, zeros, parts)[0]

    return gathered


def make_step(
    decoder: Decoder, rule: optax.GradientTransformation, settings: LossSettings
) -> Callable[[State, Batch], tuple[State, Metrics]]:
    """The step: gradient of the mean loss over the tokens of the batch that count, then the optimizer's rule."""
    gradient_of = make_gradient(decoder, settings)

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        _, counts = targets_of(batch)
        share = 1.0 / jnp.maximum(counts.sum(), 1).astype(jnp.float32)
        (loss, (nll, tokens)), gradient = gradient_of(state.params, batch, share)
        norm = optax.tree.norm(jax.tree.map(lambda leaf: leaf.astype(jnp.float32), gradient))
        updates, moments = rule.update(gradient, state.optimizer, state.params)
        new = (optax.apply_updates(state.params, updates), moments)
        if settings.on_nan == "skip":
            good = jnp.isfinite(loss) & jnp.isfinite(norm)
            old = (state.params, state.optimizer)
            new = jax.tree.map(lambda after, before: jnp.where(good, after, before), new, old)
        return State(*new, state.step + 1), Metrics(loss, norm, nll, tokens)

    return step
