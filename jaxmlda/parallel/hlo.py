"""What a compiled step sends over the network. In: the text of its HLO; out: collectives, their number and bytes.

A loop's body counts as often as the loop runs; parts of one asynchronous collective count once.
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

KINDS = ("all-gather", "all-reduce", "reduce-scatter", "collective-permute", "all-to-all", "ragged-all-to-all")
WIDTHS = {"pred": 1, "s4": 0.5, "u4": 0.5, "bf16": 2, "f16": 2, "c64": 8, "c128": 16}
HEADER = re.compile(r"^(ENTRY )?%?([\w.-]+) .*\{$")
LINE = re.compile(r"^\s+(?:ROOT )?%?([\w.-]+) = (\(.*?\)|\S+) ([a-z][\w-]*)\((.*)$")
CALLED = re.compile(r"(body|condition|calls|to_apply|true_computation|false_computation)=%?([\w.-]+)")
BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
TRIPS = re.compile(r'known_trip_count":\{"n":"(\d+)"')
ARRAY = re.compile(r"(pred|[subf]\d+|bf16|c64|c128|f8\w*)\[([\d,]*)\]")


class Instruction(NamedTuple):
    """One line of a computation."""

    name: str
    shape: str
    kind: str
    rest: str


class Sent(NamedTuple):
    """Collectives of one kind: how many run in a step, and the bytes of the whole arrays that they make or take."""

    count: int
    bytes: int


def collectives(text: str, devices: int) -> dict[str, Sent]:
    """Counts and bytes by kind, for one device and one run of the program."""
    computations, entry = _computations(text)
    found: dict[str, Sent] = {}
    for instruction, times in _walk(computations, entry, 1, set()):
        kind = instruction.kind.removesuffix("-start")
        before = found.get(kind, Sent(0, 0))
        size = _size(instruction, kind, devices)
        found[kind] = Sent(before.count + times, before.bytes + times * size)
    return found


def received(found: dict[str, Sent]) -> int:
    """Bytes that cross to each device: an all-reduce sends its array twice, the others once."""
    return sum(sent.bytes * (2 if kind == "all-reduce" else 1) for kind, sent in found.items())


def _computations(text: str) -> tuple[dict[str, list[Instruction]], str]:
    found: dict[str, list[Instruction]] = {}
    entry, now = "", ""
    for line in text.splitlines():
        header = HEADER.match(line)
        if header:
            now = header[2]
            found[now], entry = [], now if header[1] else entry
        elif now and (read := LINE.match(line)):
            found[now].append(Instruction(*read.groups()))
    return found, entry


def _walk(
    computations: dict[str, list[Instruction]], name: str, times: int, fused: set[str]
) -> Iterator[tuple[Instruction, int]]:
    """Every collective with the number of its runs."""
    for one in computations.get(name, []):
        if one.kind.removesuffix("-start") in KINDS:
            yield one, times
            continue
        called = dict(CALLED.findall(one.rest))
        branches = [other.strip().lstrip("%") for other in ",".join(BRANCHES.findall(one.rest)).split(",") if other]
        inside = times * _trips(computations, one, called) if one.kind == "while" else times
        for other in [*called.values(), *branches]:
            for deeper, runs in _walk(computations, other, inside, fused):
                if one.kind == "fusion":
                    # The parts of an asynchronous collective stand in several fusions under one channel.
                    channel = re.search(r"channel_id=\d+", deeper.rest)
                    if channel and channel[0] in fused:
                        continue
                    fused |= {channel[0]} if channel else set()
                yield deeper, runs


def _trips(computations: dict[str, list[Instruction]], loop: Instruction, called: dict[str, str]) -> int:
    """How often a loop runs: as the compiler says, else the bound that its counter is compared with."""
    known = TRIPS.search(loop.rest)
    if known:
        return int(known[1])
    lines = list(computations.get(called.get("condition", ""), []))
    for line in list(lines):
        lines += computations.get(dict(CALLED.findall(line.rest)).get("calls", ""), [])
    bounds = [
        re.match(r"(\d+)\)", line.rest)
        for line in lines
        if line.kind == "constant" and line.shape[:3] in ("s32", "u32")
    ]
    return max((int(bound[1]) for bound in bounds if bound), default=1)


def _size(instruction: Instruction, kind: str, devices: int) -> int:
    arrays = [_bytes(*array) for array in ARRAY.findall(instruction.shape)]
    if kind == "collective-permute" or (instruction.kind.endswith("-start") and kind != "all-reduce"):
        return max(arrays, default=0)
    if kind == "reduce-scatter":
        return sum(arrays) * _group(instruction.rest, devices)
    return sum(arrays)


def _bytes(dtype: str, dimensions: str) -> int:
    width = WIDTHS.get(dtype) or int(re.sub(r"\D", "", dtype[:3]) or 8) / 8
    return int(width * math.prod(int(size) for size in dimensions.split(",") if size))


def _group(rest: str, devices: int) -> int:
    """Devices that take part together, in any of the three spellings of replica groups."""
    listed = re.search(r"replica_groups=\{\{([\d,]+)\}", rest)
    if listed:
        return listed[1].count(",") + 1
    counted = re.search(r"replica_groups=\[\d+,(\d+)\]", rest)
    if counted:
        return int(counted[1])
    named = re.search(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}", rest)
    if named:
        sizes = dict(re.findall(r"'(\w+)'=(\d+)", named[1]))
        return math.prod(int(sizes[axis]) for axis in re.findall(r"'(\w+)'", named[2]))
    return devices
