"""What a run, its model and the sizes of its mesh must agree on before anything is compiled or allocated.

In: a run, a model, the four sizes of a mesh, the platform of its devices; out: nothing, or an error with what works.
"""

import functools
from collections.abc import Mapping
from typing import Any

from jax.sharding import AbstractMesh, AxisType

from jaxmlda.config import Run
from jaxmlda.errors import UserError
from jaxmlda.model import Decoder, ModelConfig
from jaxmlda.model.attention import KERNELS
from jaxmlda.parallel import param_shardings
from jaxmlda.parallel.mesh import AXES, ROWS, check_batch, check_heads

# The kernel that holds no scores of a whole row; a processor has none that is fast.
FAST_KERNEL = {"tpu": "splash", "gpu": "cudnn"}
BFLOAT16_ALONE = ("cudnn",)


def check_length(run: Run, model: ModelConfig) -> None:
    """Rows are no longer than the model's positions."""
    length, end = run.rows.sequence_length, model.max_positions
    if length > end:
        raise UserError(
            f"rows.sequence_length is {length}, the model ends at {end}; set rows.sequence_length to {end} or less"
        )


def check(run: Run, model: ModelConfig, mesh: Mapping[str, int], platform: str) -> None:
    """Batch, parameters, heads and kernel fit the mesh, as training would ask; needs sizes, no devices."""
    check_kernel(run, model, platform)
    settings, together = run.training, 1
    for axis in ROWS:
        together *= mesh[axis]
    check_batch(settings.batch_size, settings.accumulate, together)
    abstract = AbstractMesh(tuple(mesh[axis] for axis in AXES), AXES, axis_types=(AxisType.Auto,) * len(AXES))
    param_shardings(abstract, _shapes(model))
    if settings.attention != "plain" and abstract.size > 1:
        check_heads(mesh["tensor"], model.heads, model.kv_heads)


def fault_of(run: Run, model: ModelConfig, mesh: Mapping[str, int], platform: str) -> str | None:
    """Why a run cannot be on a mesh, or None where it can."""
    try:
        check(run, model, mesh, platform)
    except UserError as error:
        return str(error)
    return None


def check_kernel(run: Run, model: ModelConfig, platform: str) -> None:
    """The attention kernel runs on the platform, and knows what the model asks and what the run computes in."""
    name, compute = run.training.attention, run.training.precision.compute
    if name not in KERNELS:
        raise UserError(f"training.attention: {name!r} is no kernel; known are {', '.join(sorted(KERNELS))}")
    fitting = [one for one in sorted(KERNELS) if able_on(one, model, platform)]
    if name not in fitting:
        kernel = KERNELS[name]
        lacking = [words for words, asked in needs(model).items() if asked and not getattr(kernel, words)]
        why = f"runs on {' or '.join(kernel.platforms)}, and the devices are {platform}"
        if lacking:
            why = f"knows no {' and no '.join(lacking).replace('_', ' ')}, which the model needs"
        raise UserError(f"training.attention: {name} {why}; set it to {' or '.join(fitting)}")
    if name in BFLOAT16_ALONE and compute != "bfloat16":
        raise UserError(
            f"training.attention: {name} computes in bfloat16, training.precision.compute is {compute}; set that to "
            "bfloat16, or training.attention to plain"
        )


def needs(model: ModelConfig) -> dict[str, bool]:
    """What a model asks of a kernel, by the kernel's own names for it."""
    return {"windows": model.window is not None, "soft_caps": model.attention_soft_cap is not None}


def able_on(name: str, model: ModelConfig, platform: str) -> bool:
    """Whether a kernel runs on a platform and knows what a model asks."""
    kernel = KERNELS[name]
    return platform in kernel.platforms and all(getattr(kernel, one) for one, asked in needs(model).items() if asked)


def faster_kernel(run: Run, model: ModelConfig, platform: str) -> dict[str, Any]:
    """Settings that put a fast kernel in the place of `plain`, its number format included; none where there is none."""
    name = FAST_KERNEL.get(platform)
    if run.training.attention != "plain" or name is None or not able_on(name, model, platform):
        return {}
    if name in BFLOAT16_ALONE and run.training.precision.compute != "bfloat16":
        return {"training.attention": name, "training.precision.compute": "bfloat16"}
    return {"training.attention": name}


@functools.lru_cache(maxsize=2)
def _shapes(model: ModelConfig) -> Any:
    return Decoder(model).abstract()
