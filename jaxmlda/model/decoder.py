"""The decoder as a handle on pure functions. In: a nested dict of parameters and rows of tokens; out: states, logits.

The model knows no mesh; layers are stacked on a leading axis and scanned, each rematerialised by a named policy.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxmlda.errors import UserError
from jaxmlda.model.attention import KERNELS, Visibility
from jaxmlda.model.config import ModelConfig
from jaxmlda.model.layers import INITIAL_SPREAD, Layer, Norm, rotary

Params = dict[str, Any]
REMAT = {
    "none": None,
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}


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
        self.norm = Norm(config.hidden_size, config.norm_eps)
        if not config.tied_embeddings:
            self.head = table()


class Decoder:
    """A configuration with its functions `init`, `hidden` and `logits`; parameters are always handed in."""

    def __init__(
        self, config: ModelConfig, *, compute: str = "float32", attention: str = "plain", remat: str = "none"
    ) -> None:
        if attention not in KERNELS:
            raise UserError(f"training.attention: {attention!r} is no kernel; known are {', '.join(sorted(KERNELS))}")
        self.config = config
        self.compute = jnp.dtype(compute)
        self.attention = attention
        self.remat = REMAT[remat]
        network = nnx.eval_shape(lambda: _Network(config, nnx.Rngs(0)))
        self._graph, self._shapes = nnx.split(network)

    def init(self, key: jax.Array) -> Params:
        """Fresh float32 parameters as a nested dict: matrices N(0, 0.02²), norms 1."""
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
        network = nnx.merge(self._graph, params)
        x_BLD = network.embedding[...].astype(self.compute)[tokens_BL]
        turn = rotary(positions_BL, self.config.head_size, self.config.rope_theta)
        visible = Visibility(segments_BL, branches_BL)
        graph, stacked = nnx.split(network.layers)

        def body(x: jax.Array, layer: nnx.State) -> tuple[jax.Array, None]:
            return nnx.merge(graph, layer)(x, turn, visible, self.attention), None

        if self.remat is not None:
            body = jax.checkpoint(body, policy=self.remat, prevent_cse=False)
        x_BLD, _ = jax.lax.scan(body, x_BLD, stacked)
        return network.norm(x_BLD)

    def unembedding(self, params: Params) -> jax.Array:
        """The head's table [vocabulary, width]."""
        return params["embedding"] if self.config.tied_embeddings else params["head"]

    def logits(self, params: Params, x: jax.Array) -> jax.Array:
        """States [..., width] to float32 logits [..., vocabulary]."""
        table = self.unembedding(params).astype(x.dtype)
        return jnp.einsum("...d,vd->...v", x, table, preferred_element_type=jnp.float32)
