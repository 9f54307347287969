"""Kernel `splash`: blockwise attention on TPUs, no scores of a whole row; on a CPU it is interpreted, for tests.

Rows are padded to whole blocks; the padding comes last, so that no token sees it.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaxmlda.model.attention import AttentionSettings, Visibility, kernel

LANES = 128
BLOCKS = (512, 256, LANES)


@kernel("splash", branches=False, windows=True, soft_caps=True, platforms=("cpu", "tpu"))
def splash(
    q_BLHD: jax.Array, k_BLGD: jax.Array, v_BLGD: jax.Array, visible: Visibility, settings: AttentionSettings
) -> jax.Array:
    """As `plain`; the segment and the window decide who is seen (jax.experimental.pallas, splash attention)."""
    length = q_BLHD.shape[1]
    padding = -length % LANES
    segments_BL = jnp.pad(visible.segments_BL, ((0, 0), (0, padding)))

    def heads_first(x: jax.Array) -> jax.Array:
        return jnp.pad(x, ((0, 0), (0, padding), (0, 0), (0, 0))).swapaxes(1, 2)

    scaled_BLHD = (q_BLHD.astype(jnp.float32) * settings.scale).astype(q_BLHD.dtype)
    rows = heads_first(scaled_BLHD), heads_first(k_BLGD), heads_first(v_BLGD)
    # What it compiles for decides, not what compiles: a plan for TPUs is made on any machine.
    mixed = jax.lax.platform_dependent(
        rows, segments_BL, tpu=partial(_rows, settings, False), cpu=partial(_rows, settings, True)
    )
    return mixed.swapaxes(1, 2)[:, :length].astype(q_BLHD.dtype)


def _rows(
    settings: AttentionSettings, interpret: bool, rows: tuple[jax.Array, jax.Array, jax.Array], segments_BL: jax.Array
) -> jax.Array:
    # The kernels of TPUs take long to import, and most runs need none.
    from jax.experimental.pallas.ops.tpu import splash_attention as library

    heads, length = rows[0].shape[1:3]
    block = next(size for size in BLOCKS if length % size == 0)
    sizes = library.BlockSizes(
        block_q=block,
        block_kv=block,
        block_q_dkv=block,
        block_kv_dkv=block,
        block_kv_dkv_compute=block,
        use_fused_bwd_kernel=True,
    )
    reach = None if settings.window is None else settings.window - 1
    mask = library.CausalMask((length, length))
    if reach is not None:
        mask = library.LocalMask((length, length), (reach, 0), offset=0)
    attend = library.make_splash_mha_single_device(
        library.MultiHeadMask([mask] * heads),
        block_sizes=sizes,
        attn_logits_soft_cap=settings.soft_cap,
        interpret=interpret,
    )
    return jax.vmap(lambda qkv, segment: attend(*qkv, library.SegmentIds(segment, segment)))(rows, segments_BL)
