"""`jaxmlda plan --search`: meshes, remat policies and batch sizes, the fastest by formula compiled first.

Ranked as if arithmetic, memory and network waited for one another, so that what has to be hidden counts.

In: a job and a topology; out: a table, or JSON, of the best that fit; status 1 where none does.
"""

import itertools
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

from jaxmlda.errors import UserError
from jaxmlda.model.decoder import REMAT
from jaxmlda.parallel import floors
from jaxmlda.parallel import topology as topologies
from jaxmlda.parallel.floors import Sizes
from jaxmlda.parallel.mesh import AXES, sizes
from jaxmlda.parallel.topology import Topology
from jaxmlda.verbs.command import FAULT
from jaxmlda.verbs.plan_checks import faster_kernel, fault_of
from jaxmlda.verbs.planning import BY_FORMULA, Job, changed, figures

TENSOR = (1, 2, 4, 8)
ROWS_A_CHIP = (1, 2, 4, 8)
# Compiling takes minutes for a large model: this many candidates are compiled, this many results are enough.
TRIED, WANTED = 8, 3
HEAD = f"{'GiB a chip':>10}  {'tokens/s unhidden':>17}  settings\n"
log = logging.getLogger("jaxmlda.plan")


def search(job: Job, topology: Topology, *, as_json: bool) -> int:
    """Prints the best that fit, each as soon as it is known; JSON when all are."""
    tried = ranked(job, topology)[:TRIED]
    if topology.compiles:
        # What is wrong with the topology, or with the compiler, is wrong with every candidate.
        topologies.devices(topology, job.run.mesh.slice)
    found = []
    for number, (rate, settings) in enumerate(tried, start=1):
        told = attempt(job, topology, number, settings)
        if not told.get("fits"):
            continue
        found.append({"settings": settings, "tokens_per_second_without_overlap": round(rate)} | told)
        if not as_json:
            sys.stdout.write((HEAD if len(found) == 1 else "") + line(found[-1]))
            sys.stdout.flush()
        if len(found) == WANTED:
            break
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    elif not found:
        sys.stdout.write(f"nothing that was tried fits into {topology.name}\n")
    return 0 if found else FAULT


def attempt(job: Job, topology: Topology, number: int, settings: dict[str, Any]) -> dict[str, Any]:
    """The figures of a candidate, none where it is refused; the log says which of them came out how."""
    log.info("%d: %s", number, words(settings))
    try:
        told = figures(job._replace(run=changed(job.run, settings)), topology)
    except UserError as error:
        log.warning("%d: left out: %s", number, error)
        return {}
    log.info("%d: %s GiB a chip, %s", number, told.get("peak_gib_per_chip"), "fits" if told["fits"] else "does not fit")
    return told


def candidates(job: Job, topology: Topology) -> Iterator[dict[str, Any]]:
    """Settings to try; a batch is some rows for every chip that shares it.

    A TPU topology is one of the run's slices; a number of GPUs is all of them.
    """
    slices = job.run.mesh.slice
    chips = topology.chips
    if not topology.compiles:
        chips = sizes({"slice": slices, "fsdp": -1}, chips)[AXES.index("fsdp")]
    faster = faster_kernel(job.run, job.model, topology.platform)
    attention = faster["training.attention"] if list(faster) == ["training.attention"] else job.run.training.attention
    for tensor, remat, rows in itertools.product(TENSOR, REMAT, ROWS_A_CHIP):
        if chips % tensor or job.model.heads % tensor:
            continue
        fsdp = chips // tensor
        yield {
            "mesh.data": 1,
            "mesh.fsdp": fsdp,
            "mesh.tensor": tensor,
            "training.remat": remat,
            "training.attention": attention,
            "training.accumulate": 1,
            "training.batch_size": rows * fsdp * slices,
        }


def ranked(job: Job, topology: Topology) -> list[tuple[float, dict[str, Any]]]:
    """What fits by formula, with the tokens a second of the sum of its floors, fastest first, small batches before."""
    found, faults, able = [], [], 0
    for settings in candidates(job, topology):
        run = changed(job.run, settings)
        mesh = dict(zip(AXES, (run.mesh.slice, 1, run.mesh.fsdp, run.mesh.tensor), strict=True))
        if fault := fault_of(run, job.model, mesh, topology.platform):
            faults.append(fault)
            continue
        able, shape = able + 1, Sizes.of(mesh)
        if sum(floors.memory(run, job.model, shape).values()) > BY_FORMULA * topology.chip.memory_gib:
            continue
        received = floors.received_by_formula(run, job.model, shape)
        least = floors.seconds(run, job.model, topology, shape, received)
        found.append((run.training.batch_size * run.rows.sequence_length / sum(least.values()), settings))
    if faults and not able:
        raise UserError(f"--search: no mesh of {topology.name} can be: {faults[0]}")
    if not found:
        raise UserError(
            f"--search: by formula no mesh, policy or batch fits into {topology.name}; take more chips, or "
            "--training.precision.parameters=bfloat16"
        )
    return sorted(found, key=lambda pair: (-pair[0], pair[1]["training.batch_size"], pair[1]["mesh.tensor"]))


def words(settings: dict[str, Any]) -> str:
    """Settings as they are given to a verb."""
    return " ".join(f"--{name}={value}" for name, value in settings.items())


def line(one: dict[str, Any]) -> str:
    """Memory, tokens a second of the sum of the floors, what to set."""
    rate = one["tokens_per_second_without_overlap"]
    return f"{one['peak_gib_per_chip']:>10}  {rate:>17,}  {words(one['settings'])}\n"
