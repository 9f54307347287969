"""Kernel `cudnn`: the fused attention of cuDNN on GPUs of NVIDIA; it takes bfloat16 alone, and caps no scores."""

import jax
import jax.numpy as jnp

from jaxmlda.errors import UserError
from jaxmlda.model.attention import AttentionSettings, Visibility, kernel


@kernel("cudnn", branches=True, windows=True, soft_caps=False, platforms=("gpu",))
def cudnn(
    q_BLHD: jax.Array, k_BLGD: jax.Array, v_BLGD: jax.Array, visible: Visibility, settings: AttentionSettings
) -> jax.Array:
    """As `plain`, fused; segments, branches and window are one mask, the same for all heads."""
    if q_BLHD.dtype not in (jnp.bfloat16, jnp.float16):
        raise UserError(
            f"training.attention: cudnn computes in bfloat16, training.precision.compute is {q_BLHD.dtype}; "
            "set that to bfloat16, or training.attention to plain"
        )
    mask = visible.mask_BLL(settings.window)[:, None]
    return jax.nn.dot_product_attention(q_BLHD, k_BLGD, v_BLGD, mask=mask, scale=settings.scale, implementation="cudnn")
