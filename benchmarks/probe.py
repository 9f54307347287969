"""Questions a second: scoring trees against one jitted request per row, same model, same questions, same run.

Run: `python -m benchmarks.probe` (or `make bench`). Prints a Markdown table for benchmarks/probe.md.
"""

import functools
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxmlda.adaxeval import from_world
from jaxmlda.config import find, load
from jaxmlda.model import Decoder, ModelConfig
from jaxmlda.probe.evaluate import Evaluator, path_of
from jaxmlda.probe.rules import joint
from jaxmlda.questions import Question
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.storage import read_table
from jaxmlda.world import World

QUESTIONS, ROWS, REPEATS = 400, 64, 3


class OneRequestPerRow:
    """Every option a row of its own, padded to one length, the head on every position: what a plain scorer does."""

    def __init__(
        self, decoder: Decoder, pieces: vocabularies.Vocabulary, asked: list[Question], evaluator: Evaluator
    ) -> None:
        self.decoder = decoder
        requests = []
        for question in asked:
            for option in question.options:
                prompt, answer, rest = evaluator.template.split(question, option)
                scored = joint(pieces, prompt, answer, rest)
                requests.append((scored.ids, scored.answer))
        self.length = -(-max(len(ids) for ids, _ in requests) // 32) * 32
        count = -(-len(requests) // ROWS) * ROWS
        self.tokens, self.counts = (np.zeros((count, self.length), np.int32) for _ in range(2))
        for row, (ids, places) in enumerate(requests):
            self.tokens[row, : len(ids)] = ids
            self.counts[row, [place - 1 for place in places]] = 1
        self.requests = len(requests)

    @functools.cached_property
    def score_rows(self) -> Callable:
        """log p(answer) of each row of a batch."""

        def score(params: dict, tokens: jax.Array, counts: jax.Array) -> jax.Array:
            positions = jnp.broadcast_to(jnp.arange(self.length), tokens.shape)
            states = self.decoder.hidden(params, tokens, positions, jnp.ones_like(tokens))
            logp = jax.nn.log_softmax(self.decoder.logits(params, states))
            target = jnp.roll(tokens, -1, axis=1)
            return (jnp.take_along_axis(logp, target[..., None], axis=-1)[..., 0] * counts).sum(axis=1)

        return jax.jit(score)

    def __call__(self, params: dict) -> np.ndarray:
        """Scores of all requests, in order."""
        batches = [
            self.score_rows(params, self.tokens[start : start + ROWS], self.counts[start : start + ROWS])
            for start in range(0, len(self.tokens), ROWS)
        ]
        return np.concatenate(jax.device_get(batches))[: self.requests]


def median_seconds(function: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Medians of two functions timed in turn, after a warm-up of each."""
    times: tuple[list[float], list[float]] = ([], [])
    function(), other()
    for _ in range(REPEATS):
        for one, spent in zip((function, other), times, strict=True):
            begin = time.perf_counter()
            one()
            spent.append(time.perf_counter() - begin)
    return statistics.median(times[0]), statistics.median(times[1])


def largest_difference(plain: np.ndarray, folder: str, name: str) -> float:
    """Largest difference between the plain scores and the answers' sums in a table."""
    table = read_table(path_of(folder, 0, name))
    return float(np.abs(table["sum_logp"].to_numpy() - plain).max())


def machine() -> str:
    """Where and of what the figures are."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    devices = f"{jax.device_count()} x {jax.devices()[0].device_kind}, {os.cpu_count()} cores"
    return f"{platform.machine()}, {devices}, jax {jax.__version__}, commit {said.stdout.strip()}"


def row(name: str, asked: list[Question], decoder: Decoder, pieces: vocabularies.Vocabulary, folder: str) -> str:
    """One set as a row of the table."""
    params = decoder.init(jax.random.key(0))
    evaluator = Evaluator(decoder, pieces, {name: asked})
    plan = evaluator.ready.plans[name]
    plain = OneRequestPerRow(decoder, pieces, asked, evaluator)
    trees, rows = median_seconds(lambda: evaluator.scorer.score(params, plan), lambda: plain(params))
    evaluator(0, params, "benchmark", folder)
    difference = largest_difference(plain(params), folder, name)
    speed = f"{len(asked) / trees:.0f} | {len(asked) / rows:.0f} | {rows / trees:.2f}"
    return f"| {name} | {speed} | {difference:.1e} |"


def main() -> None:
    """Prints the table."""
    sets = from_world(World(seed=0, documents=600).questions(QUESTIONS))
    general = World(seed=1, documents=600, names="general")
    decoder = Decoder(load(ModelConfig, find("demo-tiny", "models")))
    head = ["set", "trees, questions/s", "one request per row, questions/s", "ratio", "largest difference"]
    lines = [machine(), "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/benchmark.model"
        vocabularies.train((text for one in general for text in one.texts.values()), decoder.config.vocab_size, path)
        pieces = vocabularies.load(path)
        for name, asked in sets.items():
            lines.append(row(name, asked, decoder, pieces, folder))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
