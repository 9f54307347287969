"""What a guesser reaches who never sees a model: chance, the longest, the shortest option, a classifier of
options.

In: the questions of a set. Out: accuracies between 0 and 1. A model's accuracy is shown beside these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxmlda.questions import options as features
from jaxmlda.questions.logit import Choices, fit
from jaxmlda.questions.record import Question
from jaxmlda.storage import keyed


def chance(questions: Sequence[Question]) -> float:
    """Mean of (right options / options)."""
    return float(np.mean([len(q.answers) / len(q.options) for q in questions]))


def longest(questions: Sequence[Question]) -> float:
    """Accuracy of the option with the most characters; m options tied at the top share 1/m each."""
    return _accuracy(questions, [np.array([len(o) for o in q.options], float) for q in questions])


def shortest(questions: Sequence[Question]) -> float:
    """Accuracy of the option with the fewest characters; m options tied share 1/m each."""
    return _accuracy(questions, [-np.array([len(o) for o in q.options], float) for q in questions])


def options_classifier(questions: Sequence[Question], *, folds: int = 5, seed: int = 0) -> float | None:
    """Accuracy of a conditional logit over features of the option texts alone; the question is never seen.

    Cross-validated: all questions of a document cluster are in one fold, and each fold is answered by a
    classifier fitted on the others. None where there is one cluster only, because nothing can be held out.
    """
    fold = _folds([q.cluster for q in questions], folds, seed)
    if fold.max() == 0:
        return None
    counted = [features.counts(q.options) for q in questions]
    scores: list[np.ndarray] = [np.empty(0)] * len(questions)
    for held_out in range(int(fold.max()) + 1):
        train, test = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        table = np.concatenate([counted[i] for i in train])
        mean, spread = table.mean(0), table.std(0) + 1e-6
        rows = [(c - mean) / spread for c in counted]
        weights = fit(Choices([rows[i] for i in train], [questions[i].answers for i in train]))
        for i in test:
            scores[i] = rows[i] @ weights
    return _accuracy(questions, scores)


def _accuracy(questions: Sequence[Question], scores: Sequence[np.ndarray]) -> float:
    """Mean over questions of (right options among those tied at the top / options tied at the top)."""
    credits = []
    for question, score in zip(questions, scores, strict=True):
        top = np.flatnonzero(score == score.max())
        credits.append(np.isin(top, question.answers).mean())
    return float(np.mean(credits))


def _folds(clusters: Sequence[str], folds: int, seed: int) -> np.ndarray:
    """Deal the clusters to folds in keyed order, so that the split depends on names and seed alone."""
    ordered = sorted(set(clusters), key=lambda name: (keyed(seed, "options_classifier", name), name))
    fold_of = {name: place % folds for place, name in enumerate(ordered)}
    return np.array([fold_of[name] for name in clusters])
