"""Names of accelerators as users say them. In: `v5p-32`, `v5e:4x4`, `gpu:h200x8`, `cpu`; out: chips, grid, devices."""

import importlib.util
import math
import os
import re
from dataclasses import dataclass
from typing import Any

import jax
from jax.experimental import topologies

from jaxmlda.errors import UserError
from jaxmlda.parallel.chips import CHIPS, TORUS, Chip

# What `-N` counts: TensorCores, two a chip, or chips.
CORES_A_CHIP = {"v4": 2, "v5p": 2, "v5e": 1, "v6e": 1}
ALSO = {"v5litepod": "v5e"}
# The compiler shares the machine with others and holds no TPU; unless it is told, it asks which machine this is.
ALONE = {
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-16",
}
KNOWN = "v4-64, v5litepod-64, v5p-32, v6e-64, a grid of chips such as v5p:2x2x4, gpu:h100x8, gpu:h200x8, or cpu"


@dataclass(frozen=True)
class Topology:
    """Accelerators of one slice: their kind, and the grid in which they stand."""

    name: str
    kind: str
    grid: tuple[int, ...]

    @property
    def chips(self) -> int:
        """Accelerators in the slice."""
        return math.prod(self.grid)

    @property
    def chip(self) -> Chip | None:
        """What is published about one of them; None for `cpu`."""
        return CHIPS.get(self.kind)

    @property
    def compiles(self) -> bool:
        """Whether there is a compiler for it that needs no such device."""
        return self.kind in TORUS

    @property
    def platform(self) -> str:
        """The platform of its devices, as attention kernels name it."""
        return "tpu" if self.compiles else "cpu" if self.chip is None else "gpu"

    def ports(self) -> int:
        """Links of the chip with the fewest: an axis is a ring (two links) where it wraps around, else a line (one)."""
        if not self.compiles:
            return 1
        cubes = len(self.grid) == 3 and all(size % 4 == 0 for size in self.grid)
        wraps = [cubes if len(self.grid) == 3 else size == 16 for size in self.grid]
        return sum(0 if size == 1 else 2 if wrap else 1 for size, wrap in zip(self.grid, wraps, strict=True))


def read(name: str) -> Topology:
    """The topology that a name says."""
    if name == "cpu":
        return Topology(name, "cpu", (1,))
    gpu = re.fullmatch(r"gpu:(\w+?)x([0-9]+)", name)
    if gpu and gpu[1] in CHIPS and gpu[1] not in TORUS and int(gpu[2]):
        return Topology(name, gpu[1], (int(gpu[2]),))
    kind, sign, rest = re.fullmatch(r"(\w*)([-:]?)(.*)", name, re.DOTALL).groups()
    kind = ALSO.get(kind, kind)
    if kind not in TORUS or not sign:
        raise UserError(f"--topology {name}: not known; known are {KNOWN}")
    if sign == ":":
        grid = tuple(int(size) for size in rest.split("x") if _counts(size))
        if 0 in grid or len(grid) != TORUS[kind] or "x".join(map(str, grid)) != rest:
            raise UserError(
                f"--topology {name}: a {kind} grid has {TORUS[kind]} sizes, none of them 0; usual are {usual(kind)}"
            )
        return Topology(name, kind, grid)
    if not _counts(rest) or (grid := usual_grid(kind, int(rest) / CORES_A_CHIP[kind])) is None:
        offered = ", ".join(f"{kind}-{2**power}" for power in range(3, 9))
        raise UserError(
            f"--topology {name}: no usual slice; usual are {offered}, others are said by their grid: {example(kind)}"
        )
    return Topology(name, kind, grid)


def _counts(text: str) -> bool:
    """Whether a text is a number in plain digits."""
    return text.isascii() and text.isdecimal()


def usual(kind: str) -> str:
    """The grids of usual slices of a kind, as they are written."""
    grids = (usual_grid(kind, 2**power) for power in range(2, 9))
    return ", ".join(f"{kind}:{'x'.join(map(str, grid))}" for grid in grids if grid)


def example(kind: str) -> str:
    """A grid of a kind, as it is written."""
    return f"{kind}:2x2x4" if TORUS[kind] == 3 else f"{kind}:4x4"


def usual_grid(kind: str, chips: float) -> tuple[int, ...] | None:
    """Grids double their smallest side: 2x2x1, 2x2x2, 2x2x4, 2x4x4, 4x4x4 ...; 2x2, 2x4, 4x4, 4x8 ... 16x16."""
    flat = TORUS[kind] == 2
    grid = [1, 1] if flat else [1, 2, 2]
    while math.prod(grid) < chips:
        grid[grid.index(min(grid))] *= 2
    if math.prod(grid) != chips or (flat and chips > 256):
        return None
    grid.sort()
    return (2, 2, 1) if grid == [1, 2, 2] else tuple(grid)


def devices(topology: Topology, slices: int = 1) -> list[Any]:
    """Devices to compile for, none of them here; needs libtpu, but no TPU."""
    if importlib.util.find_spec("libtpu") is None and not os.environ.get("TPU_LIBRARY_PATH"):
        raise UserError("compiling for a TPU needs its compiler: pip install 'jaxmlda[plan]'")
    for name, value in ALONE.items():
        os.environ.setdefault(name, value)
    options: dict[str, Any] = {"chip_config_name": "megacore"} if topology.kind == "v4" else {}
    if slices > 1:
        options["num_slices"] = slices
    name = f"{topology.kind}:{'x'.join(map(str, topology.grid))}"
    try:
        return list(topologies.get_topology_desc(platform="tpu", topology_name=name, **options).devices)
    except jax.errors.JaxRuntimeError as error:
        raise UserError(
            f"--topology {topology.name}: libtpu knows no slice {name}; usual are {usual(topology.kind)}"
        ) from error
