"""Attention kernels by name: what a kernel is given, what it says of itself, and who may see whom.

A kernel is `(q_BLHD, k_BLGD, v_BLGD, Visibility, AttentionSettings) -> BLHD`; each file of kernels/ registers one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmlda.errors import UserError


class Visibility(NamedTuple):
    """A query sees a key of its own segment, not after it, on the trunk (branch 0) or on its own branch.

    Windows count positions where they are given; without branches these run with the columns of a segment.
    """

    segments_BL: jax.Array
    branches_BL: jax.Array | None = None
    positions_BL: jax.Array | None = None

    def mask_BLL(self, window: int | None = None) -> jax.Array:
        """The rule as booleans [batch, query, key]; a window leaves a query its last `window` keys, itself included."""
        length = self.segments_BL.shape[1]
        causal = jnp.tril(jnp.ones((length, length), bool))
        mask = (self.segments_BL[:, :, None] == self.segments_BL[:, None, :]) & causal
        if self.branches_BL is not None:
            query, key = self.branches_BL[:, :, None], self.branches_BL[:, None, :]
            mask &= (key == 0) | (key == query)
        if window is not None:
            places = jnp.arange(length)[None] if self.positions_BL is None else self.positions_BL
            mask &= places[:, :, None] - places[:, None, :] < window
        return mask


class AttentionSettings(NamedTuple):
    """Scores are q·k x scale, then soft_cap x tanh(score / soft_cap); a window is the number of keys in reach."""

    scale: float
    window: int | None = None
    soft_cap: float | None = None


EVERYWHERE = ("cpu", "gpu", "tpu")
Function = Callable[[jax.Array, jax.Array, jax.Array, Visibility, AttentionSettings], jax.Array]


@dataclass(frozen=True)
class Kernel:
    """An attention function and what it can do; `dataclasses.replace` puts a wrapped function in its place."""

    name: str
    function: Function
    branches: bool
    windows: bool
    soft_caps: bool
    platforms: tuple[str, ...]

    def __call__(
        self, q_BLHD: jax.Array, k_BLGD: jax.Array, v_BLGD: jax.Array, visible: Visibility, settings: AttentionSettings
    ) -> jax.Array:
        """The mixed values [batch, length, heads, size]."""
        return self.function(q_BLHD, k_BLGD, v_BLGD, visible, settings)


KERNELS: dict[str, Kernel] = {}


def kernel(
    name: str,
    *,
    branches: bool,
    windows: bool,
    soft_caps: bool,
    platforms: tuple[str, ...] = EVERYWHERE,
) -> Callable[[Function], Function]:
    """Registers an attention kernel under a name that `training.attention` can ask for."""

    def register(function: Function) -> Function:
        KERNELS[name] = Kernel(name, function, branches, windows, soft_caps, platforms)
        return function

    return register


def able(attention: str | Function, **needed: bool) -> Function:
    """The kernel of a name, refused where this machine or a needed feature (branches, windows, ...) is beyond it."""
    if isinstance(attention, str):
        if attention not in KERNELS:
            raise UserError(f"training.attention: {attention!r} is no kernel; known are {', '.join(sorted(KERNELS))}")
        attention = KERNELS[attention]
    if not isinstance(attention, Kernel):
        return attention
    features = [feature for feature, wanted in needed.items() if wanted]
    for feature in features:
        if not getattr(attention, feature):
            words = feature.replace("_", " ")
            raise UserError(
                f"training.attention: {attention.name} knows no {words}, which are needed here; {_those(features)}"
            )
    if set(attention.platforms) != set(EVERYWHERE) and jax.default_backend() not in attention.platforms:
        raise UserError(
            f"training.attention: {attention.name} runs on {' or '.join(attention.platforms)}, and the devices here "
            f"are {jax.default_backend()}; {_those(features)}"
        )
    return attention


def _those(features: list[str]) -> str:
    fitting = [
        one.name
        for one in KERNELS.values()
        if jax.default_backend() in one.platforms and all(getattr(one, feature) for feature in features)
    ]
    return f"set it to {' or '.join(sorted(fitting))}"
