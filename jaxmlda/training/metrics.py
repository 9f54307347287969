"""The metrics file: one JSON object a step, appended as the run goes on, cut back to the step a restart begins at.

Metrics of a step are read while the device works on the next one, so it never waits for the host.
"""

import io
import json
import math
from typing import IO, Any

import jax
import numpy as np
from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.parallel import cluster
from jaxmlda.rows import Rows
from jaxmlda.storage import write_text
from jaxmlda.training.step import Metrics


class MetricsFile:
    """`metrics.jsonl` of a run folder; `add` holds one step back until the next one is under way."""

    def __init__(self, path: epath.PathLike, step: int, rows: Rows, rows_a_step: int, stop_on_nan: bool) -> None:
        self.path, self.rows, self.rows_a_step, self.stop_on_nan = epath.Path(path), rows, rows_a_step, stop_on_nan
        # Every process looks at every step, so that all stop at a bad one; the first one writes.
        self._stream = self._opened(step) if cluster.first() else io.StringIO()
        self._waiting: tuple[int, Metrics, dict[str, float]] | None = None

    def _opened(self, step: int) -> IO[str]:
        kept = [line for line in self._lines() if json.loads(line)["step"] <= step]
        write_text(self.path, "".join(kept))
        return self.path.open("a")

    def _lines(self) -> list[str]:
        """Finished lines; a process that died while writing may have left half of one."""
        text = self.path.read_text() if self.path.exists() else ""
        return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def add(self, step: int, metrics: Metrics, seconds: dict[str, float]) -> None:
        """Takes one step, and writes the one before."""
        before, self._waiting = self._waiting, (step, metrics, seconds)
        self._write(before)

    def flush(self) -> None:
        """Writes the step that waits."""
        before, self._waiting = self._waiting, None
        self._write(before)

    def close(self) -> None:
        """Writes what waits and closes the file."""
        self.flush()
        self._stream.close()

    def _write(self, entry: tuple[int, Metrics, dict[str, float]] | None) -> None:
        if entry is None:
            return
        step, metrics, seconds = entry
        values = jax.device_get(metrics)
        self._check(step, values)
        self._stream.write(json.dumps(self._line(step, values, seconds)) + "\n")
        self._stream.flush()

    def _check(self, step: int, values: Metrics) -> None:
        told = {"loss": float(values.loss), "norm of the gradient": float(values.gradient_norm)}
        wrong = next((name for name, value in told.items() if not math.isfinite(value)), None)
        if not self.stop_on_nan or wrong is None:
            return
        bad = [name for name, nll in zip(self.rows.streams, values.stream_nll, strict=True) if not math.isfinite(nll)]
        first = (step - 1) * self.rows_a_step
        raise UserError(
            f"step {step}: the {wrong} is {told[wrong]} (rows {first} to {first + self.rows_a_step - 1}, streams "
            f"{', '.join(bad) or 'all'}); the checkpoints before it are good; lower training.schedule.peak, or say "
            "training.on_nan=skip"
        )

    def _line(self, step: int, values: Metrics, seconds: dict[str, float]) -> dict[str, Any]:
        means = values.stream_nll / np.maximum(values.stream_tokens, 1)
        streams = {
            name: {"loss": float(mean), "tokens": int(tokens)}
            for name, mean, tokens in zip(self.rows.streams, means, values.stream_tokens, strict=True)
            if tokens
        }
        return {
            "step": step,
            "loss": float(values.loss),
            "gradient_norm": float(values.gradient_norm),
            "streams": streams,
            "tokens": step * self.rows_a_step * self.rows.meta["sequence_length"],
            "seconds": seconds,
        }
