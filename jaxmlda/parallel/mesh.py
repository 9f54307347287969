"""The named mesh (slice, data, fsdp, tensor). In: sizes from the run file; out: a mesh, the shardings of batches."""

import math
from collections.abc import Mapping

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxmlda.errors import UserError

AXES = ("slice", "data", "fsdp", "tensor")
BATCH = PartitionSpec(("slice", "data", "fsdp"))


def sizes(wanted: Mapping[str, int], devices: int) -> tuple[int, ...]:
    """The four sizes with a single -1 replaced by what is left over."""
    numbers = [wanted.get(axis, 1) for axis in AXES]
    rest = [axis for axis, number in zip(AXES, numbers, strict=True) if number == -1]
    if len(rest) > 1:
        raise UserError(f"mesh: only one of {', '.join(rest)} can be -1 (the rest); give the others a number")
    known = math.prod(number for number in numbers if number != -1)
    shape = ", ".join(f"mesh.{axis}={number}" for axis, number in zip(AXES, numbers, strict=True))
    if known < 1:
        raise UserError(f"{shape}: an axis has at least one device; -1 takes the rest")
    if not rest and known != devices:
        raise UserError(f"{shape} makes {known}, there are {devices} devices; set one axis to -1, it takes the rest")
    if devices % known:
        fitting = ", ".join(str(number) for number in range(1, devices + 1) if devices % number == 0)
        raise UserError(
            f"{shape}: the axes with a number make {known}, which does not divide {devices} devices; "
            f"their product can be {fitting}"
        )
    return tuple(devices // known if number == -1 else number for number in numbers)


def make_mesh(wanted: Mapping[str, int], devices: list | None = None) -> Mesh:
    """A mesh over all devices with automatic axes, laid out for the network between them."""
    devices = jax.devices() if devices is None else devices
    shape = sizes(wanted, len(devices))
    grid = mesh_utils.create_device_mesh(shape, devices, allow_split_physical_axes=True)
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Rows of a batch dealt over slice, data and fsdp."""
    return NamedSharding(mesh, BATCH)


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def local_batch(mesh: Mesh, arrays: dict[str, np.ndarray], sharding: NamedSharding) -> dict[str, jax.Array]:
    """Global arrays from a batch that every process holds whole; each device takes its own rows."""
    return {
        name: jax.make_array_from_callback(array.shape, sharding, lambda index, array=array: array[index])
        for name, array in arrays.items()
    }
