"""`jaxmlda plan CONFIG --topology v5p-32`: does a run fit, what does it send, how fast could it be.

In: a run file; its corpus, rows, questions and weights need not exist. Out: figures; status 1 where it does not fit.
"""

import argparse
import json
import logging
import sys
from typing import Any

import jax

from jaxmlda.errors import UserError
from jaxmlda.parallel import topology as topologies
from jaxmlda.parallel.topology import Topology
from jaxmlda.verbs.command import FAULT, print_config, read_run, run_file_parser
from jaxmlda.verbs.plan_advice import advice
from jaxmlda.verbs.plan_search import search
from jaxmlda.verbs.planning import figures, job_of

PURPOSE = "Say whether a run fits, what it sends and how fast it could be, before anything is started."
log = logging.getLogger("jaxmlda.plan")


def arguments_parser() -> argparse.ArgumentParser:
    """The options of the verb."""
    made = run_file_parser("plan", PURPOSE)
    made.add_argument(
        "--topology", metavar="NAME", help=f"{topologies.KNOWN}; default: compile for the devices of this machine"
    )
    made.add_argument("--json", action="store_true", help="print the figures as JSON")
    made.add_argument(
        "--search", action="store_true", help="try meshes, remat policies and batch sizes; print the best that fit"
    )
    return made


def on_cpu(topology: Topology | None) -> None:
    """Compiling for devices that are not here must not take hold of those that are."""
    if topology is not None:
        jax.config.update("jax_platforms", "cpu")


def words_of(told: dict[str, Any]) -> str:
    """The figures as lines: one a figure, groups in one line."""
    lines = []
    for name, value in told.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {_amount(one)}" for key, one in value.items()) or "none"
        elif isinstance(value, list):
            texts = all(isinstance(one, str) for one in value)
            value = "".join(f"\n  {one}" for one in value) if texts else " to ".join(f"{one:,}" for one in value)
        lines.append(f"{name.replace('_', ' ')}: {_amount(value)}".replace(": \n", ":\n"))
    return "\n".join(lines) + "\n"


def _amount(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value['count']:,} ({value['gib']:,} GiB)"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not known"}[value]
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def run(words: list[str]) -> int:
    """The verb."""
    made = arguments_parser()
    arguments, settings = read_run(made, words)
    if arguments.print_config:
        return print_config(settings)
    topology = None if arguments.topology is None else topologies.read(arguments.topology)
    on_cpu(topology)
    job = job_of(settings)
    if arguments.search:
        if topology is None or topology.chip is None:
            raise UserError("--search: needs --topology with an accelerator; cpu has no published speed to compare by")
        return search(job, topology, as_json=arguments.json)
    told = {"topology": topology.name if topology else "this machine"} | figures(job, topology)
    if told["fits"] is False:
        told["advice"] = advice(job, told, topology)
    sys.stdout.write(json.dumps(told) + "\n" if arguments.json else words_of(told))
    return FAULT if told["fits"] is False else 0
