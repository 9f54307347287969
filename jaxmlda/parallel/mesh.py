"""The named mesh (slice, data, fsdp, tensor). In: sizes from the run file; out: a mesh, the shardings of batches."""

import math
from collections.abc import Mapping

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxmlda.errors import UserError

AXES = ("slice", "data", "fsdp", "tensor")
ROWS = ("slice", "data", "fsdp")
BATCH = PartitionSpec(ROWS)


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
        raise UserError(
            f"{shape}: the axes with a number make {known}, which does not divide {devices} devices; "
            f"their product can be {divisors(devices)}"
        )
    return tuple(devices // known if number == -1 else number for number in numbers)


def divisors(number: int) -> str:
    """Every divisor of a number, in words."""
    return ", ".join(str(one) for one in range(1, number + 1) if number % one == 0)


def make_mesh(wanted: Mapping[str, int], devices: list | None = None) -> Mesh:
    """A mesh over all devices with automatic axes, laid out for the network between them."""
    devices = jax.devices() if devices is None else devices
    shape = sizes(wanted, len(devices))
    return Mesh(_grid(shape, devices), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def _grid(shape: tuple[int, ...], devices: list) -> np.ndarray:
    """Axes within a slice lie on its own network; the axis between slices crosses the data centre."""
    between, *inner = shape
    there = len({getattr(device, "slice_index", 0) for device in devices})
    if there > 1 and between != there:
        raise UserError(f"mesh.slice={between}, but the devices stand in {there} slices; set mesh.slice to {there}")
    if there == 1:
        return mesh_utils.create_device_mesh(shape, devices, allow_split_physical_axes=True)
    return mesh_utils.create_hybrid_device_mesh(
        (1, *inner), (between, 1, 1, 1), devices, allow_split_physical_axes=True
    )


def check_batch(batch_size: int, accumulate: int, together: int) -> None:
    """The rows that are worked on at once are a multiple of the devices that share them."""
    rows = batch_size // accumulate
    if rows % together:
        raise UserError(
            f"training.batch_size / accumulate is {rows}; it must be a multiple of the {together} devices that share a "
            f"batch (mesh.slice x data x fsdp): {together}, {2 * together} ..."
        )


def check_heads(cuts: int, heads: int, groups: int) -> None:
    """A kernel that is cut has whole heads on every device; fewer key heads than cuts are repeated."""
    if heads % cuts or (groups % cuts and cuts % groups):
        fitting = [one for one in range(1, heads + 1) if heads % one == 0 and (groups % one == 0 or one % groups == 0)]
        raise UserError(
            f"mesh: tensor={cuts} does not divide the model's {heads} heads over {groups} key heads; "
            f"mesh.tensor can be {', '.join(map(str, fitting))}"
        )


def sharing(mesh: Mesh) -> int:
    """Devices that share the rows of a batch."""
    return math.prod(mesh.shape[axis] for axis in ROWS)


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
