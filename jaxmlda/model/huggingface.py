"""The Hugging Face format of Llama checkpoints: a folder of safetensors with its `config.json`, read and written.

The mapping is data: our name, their name, how the matrix is turned. Pickled weights are refused.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.flax import save_file

from jaxmlda.errors import UserError
from jaxmlda.model.config import ModelConfig
from jaxmlda.storage import read_json, write_json

SUPPORTED = {"LlamaForCausalLM": "llama"}
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


class Entry(NamedTuple):
    """One of our arrays; `{layer}` in their name means one tensor a layer, stacked here."""

    ours: tuple[str, ...]
    theirs: str
    turned: bool


MAPPING = (
    Entry(("embedding",), "model.embed_tokens.weight", False),
    Entry(("head",), "lm_head.weight", False),
    Entry(("norm", "scale"), "model.norm.weight", False),
    Entry(("layers", "attention_norm", "scale"), "model.layers.{layer}.input_layernorm.weight", False),
    Entry(("layers", "mlp_norm", "scale"), "model.layers.{layer}.post_attention_layernorm.weight", False),
    *(
        Entry(("layers", "attention", name), f"model.layers.{{layer}}.self_attn.{name}_proj.weight", True)
        for name in "qkvo"
    ),
    *(
        Entry(("layers", "mlp", name), f"model.layers.{{layer}}.mlp.{name}_proj.weight", True)
        for name in ("gate", "up", "down")
    ),
)
# Values of config.json that would change the mathematics if they were passed over: name → what is understood.
UNDERSTOOD: dict[str, tuple[Any, ...]] = {
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "hidden_act": ("silu",),
    "rope_scaling": (None,),
    "pretraining_tp": (1, None),
    "quantization_config": (None,),
    "sliding_window": (None,),
    "partial_rotary_factor": (1.0, None),
    "rope_parameters.rope_type": ("default",),
    "rope_parameters.partial_rotary_factor": (1.0, None),
}


def read_config(folder: epath.PathLike) -> ModelConfig:
    """`config.json` as a model configuration; what would change the mathematics and is not understood is refused."""
    path = epath.Path(folder) / "config.json"
    stored = read_json(path)
    names = stored.get("architectures") or []
    if not set(names) & set(SUPPORTED):
        raise UserError(f"{path}: architectures {names} is not supported; supported are {', '.join(SUPPORTED)}")
    rope = stored.get("rope_parameters") or {}
    said = stored | {f"rope_parameters.{name}": value for name, value in rope.items()}
    for name, values in UNDERSTOOD.items():
        if name in said and said[name] not in values:
            raise UserError(f"{path}: {name} is {said[name]!r}; understood are {', '.join(map(repr, values))}")
    try:
        return _model_config(stored, rope.get("rope_theta") or stored.get("rope_theta") or 10_000.0)
    except KeyError as error:
        raise UserError(f"{path}: {error.args[0]} is needed and not there") from None
    except ValidationError as error:
        raise UserError(f"{path}: {'; '.join(fault['msg'] for fault in error.errors())}") from None


def _model_config(stored: dict[str, Any], theta: float) -> ModelConfig:
    heads = stored["num_attention_heads"]
    return ModelConfig(
        vocab_size=stored["vocab_size"],
        hidden_size=stored["hidden_size"],
        mlp_size=stored["intermediate_size"],
        layers=stored["num_hidden_layers"],
        heads=heads,
        kv_heads=stored.get("num_key_value_heads") or heads,
        head_size=stored.get("head_dim") or stored["hidden_size"] // heads,
        max_positions=stored["max_position_embeddings"],
        rope_theta=float(theta),
        norm_eps=stored["rms_norm_eps"],
        tied_embeddings=stored.get("tie_word_embeddings", False),
    )


def _entries(config: ModelConfig) -> Iterator[Entry]:
    return (entry for entry in MAPPING if not (config.tied_embeddings and entry.ours == ("head",)))


def _names(entry: Entry, config: ModelConfig) -> list[str]:
    if "{layer}" not in entry.theirs:
        return [entry.theirs]
    return [entry.theirs.format(layer=layer) for layer in range(config.layers)]


def _files(folder: epath.Path) -> dict[str, epath.Path]:
    """Tensor name → file."""
    if (folder / INDEX).exists():
        return {name: folder / file for name, file in read_json(folder / INDEX)["weight_map"].items()}
    if not (folder / WEIGHTS).exists():
        raise UserError(
            f"{folder}: no {WEIGHTS} nor {INDEX}; pickled weights are not read, save the model as safetensors"
        )
    return dict.fromkeys(_opened(folder / WEIGHTS).keys(), folder / WEIGHTS)


def _opened(path: epath.Path) -> Any:
    try:
        return safe_open(path, framework="flax")
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file, but {INDEX} names it; copy the folder whole") from error
    except SafetensorError as error:
        raise UserError(f"{path}: cannot be read as safetensors ({error}); copy it again") from error


def _check_names(folder: epath.Path, there: set[str], config: ModelConfig) -> None:
    wanted = {name for entry in _entries(config) for name in _names(entry, config)}
    surplus = {name for name in there - wanted if not name.endswith("rotary_emb.inv_freq")}
    if config.tied_embeddings:
        surplus.discard("lm_head.weight")
    if wanted - there or surplus:
        raise UserError(f"{folder}: tensors missing: {sorted(wanted - there)[:5]}; surplus: {sorted(surplus)[:5]}")


def read_params(folder: epath.PathLike, config: ModelConfig, like: Any) -> Any:
    """Parameters read by slices, each device's own part only, in the shardings and formats of `like`."""
    home = epath.Path(folder)
    files = _files(home)
    _check_names(home, set(files), config)
    opened = {path: _opened(path) for path in set(files.values())}
    params: dict[str, Any] = {}
    for entry in _entries(config):
        leaf = _at(like, entry.ours)
        slices = [opened[files[name]].get_slice(name) for name in _names(entry, config)]
        wanted = leaf.shape[1:] if "{layer}" in entry.theirs else leaf.shape
        wanted = wanted[::-1] if entry.turned else wanted
        for name, there in zip(_names(entry, config), slices, strict=True):
            if tuple(there.get_shape()) != wanted:
                raise UserError(f"{home}: {name} is {tuple(there.get_shape())}, config.json says {wanted}")
        array = jax.make_array_from_callback(leaf.shape, leaf.sharding, _reader(entry, slices, leaf.dtype))
        _put(params, entry.ours, array)
    return params


def _reader(entry: Entry, slices: list[Any], dtype: Any) -> Callable[[tuple[slice, ...]], jax.Array]:
    def one(tensor: Any, index: tuple[slice, ...]) -> jax.Array:
        part = tensor[index[::-1] if entry.turned else index]
        return (part.T if entry.turned else part).astype(dtype)

    def read(index: tuple[slice, ...]) -> jax.Array:
        if "{layer}" not in entry.theirs:
            return one(slices[0], index)
        return jnp.stack([one(tensor, index[1:]) for tensor in slices[index[0]]])

    return read


def write(folder: epath.PathLike, config: ModelConfig, params: Any, special: dict[str, int | None]) -> None:
    """A folder that transformers loads as LlamaForCausalLM."""
    home = epath.Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for entry in _entries(config):
        array = np.asarray(jax.device_get(_at(params, entry.ours)))
        layers = list(array) if "{layer}" in entry.theirs else [array]
        for name, one in zip(_names(entry, config), layers, strict=True):
            tensors[name] = jnp.asarray(one.T if entry.turned else one)
    save_file(tensors, str(home / WEIGHTS), metadata={"format": "pt"})
    write_json(home / "config.json", _config_json(config, str(tensors["model.norm.weight"].dtype), special))


def _config_json(config: ModelConfig, dtype: str, special: dict[str, int | None]) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.mlp_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_size,
        "max_position_embeddings": config.max_positions,
        "rope_theta": config.rope_theta,
        "rms_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tied_embeddings,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": dtype,
    } | {f"{name}_token_id": number for name, number in special.items()}


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value
