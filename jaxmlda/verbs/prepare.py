"""`jaxmlda prepare CONFIG`: the recipe's SeqIO Tasks, run once, become rows and their ledger.

In: corpus, trial, vocabulary, recipe; out: `OUTPUT/rows`. Each shard of each stream is tokenised by its own process
and kept until the rows stand, so an interrupted call goes on where it was.
"""

import itertools
import logging
import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, NamedTuple

from etils import epath

from jaxmlda.config import Recipe, Run, Stream, find, load
from jaxmlda.corpus import Corpus, Document, Trial
from jaxmlda.errors import UserError
from jaxmlda.progress import bar
from jaxmlda.rows import build, tokens
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.rows.store import Source
from jaxmlda.storage import digest, lock, read_json
from jaxmlda.streams import KINDS, texts_of
from jaxmlda.verbs.command import cores, print_config, read_run, run_file_parser
from jaxmlda.verbs.sources import check_source, source_of

PURPOSE = "Turn a recipe into rows of tokens with a ledger of every document in them."
DOCUMENTS_A_SHARD = 5_000
SAMPLE = Document("sample", en="A sample.", ja="見本。")
log = logging.getLogger("jaxmlda.prepare")


class Job(NamedTuple):
    """One shard of one stream, all in plain values so that it can cross to another process."""

    recipe: str
    stream: str
    corpus: str
    trial: str | None
    vocabulary: str
    index: int
    number: int
    target: str


def streams_of(recipe: Recipe) -> list[Stream]:
    """All streams of a recipe, in order."""
    return list(itertools.chain.from_iterable(phase.streams for phase in recipe.phases))


def check_streams(recipe: Recipe, named: str) -> None:
    """Kinds, their options and native languages, before any text is made.

    A document's group is what its arm permits of the native languages, so native text in another language may come
    from documents outside the trial only.
    """
    for stream in streams_of(recipe):
        try:
            list(texts_of(SAMPLE, stream.kind, tuple(stream.languages), stream.options))
        except UserError as error:
            raise UserError(f"{named}: stream {stream.name}: {error}") from error
        foreign = sorted(set(stream.languages) - set(recipe.native_languages))
        if foreign and not KINDS[stream.kind].transfer and set(stream.arms) != {"outside"}:
            raise UserError(
                f"{named}: stream {stream.name}: {', '.join(foreign)} is none of the recipe's native_languages "
                f"({', '.join(recipe.native_languages)}); name it there, or draw from the arm outside only"
            )


def tokenise(job: Job) -> int:
    """Runs one SeqIO Task over its shard and stores the tokens; gives their number."""
    import seqio
    import tensorflow as tf

    import seqio_tasks

    tf.config.set_visible_devices([], "GPU")
    recipe = load(Recipe, job.recipe)
    seqio_tasks.register(recipe, Corpus(job.corpus), Trial.read(job.trial), vocabularies.load(job.vocabulary))
    task = seqio.get_mixture_or_task(seqio_tasks.task_name(recipe.name, job.stream))
    shard = seqio.ShardInfo(job.index, job.number)
    dataset = task.get_dataset(sequence_length=None, split="train", shuffle=False, shard_info=shard, use_cached=False)
    texts = (
        tokens.TokenText(
            example["document"].decode(),
            example["form"].decode(),
            example["targets"],
            example["ends"],
            example["part_stop"],
            [language.decode() for language in example["part_language"]],
            example["part_from"],
        )
        for example in dataset.as_numpy_iterator()
    )
    return tokens.write(job.target, texts)


def jobs_of(run: Run, recipe: Recipe, shards: int, work: epath.Path) -> list[Job]:
    """Every shard of every stream."""
    path = str(find(run.recipe, "recipes"))
    return [
        Job(
            path,
            stream.name,
            run.corpus,
            run.trial,
            run.vocabulary,
            index,
            shards,
            str(work / f"{stream.name}-{index:04d}.parquet"),
        )
        for stream in streams_of(recipe)
        for index in range(shards)
    ]


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def tokenise_all(jobs: list[Job]) -> None:
    """Runs the jobs whose result is not there yet, one process a core."""
    left = [job for job in jobs if not epath.Path(job.target).exists()]
    if not left:
        return
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(
            min(cores(), len(left)), mp_context=spawn, initializer=_leave_signals_to_the_parent
        ) as pool,
        bar(label="tokens", unit="token") as progress,
    ):
        try:
            for done in as_completed([pool.submit(tokenise, job) for job in left]):
                progress.update(done.result())
        except KeyboardInterrupt:
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def check_existing(rows: epath.Path, source: Source) -> bool:
    """Whether finished rows of the same source are there; rows of another source are an error, never replaced."""
    if not (rows / "meta.json").exists():
        return False
    check_source(rows, read_json(rows / "meta.json")["source"], source)
    return True


def prepare(run: Run) -> dict[str, Any]:
    """Makes the rows of a run unless they are there; gives their meta data."""
    recipe = load(Recipe, find(run.recipe, "recipes"))
    check_streams(recipe, run.recipe)
    corpus, trial, vocabulary = Corpus(run.corpus), Trial.read(run.trial), vocabularies.load(run.vocabulary)
    rows = epath.Path(run.output) / "rows"
    source = source_of(run)
    if check_existing(rows, source):
        return read_json(rows / "meta.json")
    work = rows / f"tokens-{digest(source._asdict())}"
    work.mkdir(parents=True, exist_ok=True)
    shards = -(-len(corpus) // DOCUMENTS_A_SHARD)
    jobs = jobs_of(run, recipe, shards, work)
    tokenise_all(jobs)
    streams = {
        stream.name: tokens.read([job.target for job in jobs if job.stream == stream.name])
        for stream in streams_of(recipe)
    }
    transfer = {stream.name: KINDS[stream.kind].transfer for stream in streams_of(recipe)}
    meta = {
        "recipe": recipe.name,
        "native_languages": recipe.native_languages,
        "vocabulary_size": vocabulary.size,
        "source": source._asdict(),
    }
    meta = build.build(
        rows, recipe, run.rows, streams, pad=vocabulary.pad_id, trial=trial, transfer=transfer, meta=meta
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


def run(words: list[str]) -> int:
    """The verb."""
    made = run_file_parser("prepare", PURPOSE)
    made.add_argument(
        "--train-vocabulary",
        type=int,
        metavar="PIECES",
        help="first train the vocabulary on the corpus, if it is missing",
    )
    arguments, settings = read_run(made, words)
    if arguments.print_config:
        return print_config(settings)
    with lock(settings.output):
        if arguments.train_vocabulary:
            train_vocabulary(settings, arguments.train_vocabulary)
        meta = prepare(settings)
    told = f"{meta['rows']:,} rows of {meta['sequence_length']} tokens, {meta['tokens']:,} real tokens"
    log.info("%s/rows: %s", settings.output, told)
    return 0
