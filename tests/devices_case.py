"""A program for eight simulated devices: `python devices_case.py OUT.json`, XLA_FLAGS set by who starts it.

Out: for every mesh how far logits, gradients and metrics of a training step lie from those of one
device, and the digests.
"""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from model_case import sharp, small_decoder

from jaxmlda.parallel import batch_sharding, compile_for, local_batch, make_mesh, param_shardings
from jaxmlda.training.checkpoints import params_digest
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


def outcomes(mesh):
    """Logits, and metrics and gradient of one step, on one mesh."""
    model, rule = decoder(), optax.trace(decay=0.0)
    step, cut = make_step(model, rule, SETTINGS), param_shardings(mesh, model.abstract())
    params = jax.device_put(sharp(model), cut)
    given = local_batch(mesh, batch(), batch_sharding(mesh))

    @jax.jit
    def work(params, batch):
        hidden = model.hidden(params, *(batch[name] for name in ("tokens", "positions", "segment_ids")))
        after, metrics = step(State(params, rule.init(params), jnp.int32(0)), batch)
        # A trace without decay holds the gradient that it was given.
        return {"logits": model.logits(params, hidden), "gradients": after.optimizer.trace, "metrics": metrics}

    return jax.tree.map(np.asarray, work(params, given)), params_digest(params), _bytes_of(mesh, model, cut)


def _bytes_of(mesh, model, cut):
    placed = jax.tree.map(
        lambda leaf, one: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=one), model.abstract(), cut
    )
    return compile_for(lambda p: jax.tree.map(lambda x: 2 * x, p), (placed,), mesh).argument_bytes


def main():
    """Compares every mesh with the first device alone."""
    expected, digest, whole = outcomes(make_mesh({"fsdp": 1}, jax.devices()[:1]))
    told = {"devices": jax.device_count(), "digest": digest, "bytes": whole, "meshes": {}}
    for name, sizes in MESHES.items():
        found, cut_digest, part = outcomes(make_mesh(sizes))
        distances = {key: apart(found[key], expected[key]) for key in expected}
        told["meshes"][name] = distances | {"digest": cut_digest, "bytes": part}
    with open(sys.argv[1], "w") as stream:
        json.dump(told, stream)


if __name__ == "__main__":
    main()
