"""One table says how every parameter is cut: pattern of its path → mesh axes of its dimensions."""

import re
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxmlda.errors import UserError

# The leading axis of everything under layers/ is the layer number, never cut.
TABLE: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    (r"^(embedding|head)$", ("tensor", "fsdp")),
    (r"^layers/attention/(q|k|v)$", (None, "fsdp", "tensor")),
    (r"^layers/attention/o$", (None, "tensor", "fsdp")),
    (r"^layers/mlp/(gate|up)$", (None, "fsdp", "tensor")),
    (r"^layers/mlp/down$", (None, "tensor", "fsdp")),
    (r"norm/scale$", ()),
)


def path_name(path: tuple) -> str:
    """The slash-separated name of a leaf."""
    return "/".join(str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))) for key in path)


def spec_for(name: str) -> PartitionSpec:
    """The table's row for a parameter; a parameter without a row is an error, not a silent copy on every device."""
    for pattern, axes in TABLE:
        if re.search(pattern, name):
            return PartitionSpec(*axes)
    raise UserError(f"parameter {name!r} has no row in the sharding table; add one to jaxmlda/parallel/table.py")


def param_shardings(mesh: Mesh, abstract: Any) -> Any:
    """The sharding of every leaf, checked: each cut dimension must be divisible by its axis."""

    def one(path: tuple, leaf: jax.ShapeDtypeStruct) -> NamedSharding:
        name, spec = path_name(path), spec_for(path_name(path))
        for number, axis in zip(leaf.shape, spec, strict=False):
            if axis is not None and number % mesh.shape[axis]:
                raise UserError(
                    f"mesh: {axis}={mesh.shape[axis]} does not divide {name} (a dimension of {number}); "
                    f"choose a divisor of {number}"
                )
        return NamedSharding(mesh, spec)

    return jax.tree_util.tree_map_with_path(one, abstract)
