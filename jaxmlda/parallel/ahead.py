"""Compiling before running. In: a function, abstract arguments and a mesh; out: the executable and its memory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec


class Compiled(NamedTuple):
    """An executable for its devices, and the bytes that it needs on each of them."""

    run: Callable[..., Any]
    argument_bytes: int
    output_bytes: int
    temporary_bytes: int
    peak_bytes: int


def compile_for(
    function: Callable[..., Any],
    arguments: tuple,
    topology: Mesh,
    *,
    donate: tuple[int, ...] = (),
    out_shardings: Any = None,
) -> Compiled:
    """Compiles for a mesh, which need not be of this machine; leaves without a sharding are replicated."""

    def placed(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        sharding = leaf.sharding or NamedSharding(topology, PartitionSpec())
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    options = {} if out_shardings is None else {"out_shardings": out_shardings}
    jitted = jax.jit(function, donate_argnums=donate, **options)
    run = jitted.lower(*jax.tree.map(placed, arguments)).compile()
    memory = run.memory_analysis()
    # Not every backend counts temporaries in its peak.
    held = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return Compiled(
        run,
        memory.argument_size_in_bytes,
        memory.output_size_in_bytes,
        memory.temp_size_in_bytes,
        max(memory.peak_memory_in_bytes, held + memory.temp_size_in_bytes),
    )
