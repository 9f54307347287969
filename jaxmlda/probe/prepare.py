"""Making question sets ready for the scorer: tokenised, built into trees, packed; once for all checkpoints.

In: question sets, a vocabulary, a rule, a template. Out: for each set a plan and the constant columns of
its table, and one plan for all options by themselves, which do not depend on their questions and are scored
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxmlda.probe import packing, rules, tables, trees
from jaxmlda.probe.packing import Plan
from jaxmlda.probe.rules import Rule, Scored
from jaxmlda.probe.scorer import Scorer
from jaxmlda.probe.tables import Items
from jaxmlda.probe.templates import Template
from jaxmlda.questions import Question
from jaxmlda.rows.vocabulary import Vocabulary

_OPTIONS = "\x00options"


@dataclass(frozen=True)
class Ready:
    """`plans` and `items` by set; `options` scores every distinct option after a neutral prompt and alone."""

    plans: dict[str, Plan]
    items: dict[str, Items]
    options: Plan


def prepare(
    sets: Mapping[str, Sequence[Question]],
    vocabulary: Vocabulary,
    rule: Rule,
    template: Template,
    scorer: Scorer,
    *,
    split: bool,
    row_length: int | None = None,
) -> Ready:
    """Tokenise and pack all sets into batches of one shape; `split` keeps the rest of a cloze in slots of
    its own.
    """
    limit = scorer.decoder.config.max_positions

    def scored(prompt: str, answer: str, rest: str) -> Scored:
        return rules.truncate(rule(vocabulary, prompt, answer, rest), limit)

    results = {
        name: [[scored(*template.split(q, option)) for option in q.options] for q in of] for name, of in sets.items()
    }
    neutral = _distinct((q.language, option) for of in sets.values() for q in of for option in q.options)
    alone = _distinct(option for of in sets.values() for q in of for option in q.options)
    after_neutral = [scored(*template.neutral(*key)) for key in neutral]
    by_itself = [scored("", option, "") for option in alone]
    groups = {name: question_trees(of, split) for name, of in results.items()}
    groups[_OPTIONS] = option_trees(after_neutral, by_itself)
    slots = {name: sum(map(len, of)) * (1 + split) for name, of in results.items()}
    slots[_OPTIONS] = len(neutral) + len(alone)
    plans = packing.pack(
        groups,
        slots,
        vocab_size=scorer.decoder.config.vocab_size,
        row_length=row_length,
        rows_per_batch=scorer.rows_per_batch,
        rows_multiple=scorer.rows_multiple,
    )
    items = {}
    for name, of in sets.items():
        keys = [(q, option) for q in of for option in q.options]
        places = np.array([alone[option] for _, option in keys])
        items[name] = tables.items(
            name,
            of,
            results[name],
            neutral=np.array([-1 if _opens(q, template) else neutral[q.language, option] for q, option in keys]),
            alone=places + len(neutral),
            n_tok_alone=np.array([by_itself[place].n_tok for place in places]),
            has_rest=split,
        )
    options = plans.pop(_OPTIONS)
    return Ready(plans, items, options)


def question_trees(scored: Sequence[Sequence[Scored]], split: bool) -> list[trees.Tree]:
    """One tree per question. Answer slots are numbered through all options, rest slots stand behind them."""
    total = sum(map(len, scored))
    built, slot = [], 0
    for options in scored:
        strands = [trees.strand(one, slot + o, total + slot + o if split else None) for o, one in enumerate(options)]
        built.append(trees.build(strands))
        slot += len(options)
    return [tree for tree in built if tree is not None]


def option_trees(neutral: Sequence[Scored], alone: Sequence[Scored]) -> list[trees.Tree]:
    """Trees of distinct options: after a neutral prompt (the first slots), then alone."""
    strands = [trees.strand(one, slot) for slot, one in enumerate([*neutral, *alone])]
    return [*trees.bundle(strands[: len(neutral)]), *trees.bundle(strands[len(neutral) :])]


def _distinct(values: Iterable[Any]) -> dict[Any, int]:
    return {value: place for place, value in enumerate(dict.fromkeys(values))}


def _opens(question: Question, template: Template) -> bool:
    """Whether the answer opens the text: such a cloze has no prompt to compare a neutral one with."""
    return not template.split(question, "")[0]
