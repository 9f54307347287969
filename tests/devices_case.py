"""A program for eight simulated devices: `python devices_case.py OUT.json`, XLA_FLAGS set by who starts it.

Out: for every mesh how far logits, gradients and metrics of a training step lie from those of one
device, and the digests.
"""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from model_case import sharp, small_decoder

from jaxmlda.model import Decoder, huggingface
from jaxmlda.parallel import (
    batch_sharding,
    compile_for,
    local_batch,
    make_mesh,
    param_shardings,
    placing,
    sharded_kernel,
)
from jaxmlda.training.checkpoints import Checkpoints, params_digest, read_params
from jaxmlda.training.step import LossSettings, State, make_step

MESHES = {
    "fsdp 8": {"fsdp": 8},
    "fsdp 4, tensor 2": {"fsdp": 4, "tensor": 2},
    "fsdp 2, tensor 4": {"fsdp": 2, "tensor": 4},
    "tensor 8": {"fsdp": 1, "tensor": 8},
    "slice 2, data 2, fsdp 2": {"slice": 2, "data": 2, "fsdp": 2},
}
SETTINGS = LossSettings((1.0, 0.5), 1e-3, 16, 2, "stop")


def decoder():
    """Every cut dimension can be divided by eight."""
    return small_decoder(vocab_size=40, head_size=8, heads=8, kv_heads=4)


def placed_decoder(mesh, attention="plain"):
    """The same decoder, its activations and its kernel on the devices of a mesh."""
    return Decoder(decoder().config, attention=sharded_kernel(mesh, attention), place=placing(mesh))


def batch():
    """Sixteen rows of two documents and some padding."""
    rng = np.random.default_rng(0)
    segments = np.tile(np.repeat([1, 2, 0], [9, 10, 5]), (16, 1)).astype(np.int32)
    positions = np.tile(np.concatenate([np.arange(9), np.arange(10), np.arange(5)]), (16, 1)).astype(np.int32)
    return {
        "tokens": rng.integers(0, 40, (16, 24)).astype(np.int32),
        "segment_ids": segments,
        "positions": positions,
        "loss_mask": (segments > 0).astype(np.int32),
        "stream": (np.arange(16) % 2).astype(np.int32),
    }


def apart(found, expected):
    """Largest difference over all leaves, each in units of its largest expected magnitude."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(b).max()) for a, b in pairs)


def placed(mesh):
    """The parameters' shapes, cut for a mesh."""
    abstract = decoder().abstract()
    cut = param_shardings(mesh, abstract)
    return jax.tree.map(lambda leaf, one: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=one), abstract, cut)


def outcomes(mesh, params):
    """Logits, and metrics and gradient of one step, on one mesh."""
    model, rule = placed_decoder(mesh), optax.trace(decay=0.0)
    step = make_step(model, rule, SETTINGS)
    given = local_batch(mesh, batch(), batch_sharding(mesh))

    @jax.jit
    def work(params, batch):
        hidden = model.hidden(params, *(batch[name] for name in ("tokens", "positions", "segment_ids")))
        after, metrics = step(State(params, rule.init(params), jnp.int32(0)), batch)
        # A trace without decay holds the gradient that it was given.
        return {"logits": model.logits(params, hidden), "gradients": after.optimizer.trace, "metrics": metrics}

    return jax.tree.map(np.asarray, work(params, given))


def splash_apart(params):
    """How far the kernel of TPUs, interpreted, each device its rows and heads, lies from `plain` on one device."""
    mesh = make_mesh({"fsdp": 2, "tensor": 4})
    rows = [batch()[name] for name in ("tokens", "positions", "segment_ids")]
    cut = jax.jit(placed_decoder(mesh, "splash").hidden)(params, *rows)
    counts = rows[2] > 0
    return apart(np.asarray(cut)[counts], np.asarray(jax.jit(decoder().hidden)(params, *rows))[counts])


def told_of(mesh, home, expected):
    """What one mesh makes of the weights on disk."""
    like = placed(mesh)
    params = huggingface.read_params(home / "hf", decoder().config, like)
    kept = read_params(home / "run" / "checkpoints" / "0", like)
    found = outcomes(mesh, params)
    return {key: apart(found[key], expected[key]) for key in expected} | {
        "digest": params_digest(params),
        "kept": params_digest(kept),
        "bytes": compile_for(lambda p: jax.tree.map(lambda x: 2 * x, p), (like,), mesh).argument_bytes,
    }


def main():
    """Compares every mesh with the first device alone; the weights come from disk, written by that device."""
    home = Path(sys.argv[1]).parent
    alone = make_mesh({"fsdp": 1}, jax.devices()[:1])
    params = jax.device_put(sharp(decoder()), param_shardings(alone, decoder().abstract()))
    huggingface.write(home / "hf", decoder().config, params, {})
    keeper = Checkpoints(home / "run", 1)
    keeper.save_science(0, params, {"step": 0})
    keeper.close()
    expected = outcomes(alone, params)
    meshes = {name: told_of(make_mesh(sizes), home, expected) for name, sizes in MESHES.items()}
    told = {"devices": jax.device_count(), "digest": params_digest(params), "meshes": meshes}
    told["splash"] = splash_apart(jax.tree.map(np.asarray, params))
    Path(sys.argv[1]).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
