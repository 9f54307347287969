"""The training loop, to be read from top to bottom.

In: a decoder, rows, settings, weights, and probes (objects called with step, params, digest); out: a run folder with
checkpoints and metrics. Batch s is rows [s·B, (s+1)·B), so going on after a stop is arithmetic.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from etils import epath
from jax.sharding import Mesh

from jaxmlda.config import Run
from jaxmlda.errors import Interrupted
from jaxmlda.model import Decoder
from jaxmlda.parallel import cluster, local_batch
from jaxmlda.progress import bar
from jaxmlda.rows import Rows
from jaxmlda.training.checkpoints import Checkpoints, params_digest
from jaxmlda.training.clock import Clock
from jaxmlda.training.metrics import MetricsFile
from jaxmlda.training.setup import Built, build, plan
from jaxmlda.training.signals import Stop
from jaxmlda.training.step import State

log = logging.getLogger("jaxmlda.training")


class Probe(Protocol):
    """Anything that looks at a checkpoint while the run goes on."""

    def __call__(self, step: int, params: Any, digest: str) -> None:
        """Looks; writes its own results."""


class Loop:
    """One run from its first step, or from where it was stopped, to its last."""

    def __init__(self, run: Run, decoder: Decoder, rows: Rows, mesh: Mesh, meta: dict[str, Any]) -> None:
        self.run, self.rows, self.mesh, self.meta = run, rows, mesh, meta
        self.todo = plan(run, rows)
        stream_weights = tuple(stream["weight"] for stream in rows.meta["streams"])
        self.built: Built = build(run, decoder, stream_weights, mesh, self.todo.steps)
        self.checkpoints = Checkpoints(run.output, run.checkpoints.resume_keep)
        self.clock = Clock()
        self.last_resume = time.monotonic()

    def train(self, weights: Callable[[Any], Any], probes: Sequence[Probe]) -> None:
        """Trains; `weights(abstract params with shardings)` gives the first parameters of a run that begins."""
        state = self._first_state(weights)
        begin = int(state.step)
        rows_a_step = self.run.training.batch_size
        path, stop_on_nan = epath.Path(self.run.output) / "metrics.jsonl", self.run.training.on_nan == "stop"
        metrics = MetricsFile(path, begin, self.rows, rows_a_step, stop_on_nan)
        log.info("%s: steps %d to %d, checkpoints at %s", self.run.name, begin, self.todo.steps, self.todo.science)
        with (
            contextlib.closing(self.checkpoints),
            Stop() as stop,
            ThreadPoolExecutor(1) as reader,
            bar(total=self.todo.steps, label=f"train {self.run.name}", unit="step") as progress,
        ):
            progress.update(begin)
            coming = self._read(reader, begin)
            for step in range(begin, self.todo.steps):
                self._look(step, state, probes, metrics)
                self._save(step, state, metrics, stop)
                with self.clock.measure("input"):
                    batch = local_batch(self.mesh, coming.result(), self.built.dealt)
                    coming = self._read(reader, step + 1)
                with self.clock.measure("step"):
                    state, now = self.built.update.run(state, batch)
                metrics.add(step + 1, now, self.clock.read())
                progress.update(1)
            self._look(self.todo.steps, state, probes, metrics)
        metrics.close()

    def _first_state(self, weights: Callable[[Any], Any]) -> State:
        """The newest resume checkpoint of this run that can be read; else the weights of the run file."""
        like = self.built.state_like
        found = self.checkpoints.latest(like.params, like.optimizer)
        if found is not None:
            step, params, optimizer = found
            return State(params, optimizer, jax.device_put(jnp.int32(step), self.built.whole))
        params = weights(like.params)
        return State(params, self.built.first_optimizer(params), jax.device_put(jnp.int32(0), self.built.whole))

    def _read(self, reader: ThreadPoolExecutor, step: int) -> Future:
        """The rows of a step, fetched while the one before is computed."""
        size = self.run.training.batch_size
        return reader.submit(self.rows.batch, step * size, size)

    def _look(self, step: int, state: State, probes: Sequence[Probe], metrics: MetricsFile) -> None:
        """At a science step: keeps the parameters, and lets every probe look."""
        if step not in self.todo.science:
            return
        metrics.flush()
        with self.clock.measure("checkpoint"):
            digest = params_digest(state.params)
            self.checkpoints.save_science(step, state.params, self.meta | {"step": step, "digest": digest})
        with self.clock.measure("probe"):
            for probe in probes:
                probe(step, state.params, digest)

    def _save(self, step: int, state: State, metrics: MetricsFile, stop: Stop) -> None:
        """Saves what resuming needs when its time has come, or when a signal asked for a stop."""
        due = time.monotonic() - self.last_resume > 60 * self.run.checkpoints.resume_minutes
        due, asked = cluster.any_of(due, stop.asked)
        if not (due or asked):
            return
        metrics.flush()
        with self.clock.measure("checkpoint"):
            self.checkpoints.save_resume(step, state.params, state.optimizer, self.meta | {"step": step})
        self.last_resume = time.monotonic()
        if asked:
            metrics.close()
            raise Interrupted(f"{self.run.name}: stopped at step {step}, saved; the same command goes on from there")
