"""Multiple-choice questions about documents: the record, its files, and what can be guessed without a
model.
"""

from jaxmlda.questions.record import BLANK, Question, digest

__all__ = ["BLANK", "Question", "digest"]
