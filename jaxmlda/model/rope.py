"""Rotary positions. In: base, width of a head, and how the rates were scaled for longer texts; out: cosines and sines.

A scaling is a kind of its own with its own numbers; it turns the plain rates theta^(-2i/size) into others.
"""

import math
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from jaxmlda.errors import UserError

Positive = Annotated[int, Field(gt=0)]
Above = Annotated[float, Field(gt=0)]
Factor = Annotated[float, Field(ge=1)]


class _Scaling(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    factor: Factor

    def rates(self, plain: np.ndarray, theta: float) -> np.ndarray:
        """The plain ones, where a kind says nothing else."""
        return plain

    def magnitude(self) -> float:
        """What cosines and sines are multiplied by."""
        return 1.0

    def check(self, length: int, max_positions: int) -> None:
        """Refuses rows that the scaling cannot serve."""


class Linear(_Scaling):
    """Every rate divided by the factor (Chen et al. 2023)."""

    kind: Literal["linear"]

    def rates(self, plain: np.ndarray, theta: float) -> np.ndarray:
        """rate / factor."""
        return plain / self.factor


class Dynamic(_Scaling):
    """The base grows with a text that is longer than `max_positions`; up to there the rates are the plain ones."""

    kind: Literal["dynamic"]

    def check(self, length: int, max_positions: int) -> None:
        """Beyond `max_positions` every text would need rates of its own."""
        if length > max_positions:
            raise UserError(
                f"rows.sequence_length: rows of {length} tokens are longer than the model's max_positions "
                f"{max_positions}, where its rope_scaling (dynamic) is no longer fixed; give {max_positions} or fewer"
            )


class Llama3(_Scaling):
    """Long waves divided by the factor, short ones kept, those between interpolated (Llama 3.1, model card)."""

    kind: Literal["llama3"]
    low_factor: float = 1.0
    high_factor: float = 4.0
    original_positions: Positive

    @model_validator(mode="after")
    def _ordered(self) -> "Llama3":
        if self.high_factor <= self.low_factor:
            raise ValueError(f"high_factor ({self.high_factor}) must be above low_factor ({self.low_factor})")
        return self

    def rates(self, plain: np.ndarray, theta: float) -> np.ndarray:
        """s rate + (1 - s) rate / factor, s rising from 0 to 1 with the waves that fit the original length."""
        waves = self.original_positions * plain / (2 * math.pi)
        kept = np.clip((waves - self.low_factor) / (self.high_factor - self.low_factor), 0, 1)
        return kept * plain + (1 - kept) * plain / self.factor


class Yarn(_Scaling):
    """As llama3 with a ramp over the pairs' numbers, and a larger magnitude (Peng et al. 2023)."""

    kind: Literal["yarn"]
    original_positions: Positive
    fast: Above = 32.0
    slow: Above = 1.0
    attention_factor: Above | None = None
    truncate: bool = True

    def _pair(self, turns: float, size: int, theta: float) -> float:
        """The pair that turns this often within the original length."""
        return size * math.log(self.original_positions / (turns * 2 * math.pi)) / (2 * math.log(theta))

    def rates(self, plain: np.ndarray, theta: float) -> np.ndarray:
        """(1 - r) rate + r rate / factor, r rising from 0 to 1 between the pairs of `fast` and `slow` turns."""
        size = 2 * len(plain)
        low, high = self._pair(self.fast, size, theta), self._pair(self.slow, size, theta)
        if self.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, size - 1)
        ramp = np.clip((np.arange(len(plain)) - low) / (high - low or 1e-3), 0, 1)
        return (1 - ramp) * plain + ramp * plain / self.factor

    def magnitude(self) -> float:
        """0.1 ln(factor) + 1, where none is given."""
        return 0.1 * math.log(self.factor) + 1 if self.attention_factor is None else self.attention_factor


RopeScaling = Annotated[Linear | Dynamic | Llama3 | Yarn, Field(discriminator="kind")]


def rotary(
    positions_BL: jax.Array, size: int, theta: float, scaling: _Scaling | None = None
) -> tuple[jax.Array, jax.Array]:
    """cos and sin of position x rate (Su et al. 2021), float32 [batch, length, 1, size/2]."""
    # Worked out in float64 on the host: a power in float32 differs between kinds of devices.
    rates = theta ** (-np.arange(0, size, 2) / size)
    rates = rates if scaling is None else scaling.rates(rates, theta)
    angles = positions_BL[:, :, None, None].astype(jnp.float32) * rates.astype(np.float32)
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    if scaling is None or scaling.magnitude() == 1.0:
        return cos, sin
    return cos * scaling.magnitude(), sin * scaling.magnitude()


def rotate(x_BLHD: jax.Array, cos: jax.Array, sin: jax.Array) -> jax.Array:
    """Turns the pairs (i, i + size/2), the layout of Hugging Face checkpoints."""
    a, b = jnp.split(x_BLHD.astype(jnp.float32), 2, axis=-1)
    return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1).astype(x_BLHD.dtype)
