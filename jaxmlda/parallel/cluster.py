"""The process group of a run on several machines. In: the environment; out: jax, joined with the other processes.

On a TPU pod and under Slurm nothing is given; elsewhere three variables say who is who. One machine needs none.
"""

import importlib.util
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxmlda.errors import UserError

COORDINATOR, PROCESSES, PROCESS = "JAXMLDA_COORDINATOR", "JAXMLDA_PROCESSES", "JAXMLDA_PROCESS"
SLURM = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID")
log = logging.getLogger("jaxmlda.parallel")


def join() -> None:
    """Joins the process group that the environment names; must come before anything else asks jax for devices.

    First what `JAXMLDA_*` say; then Slurm, where a job step has several tasks; then the pod of a TPU machine.
    """
    if jax.distributed.is_initialized():
        return
    given = by_hand(os.environ)
    if given is not None:
        if given["num_processes"] == 1:
            return
        jax.distributed.initialize(**given)
    elif in_slurm(os.environ) or on_tpu():
        jax.distributed.initialize()
    else:
        return
    log.info("process %d of %d, %d devices", jax.process_index(), jax.process_count(), jax.device_count())


def first() -> bool:
    """Whether this process writes what a run writes once."""
    return jax.process_index() == 0


def any_of(*asked: bool) -> tuple[bool, ...]:
    """What at least one process asks for; all processes get the same answer, so that all do the same next."""
    if jax.process_count() == 1:
        return asked
    return tuple(bool(one) for one in multihost_utils.process_allgather(np.array(asked)).any(axis=0))


def by_hand(environment: Mapping[str, str]) -> dict[str, str | int] | None:
    """What the three variables say; None where there are none of them."""
    said = {name: environment[name] for name in (COORDINATOR, PROCESSES, PROCESS) if environment.get(name)}
    if not said:
        return None
    if said.get(PROCESSES) == "1":
        return {"num_processes": 1}
    missing = [name for name in (COORDINATOR, PROCESSES, PROCESS) if name not in said]
    if missing:
        raise UserError(f"{', '.join(missing)}: not set, but {', '.join(said)} is; a process group needs all three")
    numbers = {name: said[name] for name in (PROCESSES, PROCESS)}
    for name, number in numbers.items():
        if not number.isdigit():
            raise UserError(f"{name}={number}: must be a whole number")
    processes, process = (int(number) for number in numbers.values())
    if process >= processes:
        raise UserError(f"{PROCESS}={process}: processes are numbered from 0 to {processes - 1} ({PROCESSES} - 1)")
    if ":" not in said[COORDINATOR]:
        raise UserError(f"{COORDINATOR}={said[COORDINATOR]}: give HOST:PORT, the same for all processes")
    return {"coordinator_address": said[COORDINATOR], "num_processes": processes, "process_id": process}


def in_slurm(environment: Mapping[str, str]) -> bool:
    """Whether this is one of several tasks of a Slurm job step (`srun`)."""
    return all(environment.get(name) for name in SLURM) and int(environment["SLURM_NTASKS"]) > 1


def on_tpu(devices: Path = Path("/dev")) -> bool:
    """Whether this machine holds TPUs and their library; jax asks the platform for the other workers."""
    if importlib.util.find_spec("libtpu") is None:
        return False
    return any(devices.glob("accel[0-9]*")) or any(devices.glob("vfio/[0-9]*"))
