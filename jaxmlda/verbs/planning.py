"""A run's figures for a topology: the step and the scorer compiled for it, or worked out by formula.

In: a run and a topology, or none for the devices of this machine; out: a dictionary that `jaxmlda plan` prints.
"""

import os
import time
from typing import Any, NamedTuple

import jax
import numpy as np
from etils import epath
from jax.sharding import Mesh

from jaxmlda.config import Recipe, Run, configs_dir, find, load
from jaxmlda.errors import UserError
from jaxmlda.model import Decoder, ModelConfig
from jaxmlda.parallel import TooLarge, floors, hlo, make_mesh, sharing
from jaxmlda.parallel import topology as topologies
from jaxmlda.parallel.ahead import memory_of
from jaxmlda.parallel.floors import GIB, Sizes
from jaxmlda.parallel.mesh import AXES, sizes
from jaxmlda.parallel.topology import Topology
from jaxmlda.probe.evaluate import Evaluator
from jaxmlda.probe.packing import EDGE_MULTIPLE, TOKENS_PER_BATCH, Plan, Shape
from jaxmlda.probe.scorer import Scorer
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.training import setup
from jaxmlda.verbs.plan_checks import check, check_length
from jaxmlda.verbs.sets import read_sets
from jaxmlda.verbs.weights import model_of

# Where a run's questions are not there yet, they are taken to fill rows of this length.
QUESTION_ROW = 512
# A formula does not see everything; this share of the memory is what it may fill.
BY_FORMULA = 0.9
DAY = 86_400


class Job(NamedTuple):
    """What is planned: a run, the model and the stream weights that its files name, tokens where they are known."""

    run: Run
    model: ModelConfig
    weights: tuple[float, ...]
    tokens: int | None


def job_of(run: Run) -> Job:
    """The run with its recipe and model; neither corpus, rows nor weights have to exist."""
    recipe = load(Recipe, find(run.recipe, "recipes"))
    row = run.training.batch_size * run.rows.sequence_length
    tokens = run.training.steps * row if run.training.steps else run.rows.total_tokens
    model = model_for(run)
    check_length(run, model)
    return Job(run, model, tuple(stream.weight for stream in recipe.streams), tokens)


def changed(run: Run, settings: dict[str, Any]) -> Run:
    """The run with other values of some settings, by their dotted names."""
    values = run.model_dump(by_alias=True)
    for dotted, value in settings.items():
        *groups, last = dotted.split(".")
        group = values
        for name in groups:
            group = group[name]
        group[last] = value
    return Run.model_validate(values)


def model_for(run: Run) -> ModelConfig:
    """The model of the weights where they are there, else the one that the run names."""
    if run.init.path is None or epath.Path(run.init.path).exists():
        return model_of(run)
    if run.model:
        return load(ModelConfig, find(run.model, "models"))
    shipped = ", ".join(sorted(path.stem for path in (configs_dir() / "models").glob("*.yaml")))
    raise UserError(
        f"init.path: {run.init.path} is not there, so nothing says which model it holds; give --model=NAME, a file or "
        f"one of {shipped}"
    )


def figures(job: Job, topology: Topology | None) -> dict[str, Any]:
    """What a run needs, does and sends on a topology; on the devices of this machine where there is none."""
    wanted = job.run.mesh.model_dump()
    if topology is None:
        return compiled(job, make_mesh(wanted), None)
    if topology.compiles:
        return compiled(job, make_mesh(wanted, topologies.devices(topology, job.run.mesh.slice)), topology)
    mesh = dict(zip(AXES, sizes(wanted, topology.chips), strict=True))
    check(job.run, job.model, mesh, topology.platform)
    return estimated(job, mesh, topology)


def compiled(job: Job, mesh: Mesh, topology: Topology | None) -> dict[str, Any]:
    """Figures of compiled programs; of one that does not fit, the formula's with the compiler's word."""
    begin = time.perf_counter()
    decoder, shape = setup.decoder_of(job.run, job.model, mesh), dict(mesh.shape)
    try:
        built = setup.build(job.run, decoder, job.weights, mesh, 1)
        scoring = scoring_bytes(job.run, decoder, mesh)
    except TooLarge as error:
        return refused(job, shape, topology, error) | {"compile_seconds": round(time.perf_counter() - begin, 1)}
    parts = parts_of(job, built, Sizes.of(shape))
    resting = parts["parameters"] + parts["optimizer"]
    if scoring is not None:
        parts["scoring"] = scoring / GIB
    peak = max(built.update.peak_bytes / GIB, resting + parts.get("scoring", 0))
    room = topology.chip.memory_gib if topology else room_here(mesh)
    sent = hlo.collectives(built.update.run.as_text(), mesh.size)
    told = head(job, shape) | {
        "by": "compiling",
        "fits": None if room is None else peak <= room,
        "peak_gib_per_chip": round(peak, 2),
        "parts_gib": rounded(parts, 3),
        "compile_seconds": round(time.perf_counter() - begin, 1),
        "collectives": {kind: {"count": one.count, "gib": round(one.bytes / GIB, 2)} for kind, one in sent.items()},
    }
    return told | (pace(job, shape, topology, hlo.received(sent)) if topology else {})


def room_here(mesh: Mesh) -> float | None:
    """GiB that each device of this machine can give; processors share the memory; None where a device does not say."""
    device = mesh.devices.flat[0]
    if device.platform == "cpu":
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB / len(mesh.local_devices)
    told = device.memory_stats() or {}
    return told["bytes_limit"] / GIB if "bytes_limit" in told else None


def refused(job: Job, mesh: dict[str, int], topology: Topology | None, error: TooLarge) -> dict[str, Any]:
    """Figures of a program that the compiler would not make: memory by formula, and what the compiler said."""
    told = estimated(job, mesh, topology) if topology else head(job, mesh)
    said = str(error).partition("\n")[0].removeprefix("RESOURCE_EXHAUSTED: ")
    needed = None if error.needed_bytes is None else round(error.needed_bytes / GIB, 2)
    return told | {"by": "compiling", "fits": False, "compiler": said, "compiler_counts_gib": needed}


def estimated(job: Job, mesh: dict[str, int], topology: Topology) -> dict[str, Any]:
    """Figures by formula alone."""
    shape = Sizes.of(mesh)
    parts = floors.memory(job.run, job.model, shape)
    peak = sum(parts.values())
    chip = topology.chip
    told = head(job, mesh) | {
        "by": "formula",
        "fits": peak <= BY_FORMULA * chip.memory_gib if chip else None,
        "peak_gib_per_chip": round(peak, 2),
        "parts_gib": rounded(parts, 3),
        "compile_seconds": None,
        "collectives": {},
    }
    if chip is None:
        return told | {"floors": {}, "tokens_per_second": None}
    return told | pace(job, mesh, topology, floors.received_by_formula(job.run, job.model, shape))


def head(job: Job, mesh: dict[str, int]) -> dict[str, Any]:
    """What is asked, in numbers."""
    tokens = job.run.training.batch_size * job.run.rows.sequence_length
    return {
        "mesh": mesh,
        "parameters": job.model.parameters(),
        "flops_per_token": job.model.flops_per_token(job.run.rows.sequence_length),
        "tokens_per_step": tokens,
        "steps": None if job.tokens is None else -(-job.tokens // tokens),
    }


def pace(job: Job, mesh: dict[str, int], topology: Topology, received: float) -> dict[str, Any]:
    """Floors of a step in seconds, tokens a second of all chips, and days for the tokens of the run."""
    least = floors.seconds(job.run, job.model, topology, Sizes.of(mesh), received)
    chips = int(np.prod(list(mesh.values())))
    slow, fast = floors.speed(job.run, job.model, topology, chips, least)
    days = None if job.tokens is None else [significant(job.tokens / rate / DAY) for rate in (fast, slow)]
    return {
        "floors": {name: significant(value) for name, value in least.items()},
        "tokens_per_second": [round(slow), round(fast)],
        "days": days,
        "range_from": floors.sources(job.run, job.model, topology, chips, least),
    }


def parts_of(job: Job, built: setup.Built, shape: Sizes) -> dict[str, float]:
    """GiB on a chip: state exactly, what the backward pass keeps by formula, the rest of the peak."""
    state = built.state_like
    parts = {"parameters": bytes_on_one(state.params) / GIB, "optimizer": bytes_on_one(state.optimizer) / GIB}
    rest = built.update.peak_bytes / GIB - sum(parts.values())
    kept = min(floors.memory(job.run, job.model, shape)["activations"], rest)
    return parts | {"activations": kept, "temporaries": rest - kept}


def scoring_bytes(run: Run, decoder: Decoder, mesh: Mesh) -> int | None:
    """What scoring takes beside the state of training: temporaries, and parameters in another number format.

    None where the run asks nothing; questions that are not there yet are taken to fill rows of 512 tokens.
    """
    if not run.probe.questions:
        return None
    dtype = {"fp32": "float32", "bf16": "bfloat16"}[run.probe.dtype]
    if all(epath.Path(path).exists() for path in (*run.probe.questions, run.vocabulary)):
        vocabulary, sets = vocabularies.load(run.vocabulary), read_sets(run.probe.questions)
        program = Evaluator(decoder, vocabulary, sets, rule=run.probe.rule, mesh=mesh, dtype=run.probe.dtype).compile()
    else:
        rows = -(-TOKENS_PER_BATCH // QUESTION_ROW // sharing(mesh)) * sharing(mesh)
        shape = Shape(rows, QUESTION_ROW, rows * QUESTION_ROW // 4 // EDGE_MULTIPLE * EDGE_MULTIPLE)
        scorer = Scorer(decoder, mesh, dtype=run.probe.dtype)
        program = scorer.compile(scorer.decoder.abstract(), Plan(shape, (), 0, 0, np.zeros((2, 0), np.int64)))
    arguments, _, _, peak = memory_of(program, mesh)
    return peak - (arguments if dtype == run.training.precision.parameters else 0)


def bytes_on_one(tree: Any) -> int:
    """Bytes of abstract arrays on each device."""
    leaves = jax.tree.leaves(tree)
    return sum(int(np.prod(leaf.sharding.shard_shape(leaf.shape))) * leaf.dtype.itemsize for leaf in leaves)


def significant(value: float) -> float:
    """A number with four digits that count, however small it is."""
    return float(f"{value:.4g}")


def rounded(values: dict[str, float], digits: int) -> dict[str, float]:
    """Every number with so many digits behind the point."""
    return {name: round(value, digits) for name, value in values.items()}
