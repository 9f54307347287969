"""What to turn where a run does not fit. In: the run, its figures, the topology; out: lines of advice."""

import math
from collections.abc import Iterator
from typing import Any

import jax

from jaxmlda.parallel import floors
from jaxmlda.parallel.floors import GIB, MOMENTS, WIDTH, Sizes
from jaxmlda.parallel.topology import Topology
from jaxmlda.verbs.plan_checks import faster_kernel, fault_of
from jaxmlda.verbs.planning import Job, changed

# A lean step leaves about so much of a chip to parameters, optimizer and gradient.
FOR_STATE = 0.7


def advice(job: Job, told: dict[str, Any], topology: Topology | None) -> list[str]:
    """Settings that free memory, each with what it frees by formula, the most effective first; then more chips."""
    shape, chips = Sizes.of(told["mesh"]), math.prod(told["mesh"].values())
    now = floors.memory(job.run, job.model, shape)
    found, platform = [], topology.platform if topology else jax.default_backend()
    for settings in changes(job, shape, chips, platform):
        run, mesh = changed(job.run, settings), told["mesh"] | _mesh_of(settings)
        if fault_of(run, job.model, mesh, platform):
            continue
        after = floors.memory(run, job.model, Sizes.of(mesh))
        freed = sum(now.values()) - sum(after.values())
        if freed > 0.05:
            words = " ".join(f"--{name}={value}" for name, value in settings.items())
            found.append((freed, f"{words} frees about {freed:.1f} GiB a chip"))
    lines = [words for _, words in sorted(found, reverse=True)]
    if told.get("parts_gib", {}).get("scoring", 0) and job.run.probe.dtype == "fp32":
        lines.append("--probe.dtype=bf16 halves the parameters that scoring needs")
    return lines + more_chips(job, topology, chips)


def changes(job: Job, shape: Sizes, chips: int, platform: str) -> Iterator[dict[str, Any]]:
    """Changes that cost speed, or nothing, but no result; precision and batch size last."""
    settings = job.run.training
    if shape.cuts < chips:
        yield {"mesh.data": 1, "mesh.fsdp": chips // shape.tensor // job.run.mesh.slice}
    if faster := faster_kernel(job.run, job.model, platform):
        yield faster
    if settings.remat != "full":
        yield {"training.remat": "full"}
    rows = settings.batch_size // shape.rows
    if rows > settings.accumulate and settings.batch_size % shape.rows == 0:
        yield {"training.accumulate": rows}
        yield {"training.batch_size": shape.rows * settings.accumulate}
    if settings.loss.chunk > 256:
        yield {"training.loss.chunk": 256}
    if settings.precision.parameters == "float32":
        yield {"training.precision.parameters": "bfloat16"}
    if settings.precision.compute == "float32":
        yield {"training.precision.compute": "bfloat16"}


def more_chips(job: Job, topology: Topology | None, chips: int) -> list[str]:
    """Where the state alone fills the chips, how many would hold it beside the rest of a lean step."""
    if topology is None or topology.chip is None:
        return []
    stored = WIDTH[job.run.training.precision.parameters]
    whole = job.model.parameters() * (stored + MOMENTS + stored) / GIB
    room = FOR_STATE * topology.chip.memory_gib
    if whole / chips <= room:
        return []
    needed = 2 ** math.ceil(math.log2(whole / room))
    return [
        f"parameters, optimizer and gradient take {whole / chips:.1f} of {topology.chip.memory_gib:g} GiB a chip when "
        f"they are cut {chips} ways: take {max(needed, 2 * chips)} chips or more"
    ]


def _mesh_of(settings: dict[str, Any]) -> dict[str, int]:
    return {name.removeprefix("mesh."): value for name, value in settings.items() if name.startswith("mesh.")}
