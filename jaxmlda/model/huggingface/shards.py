"""Safetensors of a Hugging Face folder. In: one file, or several with an index; out: what reads a tensor's slices.

Files are judged by their own headers: the index must say neither less nor more than they hold.
"""

from typing import Any

import ml_dtypes  # noqa: F401  numpy learns bfloat16 from it, which safetensors asks for
from etils import epath
from safetensors import SafetensorError, safe_open

from jaxmlda.errors import UserError
from jaxmlda.storage import read_json

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


def slices(folder: epath.Path) -> dict[str, Any]:
    """Tensor name → what reads its slices; tensors that a file holds unnamed by the index are among them."""
    files = _files(folder)
    opened = {path: _opened(path) for path in sorted(set(files.values()))}
    held = {path: set(one.keys()) for path, one in opened.items()}
    for path, names in held.items():
        gone = {name for name, file in files.items() if file == path} - names
        if gone:
            raise UserError(f"{path}: has no {min(gone)}, but {INDEX} says so; copy the folder whole")
    for path, names in held.items():
        twice = {name for name in names if files.setdefault(name, path) != path}
        if twice:
            raise UserError(
                f"{path}: has a {min(twice)} too, which {files[min(twice)].name} has; which one counts cannot be told, "
                "copy the folder anew"
            )
    return {name: opened[path].get_slice(name) for name, path in files.items()}


def _files(folder: epath.Path) -> dict[str, epath.Path]:
    """Tensor name → file."""
    if str(folder).startswith("gs://"):
        raise UserError(f"{folder}: safetensors are read from local disks; copy the folder there first")
    if (folder / INDEX).exists():
        return {name: folder / file for name, file in _weight_map(folder / INDEX).items()}
    if not (folder / WEIGHTS).exists():
        raise UserError(
            f"{folder}: no {WEIGHTS} nor {INDEX}; pickled weights are not read, save the model as safetensors"
        )
    return dict.fromkeys(_opened(folder / WEIGHTS).keys(), folder / WEIGHTS)


def _weight_map(path: epath.Path) -> dict[str, str]:
    stored = read_json(path)
    found = stored.get("weight_map") if isinstance(stored, dict) else None
    if not isinstance(found, dict) or not found or not all(isinstance(file, str) for file in found.values()):
        raise UserError(
            f"{path}: weight_map is needed, a mapping of every tensor's name to its file; copy the index again"
        )
    return found


def _opened(path: epath.Path) -> Any:
    try:
        return safe_open(path, framework="numpy")
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file, but {INDEX} names it; copy the folder whole") from error
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: cannot be read as safetensors ({error}); copy it again") from error
