"""What a training step cannot do without, by formula: memory on a chip, and seconds of arithmetic, memory and network.

In: a run, its model, a topology and the sizes of the mesh; out: GiB by kind, floors, a range of tokens a second.
"""

from collections.abc import Mapping
from typing import NamedTuple

from jaxmlda.config import Run
from jaxmlda.model import ModelConfig
from jaxmlda.parallel.chips import UNTUNED, UNTUNED_SOURCE
from jaxmlda.parallel.topology import Topology

GIB = 2**30
WIDTH = {"float32": 4, "bfloat16": 2}
MOMENTS = 8  # two float32 numbers a parameter
GPUS_A_MACHINE = 8  # beyond it a GPU's network is the machine's, shared


class Sizes(NamedTuple):
    """What the formulas need to know of a mesh."""

    rows: int  # devices that share a batch
    fsdp: int
    tensor: int

    @classmethod
    def of(cls, mesh: Mapping[str, int]) -> "Sizes":
        """From the sizes of the four axes."""
        return cls(mesh["slice"] * mesh["data"] * mesh["fsdp"], mesh["fsdp"], mesh["tensor"])

    @property
    def cuts(self) -> int:
        """Parts that the parameters are cut into."""
        return self.fsdp * self.tensor


def memory(run: Run, model: ModelConfig, sizes: Sizes) -> dict[str, float]:
    """GiB on a chip by kind: what lives from step to step exactly, activations and temporaries by estimate.

    Activations: what the backward pass keeps of every layer. Temporaries: the gradient, two gathered layers, the
    gathered head, the logits of a chunk and their gradient, and one layer at work.
    """
    settings, count = run.training, model.parameters()
    compute, stored = WIDTH[settings.precision.compute], WIDTH[settings.precision.parameters]
    tokens = settings.batch_size // settings.accumulate * run.rows.sequence_length / sizes.rows
    layer = tokens * layer_width(model, sizes.tensor) * compute
    if settings.attention == "plain":
        heads = model.heads / sizes.tensor
        layer += 6 * tokens * heads * run.rows.sequence_length
    kept = {
        "none": layer,
        "dots": tokens * compute * (3 * model.hidden_size + dots_width(model) / sizes.tensor),
        "qkv": tokens * compute * (model.hidden_size + heads_width(model, mixed=True) / sizes.tensor),
        "full": tokens * compute * model.hidden_size,
    }[settings.remat]
    weights = (count - tables(model)) / model.layers * compute / sizes.tensor
    table = model.vocab_size * model.hidden_size * compute / sizes.tensor
    logits = 2 * 4 * min(settings.loss.chunk, tokens) * model.vocab_size / sizes.tensor
    gradient = count / sizes.cuts * (stored if settings.accumulate == 1 else 4 + stored)
    gathered = (2 * weights + 2 * table) if sizes.fsdp > 1 else 0
    return {
        "parameters": count * stored / sizes.cuts / GIB,
        "optimizer": count * MOMENTS / sizes.cuts / GIB,
        "activations": kept * model.layers / GIB,
        "temporaries": (gradient + gathered + max(logits, layer)) / GIB,
    }


def tables(model: ModelConfig) -> int:
    """Parameters of embedding and head."""
    return model.vocab_size * model.hidden_size * (1 if model.tied_embeddings else 2)


def heads_width(model: ModelConfig, *, mixed: bool) -> int:
    """Numbers a token in queries, keys and values, and in what attention makes of them."""
    return (model.heads * (2 if mixed else 1) + 2 * model.kv_heads) * model.head_size


def dots_width(model: ModelConfig) -> int:
    """Numbers a token in the products of a layer that the tensor axis cuts."""
    return heads_width(model, mixed=False) + 2 * model.mlp_size


def layer_width(model: ModelConfig, tensor: int) -> float:
    """Numbers a token in everything that the backward pass of a layer reads."""
    return 4 * model.hidden_size + (heads_width(model, mixed=True) + 3 * model.mlp_size) / tensor


def repeated_flops(model: ModelConfig, remat: str, length: int) -> float:
    """FLOPs a token that the backward pass computes again: 2 for each parameter of a product that was not kept."""
    width, mlp = model.hidden_size, model.hidden_size * model.mlp_size
    again = {
        "none": 0,
        "dots": 0,
        "qkv": 2 * mlp + model.heads * model.head_size * width,
        "full": 2 * mlp + heads_width(model, mixed=True) * width,
    }[remat]
    scores = model.flops_per_token(length) - model.flops_per_token(1) if remat == "full" else 0
    return 2 * again * model.layers + scores / 3


def seconds(run: Run, model: ModelConfig, topology: Topology, sizes: Sizes, received: float) -> dict[str, float]:
    """The least seconds a step can take for its arithmetic, for its memory, and for the bytes that a chip receives.

    Memory: state read and written once, weights read by every pass, what is kept written and read. Network: bytes
    over all links of the chip with the fewest; between slices, the gradient once each way.
    """
    chip, settings, count = topology.chip, run.training, model.parameters()
    compute, stored = WIDTH[settings.precision.compute], WIDTH[settings.precision.parameters]
    tokens = settings.batch_size * run.rows.sequence_length
    flops = model.flops_per_token(run.rows.sequence_length)
    flops += repeated_flops(model, settings.remat, run.rows.sequence_length)
    passes = 4 if settings.remat == "full" else 3
    state = 2 * count * (stored + MOMENTS + stored) / sizes.cuts
    weights = passes * settings.accumulate * count * compute / sizes.tensor
    kept = 2 * settings.accumulate * memory(run, model, sizes)["activations"] * GIB
    within = topology.compiles or topology.chips <= GPUS_A_MACHINE
    network = received / (max(topology.ports(), 1) * (chip.link_bytes if within else chip.slice_bytes))
    if run.mesh.slice > 1:
        network = max(network, 2 * count * stored / sizes.cuts / chip.slice_bytes)
    return {
        "compute": tokens * flops / (sizes.rows * sizes.tensor * chip.flops),
        "memory": (state + weights + kept) / chip.memory_bytes,
        "network": network,
    }


def received_by_formula(run: Run, model: ModelConfig, sizes: Sizes) -> float:
    """Bytes that a chip receives in a step: weights gathered by every pass, gradients scattered, heads exchanged."""
    settings, count = run.training, model.parameters()
    compute = WIDTH[settings.precision.compute]
    passes = 3 if settings.remat == "none" else 4
    weights = passes * settings.accumulate * count * compute / sizes.tensor * (1 - 1 / sizes.fsdp)
    copies = sizes.rows // sizes.fsdp
    gradient = 2 * count * compute / sizes.cuts * (1 - 1 / copies)
    tokens = settings.batch_size * run.rows.sequence_length / sizes.rows
    # Two sums of hidden states a layer, forwards and backwards, each an all-reduce.
    exchanged = 2 * 4 * model.layers * tokens * model.hidden_size * compute * (1 - 1 / sizes.tensor)
    return weights + gradient + exchanged


def speed(
    run: Run, model: ModelConfig, topology: Topology, chips: int, floors: dict[str, float]
) -> tuple[float, float]:
    """Tokens a second of all chips, from low to high.

    Low: what a trainer reached that was not tuned, and no more than where the floors wait for one another. High: the
    highest published use of a chip's arithmetic, and no more than the longest floor allows.
    """
    low, high = bounds(run, model, topology, chips, floors)
    return min(low.values()), min(high.values())


def bounds(
    run: Run, model: ModelConfig, topology: Topology, chips: int, floors: dict[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """What the low and the high end are kept to: tokens a second, each by its source in words."""
    chip = topology.chip
    whole = chips * chip.flops / model.flops_per_token(run.rows.sequence_length)
    tokens = run.training.batch_size * run.rows.sequence_length
    lowest, highest = chip.published
    least = f"{chip.source}: {lowest:.0%}" if lowest < UNTUNED else UNTUNED_SOURCE
    longest = max(floors, key=floors.get)
    return (
        {least: min(UNTUNED, lowest) * whole, "the sum of the floors": tokens / sum(floors.values())},
        {f"{chip.source}: {highest:.1%}": highest * whole, f"the floor of {longest}": tokens / floors[longest]},
    )


def sources(run: Run, model: ModelConfig, topology: Topology, chips: int, floors: dict[str, float]) -> str:
    """Which of the bounds holds at each end of the range."""
    low, high = bounds(run, model, topology, chips, floors)
    return f"low: {min(low, key=low.get)}; high: {min(high, key=high.get)}"
