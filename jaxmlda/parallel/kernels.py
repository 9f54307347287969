"""Attention kernels on a mesh: each device works on its own rows and heads. In: a mesh, a name; out: a kernel."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from jaxmlda.errors import UserError
from jaxmlda.model.attention import EVERYWHERE, KERNELS, AttentionSettings, Kernel, Visibility
from jaxmlda.parallel.mesh import BATCH, ROWS, check_heads

HEADS = PartitionSpec(ROWS, None, "tensor", None)


def sharded_kernel(mesh: Mesh, name: str) -> Kernel | str:
    """The kernel of a name for the devices of a mesh; `plain` is cut by XLA, others by jax.shard_map."""
    if name not in KERNELS or name == "plain":
        return name
    kernel, platform = KERNELS[name], mesh.devices.flat[0].platform
    if platform not in kernel.platforms:
        fitting = sorted(other.name for other in KERNELS.values() if platform in other.platforms)
        raise UserError(
            f"training.attention: {name} runs on {' or '.join(kernel.platforms)}, and the mesh is of {platform} "
            f"devices; set it to {' or '.join(fitting)}"
        )
    # What is planned for here may be compiled on a machine of another kind.
    kernel = dataclasses.replace(kernel, platforms=EVERYWHERE)
    return kernel if mesh.size == 1 else dataclasses.replace(kernel, function=_cut(mesh, kernel))


def _cut(mesh: Mesh, kernel: Kernel):
    def attend(
        q_BLHD: jax.Array, k_BLGD: jax.Array, v_BLGD: jax.Array, visible: Visibility, settings: AttentionSettings
    ) -> jax.Array:
        k_BLGD, v_BLGD = (_enough(mesh, x, q_BLHD.shape[2]) for x in (k_BLGD, v_BLGD))
        inner = jax.shard_map(
            lambda *given: kernel(*given, settings),
            mesh=mesh,
            in_specs=(HEADS, HEADS, HEADS, jax.tree.map(lambda _: BATCH, visible)),
            out_specs=HEADS,
            check_vma=False,
        )
        return inner(q_BLHD, k_BLGD, v_BLGD, visible)

    return attend


def _enough(mesh: Mesh, x_BLGD: jax.Array, heads: int) -> jax.Array:
    """Keys or values with a head for every cut: with fewer than cuts, each stands on the devices that read it."""
    cuts, groups = mesh.shape["tensor"], x_BLGD.shape[2]
    check_heads(cuts, heads, groups)
    return jnp.repeat(x_BLGD, cuts // groups, axis=2) if groups % cuts else x_BLGD
