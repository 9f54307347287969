"""A recipe's streams as SeqIO Tasks, and the recipe as a Mixture.

Beside `targets` every example says where it comes from: document, form, the character at which each token ends, and
the parts of its text (end, language, place in the document). Nothing is trimmed and nothing is shuffled here.
"""

import functools
from collections.abc import Iterator, Sequence

import numpy as np
import seqio
import tensorflow as tf

from jaxmlda.config import Recipe, Stream
from jaxmlda.corpus import Corpus, Trial
from jaxmlda.rows.vocabulary import Vocabulary
from jaxmlda.streams import Text, texts_of
from seqio_tasks.vocabulary import TextVocabulary

SIGNATURE = {
    "document": tf.TensorSpec((), tf.string),
    "form": tf.TensorSpec((), tf.string),
    "text": tf.TensorSpec((), tf.string),
    "part_stop": tf.TensorSpec((None,), tf.int32),
    "part_language": tf.TensorSpec((None,), tf.string),
    "part_from": tf.TensorSpec((None,), tf.int32),
}
SHARDS = 64


def task_name(recipe: str, stream: str) -> str:
    """The name under which a stream is registered."""
    return f"jaxmlda.{recipe}.{stream}"


def example(text: Text) -> dict[str, object]:
    """A text as the flat features of an example."""
    stops = np.cumsum([len(part.text) for part in text.parts]).astype(np.int32)
    return {
        "document": text.document,
        "form": text.form,
        "text": str(text),
        "part_stop": stops,
        "part_language": [part.language for part in text.parts],
        "part_from": np.array([-1 if part.from_char is None else part.from_char for part in text.parts], np.int32),
    }


class StreamSource(seqio.DataSource):
    """The texts of one stream, read from the stored corpus by document number; a shard is a run of documents."""

    def __init__(self, stream: Stream, corpus: Corpus, trial: Trial) -> None:
        super().__init__(splits=("train",))
        self.stream, self.corpus, self.trial = stream, corpus, trial

    @property
    def supports_arbitrary_sharding(self) -> bool:
        return True

    def list_shards(self, split: str) -> Sequence[str]:
        return [f"{split}-{number:05d}" for number in range(SHARDS)]

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: seqio.ShardInfo | None = None,
    ) -> tf.data.Dataset:
        index, number = (shard_info.index, shard_info.num_shards) if shard_info else (0, 1)
        bounds = [len(self.corpus) * (index + offset) // number for offset in (0, 1)]
        return tf.data.Dataset.from_generator(functools.partial(self._examples, *bounds), output_signature=SIGNATURE)

    def _examples(self, start: int, stop: int) -> Iterator[dict[str, object]]:
        for number in range(start, stop):
            document = self.corpus[number]
            if self.trial.arm(document.id) not in self.stream.arms:
                continue
            for text in texts_of(document, self.stream.kind, tuple(self.stream.languages), self.stream.options):
                yield example(text)


def tokenize(dataset: tf.data.Dataset, vocabulary: Vocabulary) -> tf.data.Dataset:
    """Adds `targets` and, for every token, the character of the text at which it ends; the EOS ends with the text."""

    def encode(text: bytes) -> tuple[np.ndarray, np.ndarray]:
        decoded = text.decode()
        ids, spans = vocabulary.encode_with_offsets(decoded)
        stops = [stop for _, stop in spans]
        return np.array([*ids, vocabulary.eos_id], np.int32), np.array([*stops, len(decoded)], np.int32)

    def add(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        ids, ends = tf.numpy_function(encode, [features["text"]], (tf.int32, tf.int32), stateful=False)
        ids.set_shape([None])
        ends.set_shape([None])
        rest = {name: value for name, value in features.items() if name != "text"}
        return rest | {"targets_pretokenized": features["text"], "targets": ids, "ends": ends}

    return dataset.map(add, num_parallel_calls=1)


def _register_stream(recipe: str, stream: Stream, corpus: Corpus, trial: Trial, vocabulary: Vocabulary) -> str:
    name = task_name(recipe, stream.name)
    if name in seqio.TaskRegistry.names():
        seqio.TaskRegistry.remove(name)
    seqio.TaskRegistry.add(
        name,
        source=StreamSource(stream, corpus, trial),
        preprocessors=[functools.partial(tokenize, vocabulary=vocabulary)],
        output_features={"targets": seqio.Feature(TextVocabulary(vocabulary), add_eos=True)},
    )
    return name


def register(recipe: Recipe, corpus: Corpus, trial: Trial, vocabulary: Vocabulary) -> list[str]:
    """Registers the recipe anew, gives the names of its Tasks; the Mixture's rates are shares or epochs."""
    rates = []
    for phase in recipe.phases:
        for stream in phase.streams:
            name = _register_stream(recipe.name, stream, corpus, trial, vocabulary)
            share = stream.share * phase.share if stream.share is not None else float(stream.epochs)
            rates.append((name, share))
    mixture = f"jaxmlda.{recipe.name}"
    if mixture in seqio.MixtureRegistry.names():
        seqio.MixtureRegistry.remove(mixture)
    seqio.MixtureRegistry.add(mixture, rates)
    return [name for name, _ in rates]
