"""`jaxmlda plan CONFIG`: what a run would need, from compiling its real step and scorer for the devices at hand.

In: a run file; its rows need not exist, its questions are scored where they do. Out: memory by kind, FLOPs, steps.
"""

import json
import logging
import sys
import time
from typing import Any

import jax
import numpy as np
from etils import epath

from jaxmlda.config import Recipe, Run, find, load
from jaxmlda.model import Decoder, ModelConfig
from jaxmlda.parallel import make_mesh
from jaxmlda.probe.evaluate import Evaluator
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.training import setup
from jaxmlda.verbs.command import print_config, read_run, run_file_parser
from jaxmlda.verbs.sets import read_sets
from jaxmlda.verbs.weights import model_of

PURPOSE = "Say what a run would need in memory and arithmetic, before it is started."
GIB = 2**30
log = logging.getLogger("jaxmlda.plan")


def gib(number: float) -> float:
    """Bytes as GiB, three digits."""
    return round(number / GIB, 3)


def bytes_on_one(tree: Any) -> int:
    """Bytes of abstract arrays on each device."""
    leaves = jax.tree.leaves(tree)
    return sum(int(np.prod(leaf.sharding.shard_shape(leaf.shape))) * leaf.dtype.itemsize for leaf in leaves)


def scoring_bytes(run: Run, model: ModelConfig, mesh: jax.sharding.Mesh) -> int | None:
    """Temporaries of the scorer on the run's own question files; None where the run asks nothing, or nothing yet."""
    if not run.probe.questions or not all(epath.Path(path).exists() for path in run.probe.questions):
        return None
    vocabulary, sets = vocabularies.load(run.vocabulary), read_sets(run.probe.questions)
    evaluator = Evaluator(Decoder(model), vocabulary, sets, rule=run.probe.rule, mesh=mesh, dtype=run.probe.dtype)
    return evaluator.compile().memory_analysis().temp_size_in_bytes


def plan(run: Run) -> dict[str, Any]:
    """Compiles, and works out the figures."""
    recipe = load(Recipe, find(run.recipe, "recipes"))
    model, mesh, settings = model_of(run), make_mesh(run.mesh.model_dump()), run.training
    decoder = Decoder(model, compute=settings.precision.compute, attention=settings.attention, remat=settings.remat)
    weights = tuple(stream.weight for phase in recipe.phases for stream in phase.streams)
    begin = time.perf_counter()
    tokens_a_step = settings.batch_size * run.rows.sequence_length
    steps = settings.steps or -(-(run.rows.total_tokens or tokens_a_step) // tokens_a_step)
    built = setup.build(run, decoder, weights, mesh, steps)
    scoring = scoring_bytes(run, model, mesh)
    return {
        "devices": f"{mesh.size} x {mesh.devices.flat[0].device_kind}",
        "parameters": model.parameters(),
        "flops_per_token": model.flops_per_token(run.rows.sequence_length),
        "tokens_per_step": tokens_a_step,
        "steps": steps if recipe.counts_tokens or settings.steps else None,
        "peak_gib_per_device": gib(built.update.peak_bytes),
        "parts_gib": {
            "parameters": gib(bytes_on_one(built.state_like.params)),
            "optimizer": gib(bytes_on_one(built.state_like.optimizer)),
            "temporaries of a step": gib(built.update.temporary_bytes),
            "temporaries of scoring": None if scoring is None else gib(scoring),
        },
        "compile_seconds": round(time.perf_counter() - begin, 1),
    }


def run(words: list[str]) -> int:
    """The verb."""
    made = run_file_parser("plan", PURPOSE)
    made.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments, settings = read_run(made, words)
    if arguments.print_config:
        return print_config(settings)
    figures = plan(settings)
    text = json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items())
    sys.stdout.write(text + "\n")
    return 0
