"""Weights of a Hugging Face folder. In: safetensors, in one file or several; out: arrays where `like` wants them.

Each device's part is read by slices into one buffer, so that the host holds about one stacked array at a time.
"""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import ml_dtypes  # noqa: F401  numpy learns bfloat16 from it, which safetensors asks for
import numpy as np
import sentencepiece
import tokenizers
from etils import epath
from safetensors import SafetensorError, safe_open

from jaxmlda.errors import UserError
from jaxmlda.model.config import ModelConfig
from jaxmlda.model.huggingface.config import CONFIG, family_of
from jaxmlda.model.huggingface.family import Tensor
from jaxmlda.storage import read_json

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
DTYPES = {"F64": "float32", "F32": "float32", "F16": "float32", "BF16": "bfloat16"}


def _files(folder: epath.Path) -> dict[str, epath.Path]:
    """Tensor name → file."""
    if str(folder).startswith("gs://"):
        raise UserError(f"{folder}: safetensors are read from local disks; copy the folder there first")
    if (folder / INDEX).exists():
        return {name: folder / file for name, file in read_json(folder / INDEX)["weight_map"].items()}
    if not (folder / WEIGHTS).exists():
        raise UserError(
            f"{folder}: no {WEIGHTS} nor {INDEX}; pickled weights are not read, save the model as safetensors"
        )
    return dict.fromkeys(_opened(folder / WEIGHTS).keys(), folder / WEIGHTS)


def _opened(path: epath.Path) -> Any:
    try:
        return safe_open(path, framework="numpy")
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file, but {INDEX} names it; copy the folder whole") from error
    except SafetensorError as error:
        raise UserError(f"{path}: cannot be read as safetensors ({error}); copy it again") from error


def _slices(folder: epath.Path) -> dict[str, Any]:
    """Tensor name → what reads its slices."""
    files = _files(folder)
    opened = {path: _opened(path) for path in set(files.values())}
    for path, one in opened.items():
        gone = {name for name, file in files.items() if file == path} - set(one.keys())
        if gone:
            raise UserError(f"{path}: has no {min(gone)}, but {INDEX} says so; copy the folder whole")
    return {name: opened[path].get_slice(name) for name, path in files.items()}


def stored_dtype(folder: epath.PathLike) -> str:
    """The format that holds every tensor of a folder without loss: bfloat16 where all are, else float32."""
    formats = {one.get_dtype() for one in _slices(epath.Path(folder)).values()}
    return "bfloat16" if formats == {"BF16"} else "float32"


def check_tokenizer(folder: epath.PathLike, config: ModelConfig) -> None:
    """Refuses a tokenizer in the folder that makes ids beyond the embedding table; special tokens are never made."""
    home = epath.Path(folder)
    highest = None
    if (home / "tokenizer.json").exists():
        model = tokenizers.Tokenizer.from_file(str(home / "tokenizer.json"))
        special = {number for number, token in model.get_added_tokens_decoder().items() if token.special}
        highest = max(set(model.get_vocab(with_added_tokens=True).values()) - special, default=0)
    elif (home / "tokenizer.model").exists():
        model = sentencepiece.SentencePieceProcessor(model_file=str(home / "tokenizer.model"))
        highest = model.vocab_size() - 1
    if highest is not None and highest >= config.vocab_size:
        raise UserError(
            f"{home}: the tokenizer makes ids up to {highest}, the embedding has {config.vocab_size} rows; they do "
            "not belong together, copy the tokenizer of this model"
        )


def _check_names(folder: epath.Path, wanted: set[str], there: Iterable[str], tied: bool) -> None:
    surplus = {name for name in set(there) - wanted if not name.endswith("rotary_emb.inv_freq")}
    if tied:
        surplus.discard("lm_head.weight")
    missing = wanted - set(there)
    if missing or surplus:
        raise UserError(f"{folder}: tensors missing: {sorted(missing)[:5]}; surplus: {sorted(surplus)[:5]}")


def read_params(folder: epath.PathLike, config: ModelConfig, like: Any) -> Any:
    """Parameters read by slices, each device's own part only, in the shardings and formats of `like`."""
    home = epath.Path(folder)
    family = family_of(home / CONFIG, read_json(home / CONFIG))
    entries = list(family.tensors(like))
    there = _slices(home)
    wanted = {name for _, tensor, _ in entries for name in tensor.names(config.layers)}
    _check_names(home, wanted, there, config.tied_embeddings)
    for _, tensor, leaf in entries:
        _check_shapes(home, tensor, leaf, {name: there[name] for name in tensor.names(config.layers)})
    params: dict[str, Any] = {}
    for path, tensor, leaf in entries:
        read = _reader(tensor, [there[name] for name in tensor.names(config.layers)], leaf)
        array = jax.make_array_from_callback(leaf.shape, leaf.sharding, read)
        # The buffer of one array goes before that of the next comes.
        _put(params, path, array.block_until_ready())
    return params


def _check_shapes(home: epath.Path, tensor: Tensor, leaf: Any, there: dict[str, Any]) -> None:
    wanted = leaf.shape[1:] if tensor.stacked else leaf.shape
    wanted = tuple(wanted[::-1] if tensor.turned else wanted)
    for name, one in there.items():
        if tuple(one.get_shape()) != wanted:
            raise UserError(f"{home}: {name} is {tuple(one.get_shape())}, config.json says {wanted}")
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
