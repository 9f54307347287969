"""Attention kernels by name. In: queries, keys, values and who may see whom; out: the mixed values.

A kernel is `(q_BLHD, k_BLGD, v_BLGD, Visibility) -> BLHD` and registers itself in `KERNELS`.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Visibility(NamedTuple):
    """A query sees a key of its own segment, not after it, on the trunk (branch 0) or on its own branch."""

    segments_BL: jax.Array
    branches_BL: jax.Array | None = None

    def mask_BLL(self) -> jax.Array:
        """The rule as booleans [batch, query, key]."""
        length = self.segments_BL.shape[1]
        causal = jnp.tril(jnp.ones((length, length), bool))
        mask = (self.segments_BL[:, :, None] == self.segments_BL[:, None, :]) & causal
        if self.branches_BL is not None:
            query, key = self.branches_BL[:, :, None], self.branches_BL[:, None, :]
            mask &= (key == 0) | (key == query)
        return mask


Kernel = Callable[[jax.Array, jax.Array, jax.Array, Visibility], jax.Array]
KERNELS: dict[str, Kernel] = {}


def kernel(name: str) -> Callable[[Kernel], Kernel]:
    """Registers an attention kernel under a name that `training.attention` can ask for."""

    def register(function: Kernel) -> Kernel:
        KERNELS[name] = function
        return function

    return register


@kernel("plain")
def plain(q_BLHD: jax.Array, k_BLGD: jax.Array, v_BLGD: jax.Array, visible: Visibility) -> jax.Array:
    """softmax(q kᵀ / sqrt(d)) v with a float32 softmax (Vaswani et al. 2017), query heads in groups over key heads."""
    batch, length, heads, size = q_BLHD.shape
    groups = k_BLGD.shape[2]
    # Heads before positions, so that both products are plain batched matrix products: twice as fast on a CPU.
    q = q_BLHD.swapaxes(1, 2).reshape(batch, groups, -1, size)
    k, v = k_BLGD.swapaxes(1, 2), v_BLGD.swapaxes(1, 2)
    scores = jnp.matmul(q, k.swapaxes(2, 3), preferred_element_type=jnp.float32) * size**-0.5
    scores = scores.reshape(batch, heads, length, length)
    scores = jnp.where(visible.mask_BLL()[:, None], scores, jnp.finfo(jnp.float32).min)
    weights = jax.nn.softmax(scores, axis=-1).astype(v.dtype).reshape(batch, groups, -1, length)
    return jnp.matmul(weights, v).reshape(batch, heads, length, size).swapaxes(1, 2)
