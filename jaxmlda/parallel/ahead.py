"""Compiling before running. In: a function, abstract arguments and a mesh; out: the executable and its memory."""

import re
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


class TooLarge(RuntimeError):
    """The compiler's word that a program does not fit; `needed_bytes` where it says how much it would take."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        amount = re.search(r"\(([\d.]+)([KMGT])\) exceeds", said) or re.search(r"Used ([\d.]+)([KMGT]) of", said)
        self.needed_bytes = int(float(amount[1]) * 1024 ** ("KMGT".index(amount[2]) + 1)) if amount else None


def compile_for(
    function: Callable[..., Any],
    arguments: tuple,
    topology: Mesh,
    *,
    donate: tuple[int, ...] = (),
    out_shardings: Any = None,
) -> Compiled:
    """Compiles for a mesh, which need not be of this machine; leaves without a sharding are replicated."""

    def sharding(leaf: jax.ShapeDtypeStruct) -> NamedSharding:
        return leaf.sharding or NamedSharding(topology, PartitionSpec())

    given = jax.tree.map(sharding, arguments)
    options = {} if out_shardings is None else {"out_shardings": out_shardings}
    jitted = jax.jit(function, in_shardings=given, donate_argnums=donate, **options)
    run = finished(jitted.lower(*arguments))
    return Compiled(run, *memory_of(run, topology))


def finished(lowered: jax.stages.Lowered) -> jax.stages.Compiled:
    """The executable; a program that does not fit into the devices raises `TooLarge`."""
    try:
        return lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise TooLarge(str(error)) from error


def memory_of(run: jax.stages.Compiled, topology: Mesh) -> tuple[int, int, int, int]:
    """Bytes of arguments, outputs, temporaries, and at the peak, on each device."""
    memory = run.memory_analysis()
    arguments, outputs = memory.argument_size_in_bytes, memory.output_size_in_bytes
    peak = memory.peak_memory_in_bytes
    if topology.devices.flat[0].platform != "tpu":
        # Only the compiler for TPUs counts everything in its peak.
        held = arguments + outputs - memory.alias_size_in_bytes
        peak = max(peak, held + memory.temp_size_in_bytes)
    return arguments, outputs, memory.temp_size_in_bytes, peak
