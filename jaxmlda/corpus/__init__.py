"""Documents in one or both languages: the record, the stored corpus, and the trial that says what may be trained on."""

from jaxmlda.corpus.clash import clashing
from jaxmlda.corpus.document import Document
from jaxmlda.corpus.store import Corpus, write
from jaxmlda.corpus.trial import ARMS, DEFAULT_SHARES, Trial, assign

__all__ = ["ARMS", "DEFAULT_SHARES", "Corpus", "Document", "Trial", "assign", "clashing", "write"]
