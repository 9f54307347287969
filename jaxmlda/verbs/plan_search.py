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
from jaxmlda.parallel.floors import Sizes
from jaxmlda.parallel.mesh import AXES
from jaxmlda.parallel.topology import Topology
from jaxmlda.verbs.command import FAULT
from jaxmlda.verbs.plan_advice import FAST_KERNEL
from jaxmlda.verbs.planning import BY_FORMULA, Job, changed, figures

TENSOR = (1, 2, 4, 8)
ROWS_A_CHIP = (1, 2, 4, 8)
# Compiling takes minutes for a large model: this many candidates are compiled, this many results are enough.
TRIED, WANTED = 8, 3
log = logging.getLogger("jaxmlda.plan")


def search(job: Job, topology: Topology, *, as_json: bool) -> int:
    """Prints the best that fit."""
    found = []
    for number, (rate, settings) in enumerate(ranked(job, topology)[:TRIED], start=1):
        log.info("%d: %s", number, " ".join(f"--{name}={value}" for name, value in settings.items()))
        told = figures(job._replace(run=changed(job.run, settings)), topology)
        if told["fits"]:
            found.append({"settings": settings, "tokens_per_second_without_overlap": round(rate)} | told)
        if len(found) == WANTED:
            break
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        sys.stdout.write(table(found) if found else f"nothing that was tried fits into {topology.name}\n")
    return 0 if found else FAULT


def candidates(job: Job, topology: Topology) -> Iterator[dict[str, Any]]:
    """Settings to try; a batch is some rows for every chip that shares it."""
    attention = job.run.training.attention
    attention = FAST_KERNEL[topology.compiles] if attention == "plain" else attention
    slices = job.run.mesh.slice
    for tensor, remat, rows in itertools.product(TENSOR, REMAT, ROWS_A_CHIP):
        if topology.chips % tensor or job.model.heads % tensor or job.model.mlp_size % tensor:
            continue
        fsdp = topology.chips // tensor
        if job.model.hidden_size % fsdp or job.model.vocab_size % tensor:
            continue
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
    found = []
    for settings in candidates(job, topology):
        run = changed(job.run, settings)
        shape = Sizes.of(dict(zip(AXES, (run.mesh.slice, 1, run.mesh.fsdp, run.mesh.tensor), strict=True)))
        if sum(floors.memory(run, job.model, shape).values()) > BY_FORMULA * topology.chip.memory_gib:
            continue
        received = floors.received_by_formula(run, job.model, shape)
        least = floors.seconds(run, job.model, topology, shape, received)
        found.append((run.training.batch_size * run.rows.sequence_length / sum(least.values()), settings))
    if not found:
        raise UserError(
            f"--search: by formula no mesh, policy or batch fits into {topology.name}; take more chips, or "
            "--training.precision.parameters=bfloat16"
        )
    return sorted(found, key=lambda pair: (-pair[0], pair[1]["training.batch_size"], pair[1]["mesh.tensor"]))


def table(found: list[dict[str, Any]]) -> str:
    """A line each: memory, tokens a second of the sum of the floors, what to set."""
    lines = [f"{'GiB a chip':>10}  {'tokens/s unhidden':>17}  settings"]
    for one in found:
        settings = " ".join(f"--{name}={value}" for name, value in one["settings"].items())
        lines.append(f"{one['peak_gib_per_chip']:>10}  {one['tokens_per_second_without_overlap']:>17,}  {settings}")
    return "\n".join(lines) + "\n"
