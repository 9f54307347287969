"""Score tables: one row per question and option, of one set at one checkpoint.

In: what is known of the options before any model (`Items`), and sums per slot. Out: an Arrow table of
`SCHEMA`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from jaxmlda.probe.rules import Scored
from jaxmlda.questions import Question

SCHEMA = pa.schema(
    [
        pa.field("step", pa.int64(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("set", pa.string(), nullable=False),
        pa.field("question", pa.string(), nullable=False),
        pa.field("option", pa.int32(), nullable=False),
        pa.field("gold", pa.bool_(), nullable=False),
        pa.field("document", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("written_in", pa.string(), nullable=False),
        pa.field("form", pa.string(), nullable=False),
        pa.field("pair", pa.string()),
        pa.field("sum_logp", pa.float64(), nullable=False),
        pa.field("sum_logp_rest", pa.float64()),
        pa.field("n_tok", pa.int32(), nullable=False),
        pa.field("n_char", pa.int32(), nullable=False),
        pa.field("n_byte", pa.int32(), nullable=False),
        pa.field("sum_logp_neutral", pa.float64()),
        pa.field("sum_logp_alone", pa.float64(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field("merged", pa.bool_(), nullable=False),
        pa.field("n_tok_alone", pa.int32(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Items:
    """The columns of a set's table that no checkpoint changes, and where its sums stand.

    `neutral` and `alone` index the slots of the options' own plan, `neutral` is -1 where there is no such
    score; rest slots stand behind the answer slots of the set's plan where `has_rest` (the rule keeps
    answer and rest apart).
    """

    columns: dict[str, pa.Array]
    neutral: np.ndarray
    alone: np.ndarray
    has_rest: bool

    def __len__(self) -> int:
        return len(self.alone)


def items(
    name: str,
    questions: Sequence[Question],
    scored: Sequence[Sequence[Scored]],
    *,
    neutral: np.ndarray,
    alone: np.ndarray,
    n_tok_alone: np.ndarray,
    has_rest: bool,
) -> Items:
    """Lay out the constant columns; `scored[q][o]` is the rule's result for option o of question q."""
    pairs = [(q, o, s) for q, of in zip(questions, scored, strict=True) for o, s in enumerate(of)]
    values = {
        "set": [name] * len(pairs),
        "question": [q.id for q, _, _ in pairs],
        "option": [o for _, o, _ in pairs],
        "gold": [o in q.answers for q, o, _ in pairs],
        "document": [q.document for q, _, _ in pairs],
        "cluster": [q.cluster for q, _, _ in pairs],
        "language": [q.language for q, _, _ in pairs],
        "written_in": [q.written_in for q, _, _ in pairs],
        "form": [q.form for q, _, _ in pairs],
        "pair": [q.pair_id for q, _, _ in pairs],
        **{key: [getattr(s, key) for _, _, s in pairs] for key in ("n_tok", "n_char", "n_byte", "truncated", "merged")},
        "n_tok_alone": n_tok_alone,
    }
    columns = {key: pa.array(value, SCHEMA.field(key).type) for key, value in values.items()}
    return Items(columns, neutral, alone, has_rest)


def build(of: Items, step: int, digest: str, sums: np.ndarray, option_sums: np.ndarray) -> pa.Table:
    """The table of one set at one checkpoint; `sums` are its plan's slots, `option_sums` those of the
    options' plan.
    """
    n = len(of)
    values = {
        "step": pa.array([step] * n, pa.int64()),
        "digest": pa.array([digest] * n, pa.string()),
        "sum_logp": _float64(sums[:n]),
        "sum_logp_rest": _float64(sums[n:]) if of.has_rest else pa.nulls(n, pa.float64()),
        "sum_logp_neutral": _float64(option_sums[of.neutral], null=of.neutral < 0),
        "sum_logp_alone": _float64(option_sums[of.alone]),
        **of.columns,
    }
    return pa.Table.from_arrays([values[field.name] for field in SCHEMA], schema=SCHEMA)


def _float64(values: np.ndarray, null: np.ndarray | None = None) -> pa.Array:
    return pa.array(values.astype(np.float64), mask=null)
