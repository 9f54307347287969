"""A training run of seconds: hand-made rows, a tiny decoder, its run file; and a program that is stopped on the way.

`python training_case.py CONFIG SIGNAL STEP` trains by the verb and sends itself the signal when it reads STEP's rows.
"""

import contextlib
import functools
import json
import os
import signal
import sys
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import yaml
from jax.experimental.compilation_cache import compilation_cache

from jaxmlda.config import Run
from jaxmlda.model import Decoder, ModelConfig
from jaxmlda.parallel import make_mesh
from jaxmlda.rows import Rows, ledger, store
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.training.loop import Loop
from jaxmlda.verbs.command import main
from jaxmlda.verbs.sources import source_of
from jaxmlda.verbs.train import run as train_verb

LENGTH, BATCH = 16, 4
MODEL = {
    "vocab_size": 64,
    "hidden_size": 16,
    "mlp_size": 24,
    "layers": 2,
    "heads": 2,
    "kv_heads": 1,
    "head_size": 8,
    "max_positions": LENGTH,
}
STREAMS = [{"name": "native", "weight": 1.0}, {"name": "transfer", "weight": 0.5}]


def write_rows(folder, count=40, source=None, rare=range(0)):
    """Rows of two documents and some padding; token t is followed by 3t + 1 most of the time, so there is a rule.

    Token 0 stands in the rows `rare` and nowhere else.
    """
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 64, (count, LENGTH)).astype(np.int32)
    for column in range(1, LENGTH):
        ruled = rng.random(count) < 0.8
        tokens[ruled, column] = np.maximum((3 * tokens[ruled, column - 1] + 1) % 64, 1)
    tokens[list(rare), 2] = 0
    ends = rng.integers(4, 9, count)
    segments = np.where(np.arange(LENGTH) < ends[:, None], 1, 2).astype(np.int32)
    segments[::5, -3:] = 0
    meta = {
        "recipe": "hand",
        "native_languages": ["en"],
        "allow_leak": False,
        "sequence_length": LENGTH,
        "streams": STREAMS,
        "source": source or {},
    }
    table = pa.table({field.name: pa.nulls(count, field.type) for field in ledger.SCHEMA})
    table = table.set_column(0, "row", pa.array(np.arange(count)))
    block = {"tokens": tokens, "segment_ids": segments, "loss_mask": (segments > 0).astype(np.uint8)}
    store.write(folder, iter([block]), [table], np.arange(count) % 2, meta)
    return Rows(folder)


def settings(output, **training):
    """A run file's content; keyword arguments are settings of training, or of checkpoints."""
    checkpoints = {
        "science": training.pop("science", {"every": 3}),
        "resume_minutes": training.pop("resume_minutes", 100),
    }
    return {
        "name": "tiny",
        "corpus": str(output),
        "vocabulary": str(Path(output) / "vocabulary.model"),
        "recipe": str(Path(output) / "recipe.yaml"),
        "rows": {"sequence_length": LENGTH},
        "model": str(Path(output) / "model.yaml"),
        "mesh": {"fsdp": 1},
        "training": {
            "batch_size": BATCH,
            "schedule": {"name": "constant", "peak": 1e-2, "final": 1e-2},
            "precision": {"compute": "float32"},
            "remat": "none",
        }
        | training,
        "checkpoints": checkpoints,
        "output": str(output),
    }


@functools.cache
def decoder(remat="none"):
    return Decoder(ModelConfig(**MODEL), remat=remat)


@functools.cache
def params(seed=0):
    """Initial weights by numpy, so that no test waits for a compiler."""
    rng = np.random.default_rng(seed)

    def one(path, leaf):
        drawn = 0.1 * rng.standard_normal(leaf.shape).astype(np.float32)
        return np.ones_like(drawn) if path[-1].key == "scale" else drawn

    return jax.tree_util.tree_map_with_path(one, decoder().abstract())


def weights(like):
    """The initial weights on the devices of `like`."""
    return jax.tree.map(lambda leaf, one: jax.device_put(leaf, one.sharding), params(), like)


@contextlib.contextmanager
def compilations_kept(folder):
    """Within it, a function that was compiled before is read from the folder."""
    wanted = {"jax_compilation_cache_dir": str(folder), "jax_persistent_cache_min_compile_time_secs": 0}
    before = {name: getattr(jax.config, name) for name in wanted}
    for settings in (wanted, before):
        for name, value in settings.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        if settings is wanted:
            yield


def loop(output, rows, **changes):
    """A loop that is ready to train."""
    run = Run.model_validate(settings(output, **changes))
    meta = {"run": "tiny", "model": decoder().config.model_dump()}
    return Loop(run, decoder(run.training.remat), rows, make_mesh({"fsdp": 1}, jax.devices()[:1]), meta)


RECIPE = {
    "name": "hand",
    "native_languages": ["en"],
    "phases": [
        {"name": "all", "streams": [{"name": "n", "kind": "native", "languages": ["en"], "arms": ["en"], "epochs": 1}]}
    ],
}


def write_folder(output, **changes):
    """A run folder with everything that `train` asks for, its corpus a card alone; gives the path of its run file."""
    home = Path(output)
    home.mkdir(parents=True)
    vocabularies.train(["zinc is needed for taste", "亜鉛は味覚に必要"] * 20, 300, home / "vocabulary.model")
    size = vocabularies.load(home / "vocabulary.model").size
    run = settings(home, **changes)
    for name, content in (("model", MODEL | {"vocab_size": size}), ("recipe", RECIPE), ("run", run)):
        (home / f"{name}.yaml").write_text(yaml.safe_dump(content))
    (home / "card.json").write_text(json.dumps({"digest": "cccc"}))
    write_rows(home / "rows", source=source_of(Run.model_validate(run))._asdict())
    return home / "run.yaml"


def stopped_at(number, step):
    """Sends this process a signal when the rows of a step are asked for."""
    read = Rows.batch

    def batch(self, start, count):
        if start == step * count:
            os.kill(os.getpid(), number)
        return read(self, start, count)

    Rows.batch = batch


if __name__ == "__main__":
    if len(sys.argv) > 2:
        stopped_at(signal.Signals[sys.argv[2]], int(sys.argv[3]))
    main(train_verb, [sys.argv[1]])
