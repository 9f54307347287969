"""The card of a question set: what can be said of it before any model sees it (bias battery of measured sets).

In: questions; out: figures that the report shows beside every accuracy.
"""

from collections import Counter
from typing import Any

from scipy import stats

from jaxmlda.adaxeval.gates import gold
from jaxmlda.questions import Question, baselines


def card(questions: list[Question]) -> dict[str, Any]:
    """Size, guessers that never see the question, gold in the question, position of the gold (χ²), verbatim share."""
    places = Counter(question.answers[0] for question in questions)
    widest = max(len(question.options) for question in questions)
    documents = {question.document for question in questions}
    verbatim = [question.metadata["is_verbatim"] for question in questions if "is_verbatim" in question.metadata]
    return {
        "n": len(questions),
        "longest_option_accuracy": baselines.longest(questions),
        "shortest_option_accuracy": baselines.shortest(questions),
        "options_classifier_accuracy": baselines.options_classifier(questions),
        "gold_in_question": sum(gold(question).casefold() in question.question.casefold() for question in questions),
        "positions_p": float(stats.chisquare([places[place] for place in range(widest)]).pvalue),
        "verbatim_share": sum(verbatim) / len(verbatim) if verbatim else None,
        "per_document": len(questions) / len(documents),
    }
