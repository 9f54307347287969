"""Everything that stands before the first step: what a run will do, its shardings, and the compiled step.

In: a run, a decoder, a mesh; out: a plan known in full, and functions that allocate nothing until they are called.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding

from jaxmlda.config import Run
from jaxmlda.errors import UserError
from jaxmlda.model import Decoder, ModelConfig
from jaxmlda.parallel import (
    Compiled,
    batch_sharding,
    check_batch,
    compile_for,
    param_shardings,
    placed,
    placing,
    replicated,
    sharded_kernel,
    sharing,
)
from jaxmlda.rows import Rows
from jaxmlda.training.optimizer import optimizer, state_shardings
from jaxmlda.training.schedule import science_steps
from jaxmlda.training.step import LossSettings, Metrics, State, make_step

ARRAYS = ("tokens", "segment_ids", "loss_mask", "positions")


class Plan(NamedTuple):
    """What a run will do, known before it begins."""

    steps: int
    science: list[int]
    tokens_per_step: int


class Built(NamedTuple):
    """The compiled step, and what its state looks like on the devices."""

    update: Compiled
    state_like: State
    first_optimizer: Callable[[Any], Any]
    dealt: NamedSharding
    whole: NamedSharding


def plan(run: Run, rows: Rows) -> Plan:
    """Steps from the rows; asking for more than there are is an error."""
    batch = run.training.batch_size
    available = -(-len(rows) // batch)
    steps = available if run.training.steps is None else run.training.steps
    if steps > available:
        raise UserError(
            f"training.steps is {steps}, but the {len(rows)} rows make {available} steps of {batch}; "
            "give rows.total_tokens or epochs more, or fewer steps"
        )
    length = rows.meta["sequence_length"]
    if length != run.rows.sequence_length:
        raise UserError(
            f"rows.sequence_length is {run.rows.sequence_length}, but the rows in {rows.folder} have {length}; "
            "run `jaxmlda prepare` into another output"
        )
    return Plan(steps, science_steps(run.checkpoints.science, steps), batch * length)


def decoder_of(run: Run, model: ModelConfig, mesh: Mesh) -> Decoder:
    """The decoder as a run trains it: its number format, its kernel and its activations on the devices of a mesh."""
    settings = run.training
    return Decoder(
        model,
        compute=settings.precision.compute,
        attention=sharded_kernel(mesh, settings.attention),
        remat=settings.remat,
        place=placing(mesh),
    )


def build(run: Run, decoder: Decoder, stream_weights: tuple[float, ...], mesh: Mesh, steps: int) -> Built:
    """Compiles the step ahead of everything, so that a signal never waits for a compiler."""
    settings = run.training
    whole, dealt = replicated(mesh), batch_sharding(mesh)
    together = sharing(mesh)
    check_batch(settings.batch_size, settings.accumulate, together)
    cut = param_shardings(mesh, decoder.abstract())
    params = placed(decoder.abstract(settings.precision.parameters), cut)
    rule = optimizer(settings.optimizer, settings.schedule, steps)
    optimizer_cut = state_shardings(rule, params, cut, whole)
    state = State(
        params,
        placed(jax.eval_shape(rule.init, params), optimizer_cut),
        jax.ShapeDtypeStruct((), jnp.int32, sharding=whole),
    )
    shape = (settings.batch_size, run.rows.sequence_length)
    batch = {name: jax.ShapeDtypeStruct(shape, jnp.int32, sharding=dealt) for name in ARRAYS}
    batch["stream"] = jax.ShapeDtypeStruct(shape[:1], jnp.int32, sharding=dealt)
    loss = LossSettings(
        stream_weights, settings.loss.z, settings.loss.chunk * together, settings.accumulate, settings.on_nan
    )
    out = (State(cut, optimizer_cut, whole), Metrics(whole, whole, whole, whole))
    compiled = compile_for(make_step(decoder, rule, loss), (state, batch), mesh, donate=(0,), out_shardings=out)
    return Built(compiled, state, jax.jit(rule.init, out_shardings=optimizer_cut), dealt, whole)
