"""`jaxmlda prepare CONFIG`: the recipe's SeqIO Tasks, run once, become rows and their ledger.

In: corpus, trial, vocabulary, recipe; out: `OUTPUT/rows`. Each shard of each stream is tokenised by its own process
and kept until the rows stand, so an interrupted call goes on where it was.
"""

import itertools
import logging
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from etils import epath

from jaxmlda.config import Recipe, Run, find, load
from jaxmlda.corpus import Corpus, premium
from jaxmlda.errors import UserError
from jaxmlda.progress import bar
from jaxmlda.rows import build, tokens
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.rows.store import Source
from jaxmlda.storage import digest, lock, read_json
from jaxmlda.streams import KINDS
from jaxmlda.streams.check import check_recipe
from jaxmlda.verbs.ask import as_json, as_table, ask
from jaxmlda.verbs.command import print_config, read_run, run_file_parser
from jaxmlda.verbs.draw import Drawn, drawn_of, trial_of_all, written_trials
from jaxmlda.verbs.sources import check_source, source_of
from jaxmlda.verbs.tokenise import Job, tokenise_all

PURPOSE = "Turn a recipe into rows of tokens with a ledger of every document in them."
DOCUMENTS_A_SHARD, MOST_SHARDS = 10_000, 256
log = logging.getLogger("jaxmlda.prepare")


def jobs_of(run: Run, recipe: Recipe, drawn: dict[str | None, Drawn], work: epath.Path) -> list[Job]:
    """Every shard of every stream."""
    path = str(find(run.recipe, "recipes"))
    trials = written_trials(drawn, run, work)
    places = tuple((name, str(one.corpus.folder), trials[name]) for name, one in drawn.items())
    jobs = []
    for stream in recipe.streams:
        shards = min(-(-len(drawn[stream.corpus].corpus) // DOCUMENTS_A_SHARD), MOST_SHARDS)
        for index in range(shards):
            target = str(work / f"{stream.name}-{index:04d}.parquet")
            jobs.append(Job(path, stream.name, places, run.vocabulary, index, shards, target))
    return jobs


def scratch_of(rows: epath.Path, source: Source) -> epath.Path:
    """The local folder of tokenised shards, in the rows' own where that is local; memory maps need one."""
    home = rows if "://" not in str(rows) else epath.Path(tempfile.gettempdir())
    return home / f"tokens-{digest(source._asdict())}"


def check_existing(rows: epath.Path, source: Source) -> bool:
    """Whether finished rows of the same source are there; rows of another source are an error, never replaced."""
    if not (rows / "meta.json").exists():
        return False
    check_source(rows, read_json(rows / "meta.json")["source"], source)
    return True


def prepare(run: Run) -> dict[str, Any]:
    """Makes the rows of a run unless they are there; gives their meta data."""
    recipe = load(Recipe, find(run.recipe, "recipes"))
    try:
        check_recipe(recipe)
    except UserError as error:
        raise UserError(f"{run.recipe}: {error}") from error
    vocabulary = vocabularies.load(run.vocabulary)
    rows = epath.Path(run.output) / "rows"
    source = source_of(run)
    if check_existing(rows, source):
        return read_json(rows / "meta.json")
    drawn = drawn_of(recipe, run)
    work = scratch_of(rows, source)
    work.mkdir(parents=True, exist_ok=True)
    for left in work.parent.glob("tokens-*"):
        if left != work and work.parent == rows:
            left.rmtree()
    jobs = jobs_of(run, recipe, drawn, work)
    tokenise_all(jobs)
    streams = {
        stream.name: tokens.read([job.target for job in jobs if job.stream == stream.name]) for stream in recipe.streams
    }
    transfer = {stream.name: KINDS[stream.kind].transfer for stream in recipe.streams}
    meta = {
        "recipe": recipe.name,
        "native_languages": recipe.native_languages,
        "allow_leak": recipe.allow_leak,
        "vocabulary_size": vocabulary.size,
        "source": source._asdict(),
    }
    special = {"pad": vocabulary.pad_id, "bos": vocabulary.bos_id}
    meta = build.build(
        rows,
        recipe,
        run.rows,
        streams,
        **special,
        trial=trial_of_all(drawn),
        transfer=transfer,
        meta=meta,
        scratch=work,
    )
    work.rmtree()
    return meta


def train_vocabulary(run: Run, size: int) -> None:
    """Trains the run's vocabulary on its own corpus, where there is none yet."""
    if epath.Path(run.vocabulary).exists():
        return
    corpus = Corpus(run.corpus)

    def texts() -> Iterator[str]:
        for document in bar(corpus, label="vocabulary", unit="document"):
            yield from document.titles.values()
            yield from (document.text(language) for language in document.languages)
            yield from itertools.chain.from_iterable((question, answer) for _, question, answer in document.qa)

    vocabularies.train(texts(), size, run.vocabulary)
    if corpus.card["pairs"]:
        made = vocabularies.load(run.vocabulary)
        premium.record(corpus, made.digest, made.encode_batch)


def run(words: list[str]) -> int:
    """The verb."""
    made = run_file_parser("prepare", PURPOSE)
    made.add_argument(
        "--train-vocabulary",
        type=int,
        metavar="PIECES",
        help="first train the vocabulary on the corpus, if it is missing",
    )
    made.add_argument(
        "--query", metavar="WHAT", help="print ledger entries of finished rows: document=ID, step=N, question=FILE:ID"
    )
    made.add_argument("--json", action="store_true", help="print them as JSON, one object a line")
    arguments, settings = read_run(made, words)
    if arguments.print_config:
        return print_config(settings)
    if arguments.query:
        entries = ask(settings, arguments.query)
        sys.stdout.write(as_json(entries) if arguments.json else as_table(entries))
        return 0
    with lock(settings.output):
        if arguments.train_vocabulary:
            train_vocabulary(settings, arguments.train_vocabulary)
        meta = prepare(settings)
    told = f"{meta['rows']:,} rows of {meta['sequence_length']} tokens, {meta['tokens']:,} real tokens"
    log.info("%s/rows: %s", settings.output, told)
    return 0
