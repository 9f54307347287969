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


# What the families add to Llama, each combination as one of them has it, with numbers small enough to matter.
FAMILIES = {
    "windows everywhere": {"window": 4},
    "biases": {"qkv_bias": True, "window": 3, "full_layers": [0]},
    "norms of heads": {"qk_norm": "head", "head_size": 8},
    "norms after": {"norms": "after", "qk_norm": "width"},
    "norms around, caps, windows": {
        "norms": "both",
        "norm_offset": True,
        "activation": "gelu_tanh",
        "scaled_embeddings": True,
        "query_scalar": 13,
        "attention_soft_cap": 2.0,
        "logit_soft_cap": 3.0,
        "window": 4,
        "full_layers": [1],
        "tied_embeddings": True,
    },
    "a base for windows": {
        "window": 4,
        "full_layers": [1],
        "local_rope_theta": 30.0,
        "rope_scaling": {"kind": "linear", "factor": 3.0},
        "layers": 3,
        "qk_norm": "head",
    },
}


@functools.cache
def sharp(decoder, seed=0, spread=0.2):
    """Weights so large that what a token attends to decides its logits, norms that are not 1."""
    rng = np.random.default_rng(seed)
    middle = 0.0 if decoder.config.norm_offset else 1.0

    def one(path, leaf):
        noise = rng.standard_normal(leaf.shape).astype(np.float32)
        return jnp.asarray(middle + 0.3 * noise if path[-1].key == "scale" else spread * noise)

    return jax.tree_util.tree_map_with_path(one, decoder.abstract())


def norm(x, scale, c):
    return x / np.sqrt(np.mean(x * x) + c.norm_eps) * (scale + c.norm_offset)


def turn(x, position, theta, factor=1.0):
    """One head's vector, its pairs (i, i + size/2) turned by position / factor x theta^(-2i/size)."""
    half, out = len(x) // 2, np.zeros(len(x))
    for i in range(half):
        angle = position / factor * theta ** (-2 * i / len(x))
        out[i] = x[i] * np.cos(angle) - x[i + half] * np.sin(angle)
        out[i + half] = x[i + half] * np.cos(angle) + x[i] * np.sin(angle)
    return out


def sees(query, key, row, window):
    positions, segments, branches = row
    same = segments[query] == segments[key] and key <= query
    near = window is None or positions[query] - positions[key] < window
    return same and near and (branches is None or branches[key] in (0, branches[query]))


def projected(weights, x, name, c):
    """One position's heads of queries, keys or values."""
    flat = x @ weights[name] + (weights[f"{name}_bias"] if c.qkv_bias else 0)
    if c.qk_norm == "width" and name != "v":
        flat = norm(flat, weights[f"{name}_norm"]["scale"], c)
    heads = flat.reshape(-1, c.head_size)
    if c.qk_norm == "head" and name != "v":
        heads = np.stack([norm(head, weights[f"{name}_norm"]["scale"], c) for head in heads])
    return heads


def attend(weights, x_LD, row, c, window):
    """Attention of every position of one row, a query head at a time."""
    positions, length, group = row[0], len(x_LD), c.heads // c.kv_heads
    mixed = np.zeros((length, c.heads, c.head_size))
    q, k, v = ([projected(weights, x, name, c) for x in x_LD] for name in "qkv")
    turned = (
        (c.local_rope_theta,) if window and c.local_rope_theta else (c.rope_theta, getattr(c.rope_scaling, "factor", 1))
    )
    for i in range(length):
        for head in range(c.heads):
            mine = turn(q[i][head], positions[i], *turned)
            keys = [j for j in range(length) if sees(i, j, row, window)]
            scores = [mine @ turn(k[j][head // group], positions[j], *turned) for j in keys]
            scores = np.array(scores) / np.sqrt(c.query_scalar or c.head_size)
            if c.attention_soft_cap:
                scores = c.attention_soft_cap * np.tanh(scores / c.attention_soft_cap)
            weights_of_keys = np.exp(scores - max(scores))
            shares = weights_of_keys / weights_of_keys.sum()
            mixed[i, head] = sum(w * v[j][head // group] for w, j in zip(shares, keys, strict=True))
    return mixed.reshape(length, -1) @ weights["o"]


def feed(mlp, x, c):
    gate = x @ mlp["gate"]
    if c.activation == "silu":
        return (gate / (1 + np.exp(-gate)) * (x @ mlp["up"])) @ mlp["down"]
    bent = np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3))
    return (gate * (1 + bent) / 2 * (x @ mlp["up"])) @ mlp["down"]


def through(layer, x_LD, row, c, window):
    """One layer."""

    def normed(name, rows):
        return np.stack([norm(x, layer[name]["scale"], c) for x in rows]) if name in layer else rows

    mixed = attend(layer["attention"], normed("attention_norm", x_LD), row, c, window)
    x_LD = x_LD + normed("attention_out_norm", mixed)
    fed = np.stack([feed(layer["mlp"], x, c) for x in normed("mlp_norm", x_LD)])
    return x_LD + normed("mlp_out_norm", fed)


def slow_logits(c, params, tokens, *row):
    """Logits of one row [length, vocabulary]; the row is positions, segments and perhaps branches."""
    row = (*row, None)[:3]
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    x = params["embedding"][np.asarray(tokens)] * (np.sqrt(c.hidden_size) if c.scaled_embeddings else 1)
    for number in range(c.layers):
        layer = jax.tree.map(lambda leaf, number=number: leaf[number], params["layers"])
        x = through(layer, x, row, c, None if number in c.full_layers else c.window)
    final = np.stack([norm(row, params["norm"]["scale"], c) for row in x])
    logits = final @ params["embedding" if c.tied_embeddings else "head"].T
    return c.logit_soft_cap * np.tanh(logits / c.logit_soft_cap) if c.logit_soft_cap else logits


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
def _decoder(model):
    return Decoder(model)


def small_decoder(**changes):
    return _decoder(config(**changes))
