"""What a recipe's streams draw from: corpora, trials, lexicons; opened and checked before any text is made.

In: a run and its recipe; out: the corpora by the name that streams use, each with the trial of its documents.
"""

import dataclasses

from etils import epath

from jaxmlda.config import Recipe, Run
from jaxmlda.corpus import Corpus, Trial, beside, duplicates
from jaxmlda.corpus.beside import Drawn
from jaxmlda.corpus.trial import OUTSIDE, check_clusters, check_corpus
from jaxmlda.errors import UserError
from jaxmlda.storage import write_table
from jaxmlda.verbs.command import cores


def folders_of(recipe: Recipe, run: Run) -> dict[str | None, str]:
    """The folder of every corpus that the recipe draws from; the run's own has no name."""
    for stream in recipe.streams:
        if stream.corpus is not None and stream.corpus not in run.corpora:
            raise UserError(
                f"{run.recipe}: stream {stream.name} draws from the corpus {stream.corpus!r}, and the run's corpora "
                f"are {', '.join(run.corpora) or 'none'}; give --corpora.{stream.corpus}=FOLDER"
            )
    named = {stream.corpus for stream in recipe.streams if stream.corpus is not None}
    return {None: run.corpus} | {name: run.corpora[name] for name in sorted(named)}


def check_arms(recipe: Recipe, trial: Trial, named: str) -> None:
    """An arm that a stream draws from and that has no document is a mistake in one of the two."""
    there = set(trial.arms.values()) | {OUTSIDE}
    for stream in recipe.streams:
        empty = sorted(set(stream.arms) - there)
        if trial.arms and stream.corpus is None and empty:
            raise UserError(
                f"stream {stream.name}: draws from the arm {empty[0]}, to which {named} assigns no document; change "
                "the stream's arms, or the shares of the trial"
            )


def drawn_of(recipe: Recipe, run: Run) -> dict[str | None, Drawn]:
    """Every corpus of the run, opened, with its trial; whatever breaks the trial's promises is an error."""
    folders = folders_of(recipe, run)
    corpus, trial = Corpus(run.corpus), Trial.read(run.trial)
    check_corpus(trial, corpus)
    check_clusters(trial, duplicates.stored(corpus))
    check_arms(recipe, trial, str(run.trial))
    drawn: dict[str | None, Drawn] = {None: Drawn(corpus, dataclasses.replace(trial, leaks=recipe.allow_leak))}
    for name, folder in folders.items():
        if name is not None:
            other = Corpus(folder)
            for one in drawn.values():
                beside.check_ids(one.corpus, other)
            drawn[name] = Drawn(other, beside.trial_beside(corpus, trial, other, cores()))
    return drawn


def trial_of_all(drawn: dict[str | None, Drawn]) -> Trial:
    """One trial for the ledger of all corpora."""
    own = drawn[None].trial
    arms = dict(own.arms)
    for one in drawn.values():
        arms |= one.trial.arms
    return dataclasses.replace(own, arms=arms)


def written_trials(drawn: dict[str | None, Drawn], run: Run, folder: epath.Path) -> dict[str | None, str | None]:
    """Paths of the trials for other processes to read; those of other corpora are written to a folder."""
    paths: dict[str | None, str | None] = {None: run.trial}
    for name, one in drawn.items():
        if name is not None:
            paths[name] = str(folder / f"beside-{name}.parquet")
            write_table(paths[name], beside.table_of(one.trial))
    return paths
