"""Kernel `plain`: XLA alone, every device, everything that a model may ask for; it holds all scores of a row."""

import jax
import jax.numpy as jnp

from jaxmlda.model.attention import AttentionSettings, Visibility, kernel


@kernel("plain", branches=True, windows=True, soft_caps=True)
def plain(
    q_BLHD: jax.Array, k_BLGD: jax.Array, v_BLGD: jax.Array, visible: Visibility, settings: AttentionSettings
) -> jax.Array:
    """softmax(q kᵀ scale) v with a float32 softmax (Vaswani et al. 2017), query heads in groups over key heads."""
    batch, length, heads, size = q_BLHD.shape
    groups = k_BLGD.shape[2]
    # Heads before positions, so that both products are plain batched matrix products: twice as fast on a CPU.
    q = q_BLHD.swapaxes(1, 2).reshape(batch, groups, -1, size)
    k, v = k_BLGD.swapaxes(1, 2), v_BLGD.swapaxes(1, 2)
    scores = jnp.matmul(q, k.swapaxes(2, 3), preferred_element_type=jnp.float32) * settings.scale
    scores = scores.reshape(batch, heads, length, length)
    if settings.soft_cap is not None:
        scores = settings.soft_cap * jnp.tanh(scores / settings.soft_cap)
    scores = jnp.where(visible.mask_BLL(settings.window)[:, None], scores, jnp.finfo(jnp.float32).min)
    weights = jax.nn.softmax(scores, axis=-1).astype(v.dtype).reshape(batch, groups, -1, length)
    return jnp.matmul(weights, v).reshape(batch, heads, length, size).swapaxes(1, 2)
