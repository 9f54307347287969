"""The training loop, to be read from top to bottom.

In: a decoder, rows, settings, weights, and probes (objects called with step, params, digest); out: a run folder with
checkpoints and metrics. Batch s is rows [s·B, (s+1)·B), so going on after a stop is arithmetic.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from jax.sharding import Mesh

from jaxmlda.config import Run
from jaxmlda.errors import Interrupted, UserError
from jaxmlda.model import Decoder
from jaxmlda.parallel import batch_sharding, compile_for, local_batch, param_shardings, replicated
from jaxmlda.progress import bar
from jaxmlda.rows import Rows
from jaxmlda.training.checkpoints import Checkpoints, params_digest
from jaxmlda.training.metrics import MetricsFile
from jaxmlda.training.optimizer import optimizer, state_shardings
from jaxmlda.training.schedule import science_steps
from jaxmlda.training.signals import Stop
from jaxmlda.training.step import Metrics, State, make_step

log = logging.getLogger("jaxmlda.training")


class Probe(Protocol):
    """Anything that looks at a checkpoint while the run goes on."""

    def __call__(self, step: int, params: Any, digest: str) -> None:
        """Looks; writes its own results."""


class Plan(NamedTuple):
    """What a run will do, known before it begins."""

    steps: int
    science: list[int]
    tokens_per_step: int


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
    if rows.meta["sequence_length"] != run.rows.sequence_length:
        raise UserError(
            f"rows.sequence_length is {run.rows.sequence_length}, the rows in {rows.folder} have {rows.meta['sequence_length']}"
        )
    return Plan(steps, science_steps(run.checkpoints.science, steps), batch * rows.meta["sequence_length"])


def train(
    run: Run,
    decoder: Decoder,
    rows: Rows,
    mesh: Mesh,
    weights: Callable[[Any], Any],
    probes: Sequence[Probe],
    meta: dict[str, Any],
) -> None:
    """Trains to the last step, from the newest resume checkpoint or from `weights(abstract params with shardings)`."""
    # -- plan: steps, shardings, functions
    todo = plan(run, rows)
    settings = run.training
    whole, dealt = replicated(mesh), batch_sharding(mesh)
    cut = param_shardings(mesh, decoder.abstract())
    params_like = _placed(decoder.abstract(settings.precision.parameters), cut)
    rule = optimizer(settings.optimizer, settings.schedule, todo.steps)
    optimizer_cut = state_shardings(rule, params_like, cut, whole)
    optimizer_like = _placed(jax.eval_shape(rule.init, params_like), optimizer_cut)
    stream_weights = tuple(stream["weight"] for stream in rows.meta["streams"])
    function = make_step(
        decoder,
        rule,
        stream_weights,
        settings.loss.z,
        settings.loss.chunk,
        settings.accumulate,
        settings.on_nan,
    )

    # -- compile before anything else: a signal never waits for a compiler
    state_like = State(params_like, optimizer_like, jax.ShapeDtypeStruct((), jnp.int32, sharding=whole))
    sample = rows.batch(0, settings.batch_size)
    batch_like = {name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=dealt) for name, x in sample.items()}
    state_cut = State(cut, optimizer_cut, whole)
    out = (state_cut, Metrics(whole, whole, whole, whole))
    update = compile_for(function, (state_like, batch_like), mesh, donate=(0,), out_shardings=out).run

    # -- state: a resume checkpoint of this run, else the weights of the run file
    home = epath.Path(run.output)
    checkpoints = Checkpoints(home, run.checkpoints.resume_keep)
    found = checkpoints.latest(params_like, optimizer_like)
    if found is None:
        params = weights(params_like)
        state = State(
            params,
            jax.jit(rule.init, out_shardings=optimizer_cut)(params),
            jax.device_put(jnp.int32(0), whole),
        )
    else:
        state = State(found[1], found[2], jax.device_put(jnp.int32(found[0]), whole))
    begin = int(state.step)
    log.info("%s: steps %d to %d, checkpoints at %s", run.name, begin, todo.steps, todo.science)

    # -- loop
    metrics = MetricsFile(home / "metrics.jsonl", begin)
    clock = _Clock()
    late: tuple[int, Metrics] | None = None
    last_resume = time.monotonic()
    with (
        Stop() as stop,
        ThreadPoolExecutor(1) as reader,
        bar(total=todo.steps, label=f"train {run.name}", unit="step") as progress,
    ):
        progress.update(begin)

        def ahead(step: int) -> Any:
            return reader.submit(rows.batch, step * settings.batch_size, settings.batch_size)

        def resume_here(step: int) -> None:
            checkpoints.save_resume(step, state.params, state.optimizer, meta | {"step": step})

        coming = ahead(begin)
        for step in range(begin, todo.steps + 1):
            if step in todo.science:
                late = _flush(late, metrics, rows, todo, clock, settings.on_nan)
                with clock.measure("checkpoint"):
                    digest = params_digest(state.params)
                    checkpoints.save_science(step, state.params, meta | {"step": step, "digest": digest})
                with clock.measure("probe"):
                    for probe in probes:
                        probe(step, state.params, digest)
            if step == todo.steps:
                break
            if stop.asked or time.monotonic() - last_resume > 60 * run.checkpoints.resume_minutes:
                late = _flush(late, metrics, rows, todo, clock, settings.on_nan)
                with clock.measure("checkpoint"):
                    resume_here(step)
                last_resume = time.monotonic()
            if stop.asked:
                checkpoints.close()
                metrics.close()
                raise Interrupted(
                    f"{run.name}: stopped at step {step}, saved; the same command goes on from there"
                )
            with clock.measure("input"):
                batch = local_batch(mesh, coming.result(), dealt)
                coming = ahead(step + 1)
            with clock.measure("step"):
                state, now = update(state, batch)
                before, late = late, (step + 1, now)
                _flush(before, metrics, rows, todo, clock, settings.on_nan)
            progress.update(1)
        _flush(late, metrics, rows, todo, clock, settings.on_nan)
    checkpoints.close()
    metrics.close()


class _Clock:
    """Seconds spent in each kind of work since they were last read."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def measure(self, name: str) -> "_Span":
        return _Span(self, name)

    def read(self) -> dict[str, float]:
        seconds, self.seconds = self.seconds, {}
        return {name: round(value, 4) for name, value in seconds.items()}


class _Span:
    def __init__(self, clock: _Clock, name: str) -> None:
        self.clock, self.name = clock, name

    def __enter__(self) -> None:
        self.begin = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = self.clock.seconds.get(self.name, 0.0)
        self.clock.seconds[self.name] = spent + time.perf_counter() - self.begin


def _placed(abstract: Any, shardings: Any) -> Any:
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        abstract,
        shardings,
    )


def _flush(
    late: tuple[int, Metrics] | None, metrics: MetricsFile, rows: Rows, todo: Plan, clock: _Clock, on_nan: str
) -> None:
    """Reads the metrics of the step before, while the device works on this one, and writes them down."""
    if late is None:
        return None
    step, values = late[0], jax.device_get(late[1])
    loss = float(values.loss)
    if not math.isfinite(loss) and on_nan == "stop":
        raise UserError(
            f"step {step}: the loss is {loss}; rows {(step - 1) * todo.tokens_per_step // rows.meta['sequence_length']} on; "
            "nothing was overwritten; lower training.schedule.peak, or say training.on_nan=skip"
        )
    tokens = np.maximum(values.stream_tokens, 1)
    metrics.add(
        {
            "step": step,
            "loss": loss,
            "gradient_norm": float(values.gradient_norm),
            "streams": {
                name: {"loss": float(nll / count), "tokens": int(seen)}
                for name, nll, count, seen in zip(
                    rows.streams, values.stream_nll, tokens, values.stream_tokens, strict=True
                )
            },
            "tokens": step * todo.tokens_per_step,
            "seconds": clock.read(),
        }
    )
    return None
