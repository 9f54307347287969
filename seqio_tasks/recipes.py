"""A recipe's streams as SeqIO Tasks, and the recipe as a Mixture.

Beside `targets` every example says where it comes from: document, form, the character at which each token ends, and
the parts of its text (end, language, place in the document). Nothing is trimmed and nothing is shuffled here.
Texts are read and tokenised in blocks, which costs a fraction of doing it one by one.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import seqio
import tensorflow as tf

from jaxmlda.config import Recipe, Stream
from jaxmlda.corpus import Corpus, Trial, lexicon
from jaxmlda.corpus.beside import Drawn
from jaxmlda.errors import UserError
from jaxmlda.rows.vocabulary import Vocabulary
from jaxmlda.streams import Text, bind
from jaxmlda.streams.check import check_recipe
from seqio_tasks.vocabulary import TextVocabulary

PARTS = {"part_stop": tf.int32, "part_language": tf.string, "part_from": tf.int32}
TOKENS = {"targets": tf.int32, "ends": tf.int32}
SIGNATURE = {name: tf.TensorSpec((None,), tf.string) for name in ("document", "form", "text")}
SIGNATURE |= {name: tf.TensorSpec((None,), dtype) for name, dtype in PARTS.items()}
SIGNATURE |= {"parts": tf.TensorSpec((None,), tf.int64)}
SHARDS = 64


def task_name(recipe: str, stream: str) -> str:
    """The name under which a stream is registered."""
    return f"jaxmlda.{recipe}.{stream}"


def block(texts: list[Text]) -> dict[str, object]:
    """Texts as the features of a block: one entry a text, and the entries of all their parts end to end."""
    parts = [part for text in texts for part in text.parts]
    stops = [np.cumsum([len(part.text) for part in text.parts]) for text in texts]
    return {
        "document": [text.document for text in texts],
        "form": [text.form for text in texts],
        "text": [str(text) for text in texts],
        "part_stop": np.concatenate(stops).astype(np.int32),
        "part_language": [part.language for part in parts],
        "part_from": np.array([-1 if part.from_char is None else part.from_char for part in parts], np.int32),
        "parts": np.array([len(text.parts) for text in texts], np.int64),
    }


class StreamSource(seqio.DataSource):
    """Blocks of the texts of one stream, read from the stored corpus by number; a shard is a run of documents."""

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
        return tf.data.Dataset.from_generator(functools.partial(self._blocks, *bounds), output_signature=SIGNATURE)

    def _blocks(self, start: int, stop: int) -> Iterator[dict[str, object]]:
        found = lexicon.finder(self.corpus.folder)
        texts_of = bind(self.stream.kind, tuple(self.stream.languages), self.stream.options, found)
        for documents in self.corpus.blocks(start, stop):
            drawn = [document for document in documents if self.trial.arm(document.id) in self.stream.arms]
            texts = [text for document in drawn for text in texts_of(document)]
            if texts:
                yield block(texts)


def tokenize(dataset: tf.data.Dataset, vocabulary: Vocabulary) -> tf.data.Dataset:
    """Adds to a block `targets`, the character at which each token ends, and the number of tokens of each text.

    Every text is closed by the EOS, which ends with the text.
    """

    def encode(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        decoded = [text.decode() for text in texts]
        ids, ends, counts = vocabulary.encode_many(decoded)
        closes = np.cumsum(counts)
        lengths = [len(text) for text in decoded]
        return np.insert(ids, closes, vocabulary.eos_id), np.insert(ends, closes, lengths), counts + 1

    def add(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        found = tf.numpy_function(encode, [features["text"]], (tf.int32, tf.int32, tf.int64), stateful=False)
        for one in found:
            one.set_shape([None])
        rest = {name: value for name, value in features.items() if name != "text"}
        return rest | {"targets_pretokenized": features["text"]} | dict(zip((*TOKENS, "tokens"), found, strict=True))

    return dataset.map(add)


def apart(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The texts of blocks as examples of their own."""

    def ragged(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        counts = dict.fromkeys(PARTS, features["parts"]) | dict.fromkeys(TOKENS, features["tokens"])
        found = {name: value for name, value in features.items() if name not in ("parts", "tokens")}
        for name, count in counts.items():
            found[name] = tf.RaggedTensor.from_row_lengths(features[name], count, validate=False)
        return found

    return dataset.map(ragged).unbatch()


def _register_stream(recipe: str, stream: Stream, corpus: Corpus, trial: Trial, vocabulary: Vocabulary) -> str:
    name = task_name(recipe, stream.name)
    if name in seqio.TaskRegistry.names():
        seqio.TaskRegistry.remove(name)
    seqio.TaskRegistry.add(
        name,
        source=StreamSource(stream, corpus, trial),
        preprocessors=[functools.partial(tokenize, vocabulary=vocabulary), apart],
        output_features={"targets": seqio.Feature(TextVocabulary(vocabulary), add_eos=True)},
    )
    return name


def register(
    recipe: Recipe,
    corpus: Corpus,
    trial: Trial,
    vocabulary: Vocabulary,
    others: Mapping[str, Drawn] | None = None,
) -> list[str]:
    """Registers the recipe anew, gives the names of its Tasks; the Mixture's rates are shares or epochs.

    `others` are the corpora that streams name, by that name.
    """
    check_recipe(recipe)
    drawn = {None: Drawn(corpus, trial)} | dict(others or {})
    missing = {stream.corpus for stream in recipe.streams} - drawn.keys()
    if missing:
        raise UserError(f"recipe {recipe.name}: draws from the corpus {missing.pop()!r}, which is not among `others`")
    rates = []
    for phase in recipe.phases:
        for stream in phase.streams:
            name = _register_stream(recipe.name, stream, *drawn[stream.corpus], vocabulary)
            share = stream.share * phase.share if stream.share is not None else float(stream.epochs)
            rates.append((name, share))
    mixture = f"jaxmlda.{recipe.name}"
    if mixture in seqio.MixtureRegistry.names():
        seqio.MixtureRegistry.remove(mixture)
    seqio.MixtureRegistry.add(mixture, rates)
    return [name for name, _ in rates]
