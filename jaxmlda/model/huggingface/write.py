"""A Hugging Face folder from parameters. In: a configuration and its arrays; out: safetensors and `config.json`.

Files hold at most a few gigabytes each, and the host holds one file at a time.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from etils import epath
from safetensors.numpy import save_file

from jaxmlda.errors import UserError
from jaxmlda.model.config import ModelConfig
from jaxmlda.model.huggingface.config import CONFIG, config_json
from jaxmlda.model.huggingface.family import FAMILIES, Family
from jaxmlda.model.huggingface.shards import INDEX, WEIGHTS
from jaxmlda.storage import write_json

FILE_BYTES = 4 * 2**30


class _Piece(NamedTuple):
    """One of their tensors: where it lies in ours."""

    name: str
    leaf: Any
    layer: int | None
    turned: bool

    @property
    def nbytes(self) -> int:
        return self.leaf.nbytes // (1 if self.layer is None else self.leaf.shape[0])

    def array(self) -> np.ndarray:
        """Its numbers on the host."""
        found = np.asarray(jax.device_get(self.leaf if self.layer is None else self.leaf[self.layer]))
        return np.ascontiguousarray(found.T) if self.turned else found


def _pieces(family: Family, params: Any, layers: int) -> Iterator[_Piece]:
    for _, tensor, leaf in family.tensors(params):
        for number, name in enumerate(tensor.names(layers)):
            yield _Piece(name, leaf, number if tensor.stacked else None, tensor.turned)


def _files(pieces: list[_Piece], limit: int) -> list[list[_Piece]]:
    """In the order of their names, files filled up to the limit."""
    files: list[list[_Piece]] = [[]]
    for piece in sorted(pieces):
        if files[-1] and sum(one.nbytes for one in files[-1]) + piece.nbytes > limit:
            files.append([])
        files[-1].append(piece)
    return files


def write(
    folder: epath.PathLike, config: ModelConfig, params: Any, special: Mapping[str, Any], file_bytes: int = FILE_BYTES
) -> None:
    """A folder that transformers loads; the numbers stay as they are, bit for bit."""
    home = epath.Path(folder)
    if str(home).startswith("gs://"):
        raise UserError(f"{home}: safetensors are written to local disks; write there, then copy the folder")
    dtype = str(params["norm"]["scale"].dtype)
    stored = config_json(config, dtype, special)
    home.mkdir(parents=True, exist_ok=True)
    pieces = list(_pieces(FAMILIES[stored["architectures"][0]], params, config.layers))
    files = _files(pieces, file_bytes)
    names = (
        [WEIGHTS]
        if len(files) == 1
        else [f"model-{n + 1:05}-of-{len(files):05}.safetensors" for n in range(len(files))]
    )
    for name, content in zip(names, files, strict=True):
        save_file({piece.name: piece.array() for piece in content}, str(home / name), metadata={"format": "pt"})
    if len(files) > 1:
        where = {piece.name: name for name, content in zip(names, files, strict=True) for piece in content}
        write_json(home / INDEX, {"metadata": {"total_size": sum(one.nbytes for one in pieces)}, "weight_map": where})
    write_json(home / CONFIG, stored)
