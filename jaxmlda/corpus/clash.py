"""Corpora that are trained on together must not use one id for two documents. In: two; out: the ids that clash."""

from jaxmlda.corpus.store import Corpus

SHOWN = 10


def clashing(corpus: Corpus, other: Corpus) -> list[str]:
    """The first ten ids of `other`, in its order, that stand in `corpus` too; only ids are held in memory."""
    known = {document.id for document in corpus}
    found: list[str] = []
    for document in other:
        if document.id in known:
            found.append(document.id)
            if len(found) == SHOWN:
                break
    return found
