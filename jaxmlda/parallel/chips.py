"""What is published about accelerators: arithmetic, memory, network, and how much of it training has reached.

TPU numbers are those of Google's TPU documentation per chip, GPU numbers those of NVIDIA's data sheets.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chip:
    """One accelerator: FLOP/s in bfloat16, GiB and bytes/s of memory, bytes/s one way over one link and between slices.

    `published`: lowest and highest model FLOPs utilisation published for it, and by whom.
    """

    name: str
    flops: float
    memory_gib: float
    memory_bytes: float
    link_bytes: float
    links_an_axis: int
    slice_bytes: float
    published: tuple[float, float]
    source: str


# The lowest published figure of a plain jit trainer without tuning for its chip; no chip is promised more than this.
UNTUNED = 0.33
UNTUNED_SOURCE = "EasyLM, OpenLLaMA 7B on v4-512: 33 %"

CHIPS = {
    chip.name: chip
    for chip in (
        Chip("v4", 275e12, 31.0, 1.2e12, 50e9, 2, 6.25e9, (0.532, 0.567), "MaxText 22B on v4-128 to 8 slices"),
        Chip("v5e", 197e12, 15.75, 0.82e12, 50e9, 2, 3.125e9, (0.547, 0.669), "MaxText 16B and 32B on v5e-256"),
        Chip("v5p", 459e12, 95.0, 2.76e12, 100e9, 2, 6.25e9, (0.654, 0.715), "MaxText 32B and Llama 2 70B on v5p"),
        Chip("v6e", 918e12, 31.25, 1.64e12, 100e9, 2, 12.5e9, (0.38, 0.47), "MaxText Gemma 3 12B to Mistral 7B on v6e"),
        Chip("h100", 989e12, 74.5, 3.35e12, 450e9, 1, 50e9, (0.33, 0.48), "torchtitan 8B to Megatron-LM 462B on H100"),
        Chip("h200", 989e12, 131.0, 4.8e12, 450e9, 1, 50e9, (0.33, 0.48), "torchtitan and Megatron-LM on H100"),
    )
}
TORUS = {"v4": 3, "v5p": 3, "v5e": 2, "v6e": 2}
