"""Conditional logit: which of several options is chosen, from a row of features for each.

In: features and choices of many questions, whose numbers of options may differ. Out: one weight per feature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

# Weights of a regularised guess are not needed to more digits than an accuracy shows.
LIMITS = {"maxiter": 100, "ftol": 1e-6}


class Choices:
    """Questions laid end to end: `rows` of all options, where each question `starts`, how much is `chosen`
    of each.
    """

    def __init__(self, rows: Sequence[np.ndarray], answers: Sequence[Sequence[int]]):
        self.rows = np.concatenate(rows)
        self.sizes = np.array([len(row) for row in rows])
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        self.chosen = np.zeros(len(self.rows))
        for start, right in zip(self.starts, answers, strict=True):
            self.chosen[start + np.asarray(right)] = 1.0 / len(right)


def fit(choices: Choices, penalty: float = 1.0) -> np.ndarray:
    """Minimise `-Σ_q Σ_o chosen_o log softmax_o(w·x) + penalty/2 |w|²` (McFadden 1974) by L-BFGS."""
    start = np.zeros(choices.rows.shape[1])
    return minimize(_loss, start, args=(choices, penalty), jac=True, method="L-BFGS-B", options=LIMITS).x


def _loss(weights: np.ndarray, choices: Choices, penalty: float) -> tuple[float, np.ndarray]:
    score = choices.rows @ weights
    score -= np.repeat(np.maximum.reduceat(score, choices.starts), choices.sizes)
    log_total = np.repeat(np.log(np.add.reduceat(np.exp(score), choices.starts)), choices.sizes)
    log_probability = score - log_total
    loss = -choices.chosen @ log_probability + 0.5 * penalty * weights @ weights
    gradient = choices.rows.T @ (np.exp(log_probability) - choices.chosen) + penalty * weights
    return float(loss), gradient
