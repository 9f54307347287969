"""One shard of one stream as tokens: the SeqIO Task is run over it, in a process of its own.

In: a `Job` of plain values; out: a stored shard and its number of tokens. `tokenise` depends on nothing else, so any
engine that calls a function of plain values, an Apache Beam pipeline for one, can run the jobs.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, NamedTuple

from etils import epath

from jaxmlda.config import Recipe, load
from jaxmlda.corpus import Corpus, Trial
from jaxmlda.progress import bar, workers
from jaxmlda.rows import tokens
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.verbs.command import cores

TEXTS_A_BLOCK = 512


class Job(NamedTuple):
    """One shard of one stream, all in plain values so that it can cross to another process.

    `corpora` are (name, folder, trial), the run's own first, which has no name.
    """

    recipe: str
    stream: str
    corpora: tuple[tuple[str | None, str, str | None], ...]
    vocabulary: str
    index: int
    number: int
    target: str


def tokenise(job: Job) -> int:
    """Runs one SeqIO Task over its shard and stores the tokens; gives their number."""
    import seqio
    import tensorflow as tf

    import seqio_tasks

    tf.config.set_visible_devices([], "GPU")
    recipe = load(Recipe, job.recipe)
    drawn = {name: seqio_tasks.Drawn(Corpus(folder), Trial.read(trial)) for name, folder, trial in job.corpora}
    seqio_tasks.register(recipe, *drawn.pop(None), vocabularies.load(job.vocabulary), drawn)
    task = seqio.get_mixture_or_task(seqio_tasks.task_name(recipe.name, job.stream))
    shard = seqio.ShardInfo(job.index, job.number)
    # Untouched by the map that would trim them, examples leave TensorFlow many at a time as they came in.
    dataset = task.get_dataset(None, "train", shuffle=False, shard_info=shard, trim_output_features=False)
    one_thread = tf.data.Options()
    one_thread.threading.private_threadpool_size = one_thread.threading.max_intra_op_parallelism = 1
    one_thread.autotune.enabled = False
    return tokens.write(job.target, map(block, dataset.batch(TEXTS_A_BLOCK).with_options(one_thread)))


def block(examples: dict[str, Any]) -> tokens.Block:
    """Examples of a Task as flat arrays."""

    def texts(name: str) -> list[str]:
        return [value.decode() for value in examples[name].numpy()]

    def values(name: str) -> Any:
        return examples[name].flat_values.numpy()

    def counts(name: str) -> Any:
        return examples[name].row_lengths().numpy()

    return tokens.Block(
        texts("document"),
        texts("form"),
        counts("targets"),
        values("targets"),
        values("ends"),
        counts("part_stop"),
        values("part_stop"),
        [language.decode() for language in values("part_language")],
        values("part_from"),
    )


def _begin() -> None:
    """Of every process: TensorFlow keeps to one core."""
    workers.begin()
    # Its C++ half reports every missing GPU as an error; its real errors come as exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def tokenise_all(jobs: list[Job]) -> None:
    """Runs the jobs whose result is not there yet, one process a core."""
    left = [job for job in jobs if not epath.Path(job.target).exists()]
    if not left:
        return
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(min(cores(), len(left)), mp_context=spawn, initializer=_begin) as pool,
        bar(label="tokens", unit="token") as progress,
    ):
        try:
            for done in as_completed([pool.submit(tokenise, job) for job in left]):
                progress.update(done.result())
        except KeyboardInterrupt:
            for child in multiprocessing.active_children():
                child.terminate()
            raise
