"""A small decoder with sharp weights, and its mathematics once more: plain numpy loops in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxmlda.model import Decoder, ModelConfig


def config(**changes):
    numbers = {
        "vocab_size": 37,
        "hidden_size": 16,
        "mlp_size": 24,
        "layers": 2,
        "heads": 4,
        "kv_heads": 2,
        "head_size": 6,
        "max_positions": 64,
    }
    return ModelConfig(**numbers | changes)


@functools.cache
def _init(decoder):
    return jax.jit(decoder.init)


def fresh(decoder, seed=0):
    """The decoder's initial parameters."""
    return _init(decoder)(jax.random.key(seed))


@functools.cache
def sharp(decoder, seed=0, spread=0.2):
    """Weights so large that what a token attends to decides its logits, norms that are not 1."""
    rng = np.random.default_rng(seed)

    def one(path, leaf):
        noise = rng.standard_normal(leaf.shape).astype(np.float32)
        return jnp.asarray(1 + 0.3 * noise if path[-1].key == "scale" else spread * noise)

    return jax.tree_util.tree_map_with_path(one, decoder.abstract())


def norm(x, scale, eps):
    return x / np.sqrt(np.mean(x * x) + eps) * scale


def turn(x, position, theta):
    """One head's vector, its pairs (i, i + size/2) turned by position x theta^(-2i/size)."""
    half, out = len(x) // 2, np.zeros(len(x))
    for i in range(half):
        angle = position * theta ** (-2 * i / len(x))
        out[i] = x[i] * np.cos(angle) - x[i + half] * np.sin(angle)
        out[i + half] = x[i + half] * np.cos(angle) + x[i] * np.sin(angle)
    return out


def sees(query, key, segments, branches):
    same = segments[query] == segments[key] and key <= query
    return same and (branches is None or branches[key] in (0, branches[query]))


def attend(layer, x_LD, row, c):
    """Attention of every position of one row, a query head at a time."""
    positions, segments, branches = row
    length, group = len(x_LD), c.heads // c.kv_heads
    mixed = np.zeros((length, c.heads, c.head_size))
    q, k, v = ((x_LD @ layer["attention"][name]).reshape(length, -1, c.head_size) for name in "qkv")
    for i in range(length):
        for head in range(c.heads):
            mine = turn(q[i, head], positions[i], c.rope_theta)
            keys = [j for j in range(length) if sees(i, j, segments, branches)]
            scores = [mine @ turn(k[j, head // group], positions[j], c.rope_theta) / np.sqrt(c.head_size) for j in keys]
            weights = np.exp(np.array(scores) - max(scores))
            mixed[i, head] = sum(w * v[j, head // group] for w, j in zip(weights / weights.sum(), keys, strict=True))
    return mixed.reshape(length, -1) @ layer["attention"]["o"]


def feed(mlp, x):
    gate = x @ mlp["gate"]
    return (gate / (1 + np.exp(-gate)) * (x @ mlp["up"])) @ mlp["down"]


def slow_logits(c, params, tokens, *row):
    """Logits of one row [length, vocabulary]; the row is positions, segments and perhaps branches."""
    row = (*row, None)[:3]
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    x = params["embedding"][np.asarray(tokens)]
    for number in range(c.layers):
        layer = jax.tree.map(lambda leaf, number=number: leaf[number], params["layers"])
        normal = np.stack([norm(row, layer["attention_norm"]["scale"], c.norm_eps) for row in x])
        x = x + attend(layer, normal, row, c)
        x = x + np.stack([feed(layer["mlp"], norm(row, layer["mlp_norm"]["scale"], c.norm_eps)) for row in x])
    final = np.stack([norm(row, params["norm"]["scale"], c.norm_eps) for row in x])
    return final @ params["embedding" if c.tied_embeddings else "head"].T


@functools.cache
def _compiled(decoder):
    return jax.jit(lambda params, *row: decoder.logits(params, decoder.hidden(params, *row)))


def logits(decoder, params, *row):
    """The decoder's logits of one row: tokens, positions, segments, perhaps branches; padded to one shape."""
    count = len(row[0])
    rows = [np.pad(np.asarray(x, np.int32), (0, 16 - count))[None] for x in row]
    return np.asarray(_compiled(decoder)(params, *rows))[0, :count]


def close(found, expected, tolerance=1e-5):
    """Largest difference, in units of the largest expected magnitude, must stay below the tolerance."""
    assert np.abs(np.asarray(found) - expected).max() <= tolerance * np.abs(expected).max()


@functools.cache
def small_decoder(**changes):
    return Decoder(config(**changes))
