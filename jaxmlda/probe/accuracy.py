"""Accuracies worked out from a score table: every normalisation is a column afterwards, never a second run.

In: tables of one set, at a checkpoint and at step 0. Out: one credit between 0 and 1 per question, and
their mean.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

NORMALISATIONS = ("sum", "token", "char", "byte", "pmi", "delta")
_DIVISOR = {"token": "n_tok", "char": "n_char", "byte": "n_byte"}


def scores(table: pa.Table, by: str, base: pa.Table | None = None) -> np.ndarray:
    """One score per row, NaN where it does not exist.

    sum: logp; token, char, byte: logp / n; pmi: logp - logp after a neutral prompt; delta: logp - logp at
    step 0; alone: logp of the option by itself / its tokens. An option of which no token could be scored is
    never chosen.
    """
    if by == "alone":
        return _per(_column(table, "sum_logp_alone"), _column(table, "n_tok_alone"))
    logp, n_tok = _column(table, "sum_logp"), _column(table, "n_tok")
    if by == "pmi":
        value = logp - _column(table, "sum_logp_neutral")
    elif by == "delta":
        value = np.full(len(logp), np.nan) if base is None else logp - _column(base, "sum_logp")
    else:
        value = logp if by == "sum" else _per(logp, _column(table, _DIVISOR[by]))
    return np.where(n_tok > 0, value, np.where(np.isnan(value), np.nan, -np.inf))


def credits(table: pa.Table, by: str, *, share: bool, base: pa.Table | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Credit per question (NaN where a score is missing) and how many options are tied at its top.

    With `share`, m tied options have 1/m each (rule `joint`); without, the first of them is the answer
    (`harness`, `published`).
    """
    starts = _starts(table)
    sizes = np.diff(np.append(starts, table.num_rows))
    value, gold = scores(table, by, base), _column(table, "gold") > 0
    best = np.repeat(np.maximum.reduceat(value, starts), sizes)
    top = value == best
    tied = np.add.reduceat(top, starts, dtype=np.int64)
    if share:
        credit = np.add.reduceat(top & gold, starts, dtype=np.int64) / np.maximum(tied, 1)
    else:
        first = np.minimum.reduceat(np.where(top, np.arange(len(top)), len(top) - 1), starts)
        credit = gold[first].astype(float)
    return np.where(np.isnan(best[starts]), np.nan, credit), tied


def accuracy(table: pa.Table, by: str, *, share: bool, base: pa.Table | None = None) -> float | None:
    """Mean credit over the questions that have the score; None if none has it."""
    credit, _ = credits(table, by, share=share, base=base)
    known = credit[~np.isnan(credit)]
    return float(known.mean()) if known.size else None


def accuracies(table: pa.Table, *, share: bool, base: pa.Table | None = None) -> dict[str, float | None]:
    """Accuracy by every normalisation."""
    return {by: accuracy(table, by, share=share, base=base) for by in NORMALISATIONS}


def count_truncated(table: pa.Table) -> int:
    """Questions of which at least one option lost tokens."""
    return int(np.maximum.reduceat(_column(table, "truncated"), _starts(table)).sum())


def _starts(table: pa.Table) -> np.ndarray:
    # Options of a question stand together and are numbered from 0.
    return np.flatnonzero(_column(table, "option") == 0)


def _per(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, out=np.full(len(total), -np.inf), where=count > 0)


def _column(table: pa.Table, name: str) -> np.ndarray:
    return table.column(name).to_numpy().astype(float)
