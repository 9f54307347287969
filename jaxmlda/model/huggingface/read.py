"""Weights of a Hugging Face folder. In: safetensors, in one file or several; out: arrays where `like` wants them.

Each device's part is read by slices into one buffer, so that the host holds about one stacked array at a time.
"""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.model.config import ModelConfig
from jaxmlda.model.huggingface.config import CONFIG, family_of, stored_fields
from jaxmlda.model.huggingface.family import Tensor
from jaxmlda.model.huggingface.shards import slices

# float64 has more digits than any format here.
DTYPES = {"F32": "float32", "F16": "float32", "BF16": "bfloat16"}
HEAD, TABLE = "lm_head.weight", "model.embed_tokens.weight"
COMPARED_ROWS = 4096


def stored_dtype(folder: epath.PathLike) -> str:
    """The format that holds every tensor of a folder without loss: bfloat16 where all are, else float32."""
    formats = {one.get_dtype() for one in slices(epath.Path(folder)).values()}
    return "bfloat16" if formats == {"BF16"} else "float32"


def _check_names(folder: epath.Path, wanted: set[str], there: Iterable[str], tied: bool) -> None:
    surplus = {name for name in set(there) - wanted if not name.endswith("rotary_emb.inv_freq")}
    if tied:
        surplus.discard(HEAD)
    missing = wanted - set(there)
    if missing or surplus:
        raise UserError(f"{folder}: tensors missing: {sorted(missing)[:5]}; surplus: {sorted(surplus)[:5]}")


def read_params(folder: epath.PathLike, config: ModelConfig, like: Any) -> Any:
    """Parameters read by slices, each device's own part only, in the shardings and formats of `like`."""
    home = epath.Path(folder)
    family = family_of(home / CONFIG, stored_fields(home))
    entries = list(family.tensors(like))
    there = slices(home)
    wanted = {name for _, tensor, _ in entries for name in tensor.names(config.layers)}
    _check_names(home, wanted, there, config.tied_embeddings)
    for _, tensor, leaf in entries:
        _check_shapes(home, tensor, leaf, {name: there[name] for name in tensor.names(config.layers)})
    if config.tied_embeddings and HEAD in there and not _equal(there[HEAD], there[TABLE]):
        raise UserError(
            f"{home}: tie_word_embeddings is true, but {HEAD} is not {TABLE}; set tie_word_embeddings to false in "
            f"{CONFIG} if the model has a head of its own, else take {HEAD} out"
        )
    params: dict[str, Any] = {}
    for path, tensor, leaf in entries:
        read = _reader(tensor, [there[name] for name in tensor.names(config.layers)], leaf)
        array = jax.make_array_from_callback(leaf.shape, leaf.sharding, read)
        # The buffer of one array goes before that of the next comes.
        _put(params, path, array.block_until_ready())
    return params


def _equal(one: Any, other: Any) -> bool:
    """Whether two tensors hold the same numbers, compared some rows at a time."""
    if one.get_shape() != other.get_shape() or one.get_dtype() not in DTYPES:
        return False
    rows = one.get_shape()[0]
    cuts = [slice(at, min(at + COMPARED_ROWS, rows)) for at in range(0, rows, COMPARED_ROWS)]
    return all(np.array_equal(one[cut], other[cut]) for cut in cuts)


def _check_shapes(home: epath.Path, tensor: Tensor, leaf: Any, there: dict[str, Any]) -> None:
    wanted = leaf.shape[1:] if tensor.stacked else leaf.shape
    wanted = tuple(wanted[::-1] if tensor.turned else wanted)
    for name, one in there.items():
        if tuple(one.get_shape()) != wanted:
            raise UserError(f"{home}: {name} is {tuple(one.get_shape())}, config.json says {wanted}")
        if one.get_dtype() == "F64":
            raise UserError(
                f"{home}: {name} has format F64, which no format of parameters holds; save it as float32, which rounds"
            )
        if one.get_dtype() not in DTYPES:
            raise UserError(
                f"{home}: {name} has format {one.get_dtype()}; understood are {', '.join(DTYPES)}, quantised weights "
                "are not read"
            )


def _reader(tensor: Tensor, there: list[Any], leaf: Any) -> Callable[[tuple[slice, ...]], np.ndarray]:
    def fill(out: np.ndarray, one: Any, index: tuple[slice, ...]) -> None:
        part = one[index[::-1] if tensor.turned else index]
        out[...] = part.T if tensor.turned else part

    def read(index: tuple[slice, ...]) -> np.ndarray:
        shape = [len(range(*cut.indices(size))) for cut, size in zip(index, leaf.shape, strict=True)]
        out = np.empty(shape, leaf.dtype)
        if not tensor.stacked:
            fill(out, there[0], index)
            return out
        for place, one in zip(out, there[index[0]], strict=True):
            fill(place, one, index[1:])
        return out

    return read


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value
