"""Two tables say where everything lives: pattern of a parameter's path, or name of an activation → mesh axes."""

import math
import re
from collections.abc import Callable
from types import EllipsisType
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxmlda.errors import UserError
from jaxmlda.parallel.mesh import ROWS, divisors

# The leading axis of everything under layers/ is the layer number, never cut.
TABLE: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    (r"^(embedding|head)$", ("tensor", "fsdp")),
    (r"^layers/attention/(q|k|v)$", (None, "fsdp", "tensor")),
    (r"^layers/attention/(q|k|v)_bias$", (None, "tensor")),
    (r"^layers/attention/o$", (None, "tensor", "fsdp")),
    (r"^layers/mlp/(gate|up)$", (None, "fsdp", "tensor")),
    (r"^layers/mlp/down$", (None, "tensor", "fsdp")),
    (r"norm/scale$", ()),
)
# Three dots stand for any number of dimensions that are left to the compiler.
ACTIVATIONS: dict[str, tuple[tuple[str, ...] | str | EllipsisType | None, ...]] = {
    "hidden": (ROWS, None, None),
    "heads": (ROWS, None, "tensor", None),
    "mlp": (ROWS, ..., "tensor"),
    "logits": (ROWS, ..., "tensor"),
}


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
    leaves = [(path_name(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(abstract)]
    cuts = [(name, axis, number) for name, leaf in leaves for axis, number in _cut(name, leaf)]
    for name, axis, number in cuts:
        if number % mesh.shape[axis]:
            common = math.gcd(*(other for _, cut, other in cuts if cut == axis))
            raise UserError(
                f"mesh: {axis}={mesh.shape[axis]} does not divide {name} (a dimension of {number}); "
                f"mesh.{axis} can be {divisors(common)}"
            )
    return jax.tree_util.tree_map_with_path(lambda path, _: NamedSharding(mesh, spec_for(path_name(path))), abstract)


def _cut(name: str, leaf: Any) -> list[tuple[str, int]]:
    """The axes that cut a leaf, each with the size of its dimension."""
    return [(axis, size) for axis, size in zip(spec_for(name), leaf.shape, strict=False) if axis is not None]


def placed(abstract: Any, shardings: Any) -> Any:
    """Shapes that know where they will live."""
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), abstract, shardings
    )


def placing(mesh: Mesh) -> Callable[[jax.Array, str], jax.Array]:
    """The function `place(x, name)` that holds an activation to its row of the table.

    A dimension that its axes do not divide is left to the compiler.
    """

    def place(x: jax.Array, name: str) -> jax.Array:
        row = ACTIVATIONS[name]
        free = PartitionSpec.UNCONSTRAINED
        if ... in row:
            at = row.index(...)
            row = (*row[:at], *[free] * (x.ndim - len(row) + 1), *row[at + 1 :])
        axes = [one if _divides(mesh, one, size) else free for one, size in zip(row, x.shape, strict=True)]
        return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, PartitionSpec(*axes)))

    return place if mesh.size > 1 else lambda x, _: x


def _divides(mesh: Mesh, axes: Any, size: int) -> bool:
    if axes is None or axes is PartitionSpec.UNCONSTRAINED:
        return True
    names = (axes,) if isinstance(axes, str) else axes
    return size % math.prod(mesh.shape[name] for name in names) == 0
