"""Bootstrap over document clusters: all questions of a cluster together, paired over checkpoints.

In: values [column, question] and each question's cluster. Out: draws [column, draw], intervals, bands.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Means:
    """Means over questions: the estimate of each column and its draws [column, draw]."""

    estimate: Array
    draws: Array


def cluster_means(values: Array, clusters: NDArray, rng: np.random.Generator, draws: int = 10_000) -> Means:
    """Mean over questions of each column, and its draws.

    A draw takes as many clusters as there are, with replacement: mean = Σ_c w_c Σ_{i∈c} v_i / Σ_c w_c n_c,
    the same weights w (multinomial) for every column.
    """
    _, member = np.unique(clusters.astype(str), return_inverse=True)
    number = int(member.max()) + 1
    order = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[order], np.arange(number))
    sums = np.add.reduceat(values[:, order], starts, axis=1)
    counts = np.bincount(member, minlength=number).astype(np.float64)
    drawn = np.empty((values.shape[0], draws))
    block = max(1, CELLS_AT_ONCE // number)
    for start in range(0, draws, block):
        size = min(block, draws - start)
        weights = _weights(rng, size, number)
        drawn[:, start : start + size] = (sums @ weights.T) / (weights @ counts)
    return Means(values.mean(axis=1), drawn)


def _weights(rng: np.random.Generator, size: int, number: int) -> Array:
    chosen = rng.integers(0, number, (size, number), dtype=np.int32).astype(np.int64)
    chosen += np.arange(size, dtype=np.int64)[:, None] * number
    return np.bincount(chosen.ravel(), minlength=size * number).reshape(size, number).astype(np.float64)


def interval(draws: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Percentile interval of each column."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return low, high


def band(estimate: Array, draws: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Simultaneous band by the largest-deviation method over the columns given (hand it no step 0).

    With s_t the standard deviation of the draws of column t: q = level-quantile over draws of max_t |draw_t -
    estimate_t| / s_t, band = estimate ± q s. Columns that do not vary have a band of width 0.
    """
    spread = draws.std(axis=1, ddof=1)
    varies = spread > 1e-12
    if not varies.any():
        return estimate.copy(), estimate.copy()
    deviation = np.abs(draws[varies] - estimate[varies, None]) / spread[varies, None]
    width = np.quantile(deviation.max(axis=0), level) * np.where(varies, spread, 0.0)
    return estimate - width, estimate + width
