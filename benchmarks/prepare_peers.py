"""Other ways from text to tokens and rows, measured for `benchmarks.prepare`: SeqIO, SentencePiece alone, Grain.

In: the folder of the benchmark; out: tokens, seconds, CPU seconds and the share of places filled. Clocks start when
everything is imported and open.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxmlda.config import Recipe, load
from jaxmlda.corpus import Corpus, Trial
from jaxmlda.rows import vocabulary as vocabularies

LENGTH, CORES = 4096, 2
Found = dict[str, Any]


def clocked(function: Callable[[], Any]) -> tuple[Found, Any]:
    """Seconds of wall clock and of all processors, children's included, and what came out."""
    began, before = time.perf_counter(), os.times()
    result = function()
    after = os.times()
    return {"seconds": time.perf_counter() - began, "cpu": sum(after[:4]) - sum(before[:4])}, result


def our_task(home: Path) -> Found:
    """The recipe's Task, example by example, as a SeqIO user reads it."""
    import seqio

    import seqio_tasks

    recipe = load(Recipe, home / "recipe.yaml")
    vocabulary = vocabularies.load(home / "vocabulary.model")
    (name,) = seqio_tasks.register(recipe, Corpus(home / "corpus"), Trial.read(None), vocabulary)
    return drained(seqio.get_mixture_or_task(name).get_dataset(None, "train", shuffle=False))


def _plain(home: Path) -> Any:
    """A Task over lines of text, with SeqIO's own vocabulary, in TensorFlow throughout."""
    import seqio

    vocabulary = seqio.SentencePieceVocabulary(str(home / "vocabulary.model"))
    seqio.TaskRegistry.add(
        "plain",
        source=seqio.TextLineDataSource({"train": str(home / "lines.txt")}),
        preprocessors=[
            lambda dataset: dataset.map(lambda line: {"targets": line}),
            seqio.preprocessors.tokenize,
            seqio.preprocessors.append_eos,
        ],
        output_features={"targets": seqio.Feature(vocabulary, add_eos=True)},
    )
    return seqio


def plain_task(home: Path) -> Found:
    """SeqIO's own way from lines to tokens."""
    return drained(_plain(home).get_mixture_or_task("plain").get_dataset(None, "train", shuffle=False))


def packed_task(home: Path) -> Found:
    """The same with SeqIO's packing."""
    seqio = _plain(home)
    converter = seqio.DecoderFeatureConverter(pack=True)
    return drained(seqio.get_dataset("plain", {"targets": LENGTH}, converter), "decoder_target_tokens")


def drained(dataset: Any, name: str = "targets") -> Found:
    """Reads every example; counts tokens that are no padding, and places."""

    def read() -> tuple[int, int]:
        tokens = places = 0
        for example in dataset.as_numpy_iterator():
            real = example.get("decoder_segment_ids", example[name])
            tokens += int(np.count_nonzero(real)) if real.shape == (LENGTH,) else len(real)
            places += len(real)
        return tokens, places

    spent, (tokens, places) = clocked(read)
    return spent | {"tokens": tokens, "filled": tokens / places}


def bare(home: Path) -> Found:
    """SentencePiece over lists of texts, ids alone, a thread a core."""
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(home / "vocabulary.model"))
    texts = (home / "lines.txt").read_text().splitlines()

    def encode() -> int:
        chunks = range(0, len(texts), 10_000)
        found = (model.encode(texts[at : at + 10_000], num_threads=CORES, return_type="numpy") for at in chunks)
        return sum(len(ids) + 1 for chunk in found for ids in chunk)

    spent, tokens = clocked(encode)
    return spent | {"tokens": tokens}


def grain_packing(home: Path) -> Found:
    """Grain's first-fit packing of texts that are tokens already; texts longer than a row are cut before."""
    import grain

    model = vocabularies.load(home / "vocabulary.model")
    encoded = model.encode_many((home / "lines.txt").read_text().splitlines())
    texts = np.split(encoded.ids, np.cumsum(encoded.counts)[:-1])
    cut = [{"targets": text[at : at + LENGTH]} for text in texts for at in range(0, len(text), LENGTH)]
    packed = grain.experimental.FirstFitPackIterDataset(
        grain.MapDataset.source(cut).to_iter_dataset(), length_struct={"targets": LENGTH}, num_packing_bins=64
    )

    def read() -> int:
        return sum(1 for _ in packed)

    spent, rows = clocked(read)
    tokens = len(encoded.ids)
    return spent | {"tokens": tokens, "filled": tokens / (rows * LENGTH)}
