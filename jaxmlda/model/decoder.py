"""The decoder as a handle on pure functions. In: a nested dict of parameters and rows of tokens; out: states, logits.

The model knows no mesh; layers are stacked on a leading axis and scanned, each rematerialised by a named policy.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxmlda.errors import UserError
from jaxmlda.model.attention import Function, Visibility, able
from jaxmlda.model.config import ModelConfig
from jaxmlda.model.layers import INITIAL_SPREAD, Layer, Norm, Place, Setting, logits_of
from jaxmlda.model.rope import rotary

Params = dict[str, Any]
REMAT = {
    "none": None,
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
    "qkv": jax.checkpoint_policies.save_only_these_names("heads"),
}
KEPT = ("hidden", "gate")


class _Network(nnx.Module):
    """Embedding table, stacked layers, final norm, and a head where it is not the table again."""

    def __init__(self, config: ModelConfig, rngs: nnx.Rngs) -> None:
        def table() -> nnx.Param:
            shape = (config.vocab_size, config.hidden_size)
            return nnx.Param(INITIAL_SPREAD * jax.random.normal(rngs.params(), shape, jnp.float32))

        @nnx.split_rngs(splits=config.layers)
        @nnx.vmap(in_axes=0)
        def stack(rngs: nnx.Rngs) -> Layer:
            return Layer(config, rngs)

        self.embedding = table()
        self.layers = stack(rngs)
        self.norm = Norm(config.hidden_size, config)
        if not config.tied_embeddings:
            self.head = table()


def _anywhere(x: jax.Array, name: str) -> jax.Array:
    return x


class Decoder:
    """A configuration with its functions `init`, `hidden`, `states` and `logits`; parameters are always handed in.

    `attention` is a kernel or its name; `place(x, name)` may say where the activations "hidden", "heads", "mlp" and
    "logits" live.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        compute: str = "float32",
        attention: str | Function = "plain",
        remat: str = "none",
        place: Place | None = None,
    ) -> None:
        if remat not in REMAT:
            raise UserError(f"training.remat: {remat!r} is no policy; known are {', '.join(sorted(REMAT))}")
        windows, soft_caps = config.window is not None, config.attention_soft_cap is not None
        self.attention = able(attention, windows=windows, soft_caps=soft_caps)
        self.config = config
        self.compute = jnp.dtype(compute)
        self.remat = REMAT[remat]
        self.place = place or _anywhere
        network = nnx.eval_shape(lambda: _Network(config, nnx.Rngs(0)))
        self._graph, self._shapes = nnx.split(network)

    def init(self, key: jax.Array) -> Params:
        """Fresh float32 parameters as a nested dict: matrices N(0, 0.02²), norms multiply by 1, biases 0."""
        return nnx.to_pure_dict(nnx.state(_Network(self.config, nnx.Rngs(params=key)), nnx.Param))

    def abstract(self, dtype: str = "float32") -> Params:
        """Shapes and dtypes of the parameters, nothing allocated."""
        shapes = nnx.to_pure_dict(self._shapes)
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.dtype(dtype)), shapes)

    def hidden(
        self,
        params: Params,
        tokens_BL: jax.Array,
        positions_BL: jax.Array,
        segments_BL: jax.Array,
        branches_BL: jax.Array | None = None,
    ) -> jax.Array:
        """States after the final norm [batch, length, width] in the compute dtype."""
        x_BLD, _ = self._run(params, tokens_BL, positions_BL, Visibility(segments_BL, branches_BL, positions_BL), ())
        return x_BLD

    def states(
        self,
        params: Params,
        tokens_BL: jax.Array,
        positions_BL: jax.Array,
        segments_BL: jax.Array,
        branches_BL: jax.Array | None = None,
        *,
        keep: tuple[str, ...] = ("hidden",),
    ) -> dict[str, jax.Array]:
        """What analyses look at, by name; `final`, the states after the final norm, is always there.

        hidden [layers + 1, batch, length, width]: the embedded tokens, every layer's output; before the final norm.
        gate [layers, batch, length, mlp]: act(gate x), how far every neuron of an MLP is open.
        """
        visible = Visibility(segments_BL, branches_BL, positions_BL)
        final, kept = self._run(params, tokens_BL, positions_BL, visible, keep)
        if "hidden" in keep:
            kept["hidden"] = jnp.concatenate([self._embedded(params, tokens_BL)[None], kept["hidden"]])
        return kept | {"final": final}

    def _embedded(self, params: Params, tokens_BL: jax.Array) -> jax.Array:
        x_BLD = params["embedding"].astype(self.compute)[tokens_BL]
        if self.config.scaled_embeddings:
            x_BLD = x_BLD * jnp.asarray(self.config.hidden_size**0.5, self.compute)
        return self.place(x_BLD, "hidden")

    def _run(
        self, params: Params, tokens_BL: jax.Array, positions_BL: jax.Array, visible: Visibility, keep: tuple[str, ...]
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        unknown = sorted(set(keep) - set(KEPT))
        if unknown:
            raise ValueError(f"keep: {', '.join(unknown)}; known are {', '.join(KEPT)}")
        network = nnx.merge(self._graph, params)
        given = Setting(*self._turns(positions_BL), visible, self._kernel(visible), self.place)
        graph, stacked = nnx.split(network.layers)

        def body(x: jax.Array, layer: tuple[nnx.State, jax.Array]) -> tuple[jax.Array, dict[str, jax.Array]]:
            x, seen = nnx.merge(graph, layer[0])(x, layer[1], given)
            return x, {name: seen[name] for name in keep}

        if self.remat is not None:
            body = jax.checkpoint(body, policy=self.remat, prevent_cse=False)
        full_L = np.array([window is None for window in self.config.windows()])
        x_BLD, kept = jax.lax.scan(body, self._embedded(params, tokens_BL), (stacked, full_L))
        return network.norm(x_BLD), kept

    def _kernel(self, visible: Visibility) -> Function:
        return able(self.attention, branches=True) if visible.branches_BL is not None else self.attention

    def _turns(self, positions_BL: jax.Array) -> tuple[Any, Any]:
        """Cosines and sines of the layers that see everything (or of all), and of those with a window."""
        config = self.config
        if config.rope_scaling is not None:
            config.rope_scaling.check(positions_BL.shape[1], config.max_positions)
        turn = rotary(positions_BL, config.head_size, config.rope_theta, config.rope_scaling)
        if config.local_rope_theta is None:
            return turn, None
        return turn, rotary(positions_BL, config.head_size, config.local_rope_theta)

    def unembedding(self, params: Params) -> jax.Array:
        """The head's table [vocabulary, width]."""
        return params["embedding"] if self.config.tied_embeddings else params["head"]

    def logits(self, params: Params, x: jax.Array) -> jax.Array:
        """States [..., width] to float32 logits [..., vocabulary]."""
        table = self.unembedding(params).astype(x.dtype)
        logits = logits_of(x, table)
        if self.config.logit_soft_cap is not None:
            logits = self.config.logit_soft_cap * jnp.tanh(logits / self.config.logit_soft_cap)
        return self.place(logits, "logits")
