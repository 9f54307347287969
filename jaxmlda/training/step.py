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


def targets_of(batch: Batch) -> tuple[jax.Array, jax.Array]:
    """The next token of every column, and whether it counts: same segment, loss mask on."""

    def ahead(x_BL: jax.Array) -> jax.Array:
        return jnp.pad(x_BL[:, 1:], ((0, 0), (0, 1)))

    segments = batch["segment_ids"]
    counts = (ahead(batch["loss_mask"]) > 0) & (ahead(segments) == segments) & (segments > 0)
    return ahead(batch["tokens"]), counts


def token_losses(
    decoder: Decoder, params: Any, x_ND: jax.Array, targets_N: jax.Array, chunk: int
) -> tuple[jax.Array, jax.Array]:
    """(-log p(target), log Z) of every position; the float32 logits of one chunk exist at a time."""
    count = x_ND.shape[0]
    chunk = min(chunk, count)
    padding = -count % chunk
    x_CKD = jnp.pad(x_ND, ((0, padding), (0, 0))).reshape(-1, chunk, x_ND.shape[1])
    targets_CK = jnp.pad(targets_N, (0, padding)).reshape(-1, chunk)

    @jax.checkpoint
    def one(x_KD: jax.Array, targets_K: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits_KV = decoder.logits(params, x_KD)
        log_z = jax.nn.logsumexp(logits_KV, axis=-1)
        return log_z - jnp.take_along_axis(logits_KV, targets_K[:, None], axis=-1)[:, 0], log_z

    nll, log_z = jax.lax.map(lambda pair: one(*pair), (x_CKD, targets_CK))
    return nll.reshape(-1)[:count], log_z.reshape(-1)[:count]


def sums(
    decoder: Decoder, params: Any, batch: Batch, weights: jax.Array, z: float, chunk: int
) -> tuple[jax.Array, tuple]:
    """Weighted sum of nll + z (log Z)² over the tokens that count; beside it nll and tokens by stream."""
    x_BLD = decoder.hidden(params, batch["tokens"], batch["positions"], batch["segment_ids"])
    targets, counts = targets_of(batch)
    nll, log_z = token_losses(decoder, params, x_BLD.reshape(-1, x_BLD.shape[-1]), targets.reshape(-1), chunk)
    mask_BL = counts.astype(jnp.float32)
    nll_BL = nll.reshape(mask_BL.shape) * mask_BL
    z_BL = jnp.square(log_z).reshape(mask_BL.shape) * mask_BL
    rows = nll_BL.sum(axis=1) + z * z_BL.sum(axis=1)
    streams = weights.shape[0]
    stream_nll = jax.ops.segment_sum(nll_BL.sum(axis=1), batch["stream"], streams)
    stream_tokens = jax.ops.segment_sum(mask_BL.sum(axis=1), batch["stream"], streams)
    return jnp.sum(rows * weights[batch["stream"]]), (stream_nll, stream_tokens)


def make_step(
    decoder: Decoder,
    rule: optax.GradientTransformation,
    weights: tuple[float, ...],
    z: float,
    chunk: int,
    accumulate: int,
    on_nan: str,
) -> Callable[[State, Batch], tuple[State, Metrics]]:
    """The step function: gradient of the mean loss over the batch, gathered over `accumulate` parts."""
    stream_weights = jnp.array(weights, jnp.float32)

    def part(params: Any, batch: Batch, share: jax.Array) -> tuple[jax.Array, tuple]:
        total, streams = sums(decoder, params, batch, stream_weights, z, chunk)
        return total * share, streams

    def gathered(params: Any, batch: Batch, share: jax.Array) -> tuple[tuple, Any]:
        gradient = jax.value_and_grad(part, has_aux=True)
        if accumulate == 1:
            return gradient(params, batch, share)
        parts = jax.tree.map(lambda x: x.reshape(accumulate, -1, *x.shape[1:]), batch)
        first = jax.tree.map(
            lambda x: jnp.zeros(x.shape, x.dtype),
            jax.eval_shape(gradient, params, jax.tree.map(lambda x: x[0], parts), share),
        )

        def add(total: Any, piece: Batch) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, gradient(params, piece, share)), None

        return jax.lax.scan(add, first, parts)[0]

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        _, counts = targets_of(batch)
        share = 1.0 / jnp.maximum(counts.sum(), 1).astype(jnp.float32)
        (loss, (nll, tokens)), gradient = gathered(state.params, batch, share)
        norm = optax.global_norm(gradient)
        updates, optimizer = rule.update(gradient, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        if on_nan == "skip":
            good = jnp.isfinite(loss) & jnp.isfinite(norm)
            params, optimizer = jax.tree.map(
                lambda new, old: jnp.where(good, new, old),
                (params, optimizer),
                (state.params, state.optimizer),
            )
        return State(params, optimizer, state.step + 1), Metrics(loss, norm, nll, tokens)

    return step
