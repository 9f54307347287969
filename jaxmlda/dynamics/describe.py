"""Plain statistics that stand beside the bootstrap: Wilson, McNemar, clustered error, smallest effect, onset.

In: counts or arrays. Out: numbers. Wilson and McNemar ignore clusters and control: they only describe.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

POWER_CONSTANT = 7.85


def wilson(right: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a share: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)."""
    if n == 0:
        return 0.0, 1.0
    z = stats.norm.ppf((1 + level) / 2)
    p = right / n
    middle = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


def mcnemar(right_to_wrong: int, wrong_to_right: int) -> float:
    """Exact McNemar: p = min(1, 2 Σ_{k≤min(b,c)} C(b+c,k) / 2^(b+c))."""
    n = right_to_wrong + wrong_to_right
    if n == 0:
        return 1.0
    return min(1.0, 2.0 * float(stats.binom.cdf(min(right_to_wrong, wrong_to_right), n, 0.5)))


def clustered_error(values: NDArray, clusters: NDArray) -> float:
    """Clustered standard error of a mean: (1/n) sqrt(C/(C-1) Σ_c (Σ_{i∈c}(s_i - s̄))²); NaN for a single
    cluster.
    """
    _, member = np.unique(clusters.astype(str), return_inverse=True)
    sums = np.bincount(member, weights=values - values.mean())
    if len(sums) < 2:
        return math.nan
    return float(math.sqrt(len(sums) / (len(sums) - 1) * np.sum(sums**2)) / len(values))


def intraclass(values: NDArray, clusters: NDArray) -> float:
    """Correlation within clusters, one-way analysis of variance: (MSB - MSW) / (MSB + (m₀ - 1) MSW), kept
    within 0..1.
    """
    _, member = np.unique(clusters.astype(str), return_inverse=True)
    sizes = np.bincount(member).astype(np.float64)
    n, number = len(values), len(sizes)
    if number < 2 or n == number:
        return 0.0
    means = np.bincount(member, weights=values) / sizes
    between = np.sum(sizes * (means - values.mean()) ** 2) / (number - 1)
    within = np.sum((values - means[member]) ** 2) / (n - number)
    typical = (n - np.sum(sizes**2) / n) / (number - 1)
    total = between + (typical - 1) * within
    return float(np.clip((between - within) / total, 0.0, 1.0)) if total > 0 else 0.0


def smallest_effect(
    discordant: float,
    n: float,
    n_control: float | None = None,
    per_cluster: float = 1.0,
    correlation: float = 0.0,
) -> float:
    """The smallest change δ that n questions could have shown with 80 % power: n = 7.85 (ψ - δ²)/δ², solved
    for δ.

    Against a control group each needs twice that (unequal groups: the harmonic mean of their sizes), and both
    are multiplied by 1 + (m - 1) ρ for m questions a cluster.
    """
    if n <= 0 or (n_control is not None and n_control <= 0):
        return math.inf
    size = n if n_control is None else (2.0 / (1.0 / n + 1.0 / n_control)) / 2.0
    size /= 1.0 + (max(per_cluster, 1.0) - 1.0) * correlation
    return math.sqrt(POWER_CONSTANT * discordant / (size + POWER_CONSTANT))


def onset(steps: NDArray, band_low: NDArray, band_high: NDArray, in_a_row: int = 3) -> int | None:
    """The first of three checkpoints in a row that the simultaneous band keeps on one side of 0; None if
    there is none.
    """
    side = np.where(band_low > 0, 1, np.where(band_high < 0, -1, 0))
    for start in range(len(side) - in_a_row + 1):
        window = side[start : start + in_a_row]
        if window[0] != 0 and (window == window[0]).all():
            return int(steps[start])
    return None
