"""Another corpus beside the one of the trial: its ids must be its own, and it must not bring assigned documents again.

In: the trial's corpus, the trial, the other corpus; out: a trial of the other corpus, in which every document is
outside but for near-duplicates of documents that have an arm: those may not be trained on.
"""

import logging
from typing import NamedTuple

import pyarrow as pa

from jaxmlda.corpus.clash import clashing
from jaxmlda.corpus.duplicates import near
from jaxmlda.corpus.store import Corpus
from jaxmlda.corpus.trial import OUTSIDE, Trial
from jaxmlda.errors import UserError
from jaxmlda.storage import digest

LEFT_OUT = "none"
log = logging.getLogger("jaxmlda.corpus")


class Drawn(NamedTuple):
    """A corpus that streams draw from, and the arms of its documents."""

    corpus: Corpus
    trial: Trial


def check_ids(corpus: Corpus, other: Corpus) -> None:
    """Refuses two corpora that use one id: the ledger could not tell their documents apart."""
    clash = clashing(corpus, other)
    if clash:
        raise UserError(
            f"{other.folder} and {corpus.folder} both have a document {clash[0]}"
            f"{' (and others)' if len(clash) > 1 else ''}; ids must be unique over all corpora of a run: read one of "
            "them again with other ids"
        )


def trial_beside(corpus: Corpus, trial: Trial, other: Corpus, processes: int = 1) -> Trial:
    """The arm `none` for every document of the other corpus that is like an assigned document of this one."""
    if not trial.arms:
        return Trial.read(None)
    left_out = {
        one.document: LEFT_OUT for one in near(corpus, other, processes=processes) if trial.arm(one.near) != OUTSIDE
    }
    if left_out:
        log.warning(
            "%s: %d documents are near-duplicates of documents of the trial and are left out; first: %s",
            *(other.folder, len(left_out), min(left_out)),
        )
    return Trial(left_out, digest(left_out))


def table_of(trial: Trial) -> pa.Table:
    """A trial as a table that `Trial.read` reads."""
    columns = {"document": list(trial.arms), "arm": list(trial.arms.values())}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
