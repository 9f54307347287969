"""The embedded world as SeqIO Tasks, there as soon as this package is imported; the world is made when it is read.

Tasks `jaxmlda.world.STREAM` (native_en, native_ja, translation, questions) and their Mixture `jaxmlda.world`, as bytes:
no corpus, trial or vocabulary is needed. Every example says which document it is from, and in which form.
"""

import functools
from collections.abc import Iterator

import seqio
import tensorflow as tf

from jaxmlda.config import LANGUAGES
from jaxmlda.corpus import Document, embedded
from jaxmlda.streams import texts_of
from jaxmlda.world import World

NAME = "jaxmlda.world"
DOCUMENTS = 200
STREAMS = {
    "native_en": ("native", ("en",)),
    "native_ja": ("native", ("ja",)),
    "translation": ("translation", LANGUAGES),
    "questions": ("questions", LANGUAGES),
}
FEATURES = ("document", "form", "targets")


@functools.cache
def documents() -> tuple[Document, ...]:
    """The documents, made once a process."""
    return tuple(embedded.documents(World(documents=DOCUMENTS)))


def _examples(stream: str) -> Iterator[dict[str, str]]:
    kind, languages = STREAMS[stream]
    for document in documents():
        for text in texts_of(document, kind, languages, {}):
            yield {"document": text.document, "form": text.form, "targets": str(text)}


def dataset(split: str, shuffle_files: bool, seed: int | None = None, *, stream: str) -> tf.data.Dataset:
    """The texts of one stream in the order of their documents; one split, no files to shuffle."""
    signature = {name: tf.TensorSpec((), tf.string) for name in FEATURES}
    return tf.data.Dataset.from_generator(functools.partial(_examples, stream), output_signature=signature)


def register() -> None:
    """Adds the Tasks and the Mixture; every stream is as likely as any other."""
    for stream in STREAMS:
        seqio.TaskRegistry.add(
            f"{NAME}.{stream}",
            source=seqio.FunctionDataSource(functools.partial(dataset, stream=stream), splits=("train",)),
            preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
            output_features={"targets": seqio.Feature(seqio.ByteVocabulary(), add_eos=True)},
        )
    seqio.MixtureRegistry.add(NAME, [(f"{NAME}.{stream}", 1.0) for stream in STREAMS])


register()
