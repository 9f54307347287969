"""What one question's option scores say: credit, probability of the gold option, its margin and rank.

In: arrays [..., O] of option scores (NaN where a question has fewer options) and gold marks. Out: arrays
[...].
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Marks = NDArray[np.bool_]


def credit(scores: Array, gold: Marks, ties: str = "share") -> Array:
    """Right = 1, wrong = 0; `share`: m options tied at the top give (gold among them)/m; `first`: the first
    of them counts.

    NaN where no option has a score.
    """
    filled = np.where(np.isnan(scores), -np.inf, scores)
    top = filled == filled.max(axis=-1, keepdims=True)
    top &= ~np.isnan(scores)
    if ties == "first":
        top &= np.cumsum(top, axis=-1) == 1
    counted = top.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return np.where(counted > 0, (top & gold).sum(axis=-1) / np.maximum(counted, 1), np.nan)


def gold_probability(scores: Array, gold: Marks) -> Array:
    """Softmax over the options' scores, summed over the gold ones."""
    filled = np.where(np.isnan(scores), -np.inf, scores)
    top = filled.max(axis=-1, keepdims=True)
    weights = np.exp(filled - np.where(np.isfinite(top), top, 0.0))
    total = weights.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, (weights * gold).sum(axis=-1) / np.where(total > 0, total, 1.0), np.nan)


def margin(scores: Array, gold: Marks) -> Array:
    """Best gold score minus best other score; above 0 is right. NaN where either is missing."""
    best, other = _best(scores, gold), _best(scores, ~gold)
    known = np.isfinite(best) & np.isfinite(other)
    return np.where(known, np.where(known, best, 0.0) - np.where(known, other, 0.0), np.nan)


def rank(scores: Array, gold: Marks) -> Array:
    """1 + other options above the best gold one + half of those tied with it."""
    best = _best(scores, gold)[..., None]
    others = ~gold & ~np.isnan(scores)
    above = (others & (scores > best)).sum(axis=-1)
    tied = (others & (scores == best)).sum(axis=-1)
    return np.where(np.isfinite(best[..., 0]), 1.0 + above + tied / 2.0, np.nan)


def _best(scores: Array, chosen: Marks) -> Array:
    return np.where(chosen & ~np.isnan(scores), scores, -np.inf).max(axis=-1)
