"""The SeqIO face of the data: Tasks and Mixtures give the texts and ids of the streams, in the same vocabulary."""

import json
import subprocess
import sys

import numpy as np
import pytest
import seqio
import tensorflow as tf
import tensorflow_datasets as tfds
from data_case import Case, byte_tokenizer, recipe_of, stream, token_texts
from hypothesis import given, settings
from hypothesis import strategies as st

import seqio_tasks
from jaxmlda.corpus import Corpus, Document, Trial, embedded, write
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.streams import texts_of
from jaxmlda.world import World

RECIPE = recipe_of(
    [
        stream("native_en", "native", "en", "en both", share=0.5),
        stream("pairs", "translation", "en ja", "bridge", share=0.25, repeat=True),
        stream("asked", "questions", "ja", "ja both", share=0.25, repeat=True),
    ]
)
EXTRA = [Document("zero", en="!!!", ja="🙂\n\n か\u3099\x00"), Document("single", en="Only English.")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("seqio")


@pytest.fixture(scope="module")
def case(home):
    """A stored corpus with the recipe's Tasks registered."""
    documents = [*embedded.documents(World(documents=20)), *EXTRA]
    write(documents, home / "corpus", {})
    arms = ("en", "ja", "both", "bridge", "none")
    trial = Trial({document.id: arms[number % 5] for number, document in enumerate(documents)} | {"zero": "bridge"}, "")
    vocabulary = vocabularies.load(byte_tokenizer(home / "bytes", ((".", "Ċ"), ("t", "h"))))
    seqio_tasks.register(RECIPE, Corpus(home / "corpus"), trial, vocabulary)
    return Case(documents, vocabulary, trial)


def drawn(case, one):
    """The plain loop: the token texts of a stream."""
    documents = [document for document in case.documents if case.trial.arm(document.id) in one.arms]
    return list(token_texts(documents, one.kind, tuple(one.languages), case.vocabulary))


def read(name, **rest):
    task = seqio.get_mixture_or_task(name)
    return list(task.get_dataset(None, "train", shuffle=False, use_cached=False, **rest).as_numpy_iterator())


@pytest.mark.parametrize("one", RECIPE.phases[0].streams, ids=lambda one: one.name)
def test_a_task_gives_the_ids_characters_and_parts_of_its_stream(case, one):
    examples = read(f"jaxmlda.case.{one.name}")
    expected = drawn(case, one)
    assert len(expected) > 3
    assert [
        (
            example["document"].decode(),
            example["form"].decode(),
            example["targets"].tolist(),
            example["ends"].tolist(),
            example["part_stop"].tolist(),
            [language.decode() for language in example["part_language"]],
            example["part_from"].tolist(),
        )
        for example in examples
    ] == [tuple(text) for text in expected]
    for example, text in zip(examples, expected, strict=True):
        assert example["targets_pretokenized"].decode() == case.vocabulary.decode(text.tokens[:-1])


def test_examples_that_nothing_trims_are_the_same(case):
    for trimmed, whole in zip(
        *(read("jaxmlda.case.pairs", trim_output_features=trim) for trim in (True, False)), strict=True
    ):
        assert trimmed.keys() == whole.keys()
        for name, value in trimmed.items():
            assert np.array_equal(value, whole[name]), name


@pytest.mark.parametrize("number", [2, 7])
def test_the_shards_of_a_task_one_after_the_other_are_the_task(case, number):
    name = "jaxmlda.case.native_en"
    parts = [read(name, shard_info=seqio.ShardInfo(index, number)) for index in range(number)]
    whole = [example["targets"].tolist() for example in read(name)]
    assert [example["targets"].tolist() for part in parts for example in part] == whole


def test_the_mixture_gives_examples_of_its_streams_by_their_shares(case):
    mixture = seqio.get_mixture_or_task("jaxmlda.case")
    assert {task.name: mixture.get_rate(task) for task in mixture.tasks} == {
        f"jaxmlda.case.{one.name}": one.share for one in RECIPE.phases[0].streams
    }
    known = {tuple(text.tokens) for one in RECIPE.phases[0].streams for text in drawn(case, one)}
    dataset = mixture.get_dataset({"targets": 10**6}, "train", shuffle=False, num_epochs=1)
    given_ids = {tuple(example["targets"].tolist()) for example in dataset.as_numpy_iterator()}
    assert len(given_ids) > 10
    assert given_ids <= known


def test_registering_again_takes_the_place_of_what_was_there(case, home):
    other = Trial(dict.fromkeys(case.trial.arms, "en"), "")
    try:
        names = seqio_tasks.register(RECIPE, Corpus(home / "corpus"), other, case.vocabulary)
        assert names == [seqio_tasks.task_name("case", one.name) for one in RECIPE.phases[0].streams]
        documents = {example["document"].decode() for example in read("jaxmlda.case.native_en")}
        assert documents == {document.id for document in case.documents if document.en}
    finally:
        seqio_tasks.register(RECIPE, Corpus(home / "corpus"), case.trial, case.vocabulary)


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=30)


@pytest.fixture(scope="module")
def inner(home):
    return vocabularies.load(byte_tokenizer(home / "inner", ((".", "Ċ"), ("t", "h"))))


@settings(max_examples=30, deadline=None)
@given(text=TEXTS)
def test_the_vocabulary_encodes_and_decodes_as_the_inner_one_in_python_and_in_tensorflow(inner, text):
    vocabulary = seqio_tasks.TextVocabulary(inner)
    ids = inner.encode(text)
    assert vocabulary.encode(text) == ids
    assert vocabulary.encode_tf(tf.constant(text)).numpy().tolist() == ids
    assert vocabulary.decode(ids) == inner.decode(ids) == text
    assert vocabulary.decode_tf(tf.constant(ids, tf.int32)).numpy().decode() == text


def test_the_vocabulary_has_the_inner_ones_size_and_special_ids(case, home):
    vocabulary, inner = seqio_tasks.TextVocabulary(case.vocabulary), case.vocabulary
    assert (vocabulary.vocab_size, vocabulary.eos_id, vocabulary.pad_id, vocabulary.bos_id) == (259, 258, 258, None)
    same = seqio_tasks.TextVocabulary(vocabularies.load(home / "bytes"))
    other = seqio_tasks.TextVocabulary(vocabularies.load(byte_tokenizer(home / "other")))
    assert vocabulary == same
    assert hash(vocabulary) == hash(same)
    assert vocabulary != other
    assert inner.digest == same.inner.digest


def test_decoding_ends_with_the_end_of_document(case):
    """As every `seqio.Vocabulary` does: what stands after the first EOS is padding."""
    ids = case.vocabulary.encode("text")
    vocabulary = seqio_tasks.TextVocabulary(case.vocabulary)
    assert vocabulary.decode([*ids, vocabulary.eos_id, *ids]) == "text" + case.vocabulary.decode([vocabulary.eos_id])


def test_tfds_reads_the_stored_corpus(home, case):
    """`tfds.data_source` and `tfds.builder_from_directory` see the same texts as `Corpus`."""
    expected = [(document.id, document.en, document.ja) for document in case.documents]
    named = tfds.data_source("documents", data_dir=str(home / "corpus"), split="train")
    found_there = tfds.builder_from_directory(str(home / "corpus" / "documents" / "1.0.0")).as_data_source("train")
    for found in (named, found_there):
        texts = [tuple(record[name].decode() for name in ("id", "en", "ja")) for record in found]
        assert texts == expected


IMPORT = """
import json
import seqio
import seqio_tasks
names = [name for name in (*seqio.TaskRegistry.names(), *seqio.MixtureRegistry.names()) if name.startswith("jaxmlda")]
made = seqio_tasks.world.documents.cache_info().misses
tasks = {
    name: [
        [example["document"].decode(), example["form"].decode(), example["targets"].tolist()]
        for example in seqio.get_mixture_or_task(name)
        .get_dataset(None, "train", shuffle=False, num_epochs=1)
        .take(5)
        .as_numpy_iterator()
    ]
    for name in names
    if name.count(".") == 2
}
mixed = seqio.get_mixture_or_task("jaxmlda.world").get_dataset({"targets": 9999}, "train", shuffle=False, num_epochs=1)
print(json.dumps({"names": names, "made": made, "tasks": tasks, "mixed": len(list(mixed.take(50)))}))
"""
WORLD = {
    "native_en": ("native", ("en",)),
    "native_ja": ("native", ("ja",)),
    "translation": ("translation", ("en", "ja")),
    "questions": ("questions", ("en", "ja")),
}


def test_importing_the_package_registers_the_embedded_world_only_and_makes_nothing_of_it():
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert sorted(told["names"]) == sorted(["jaxmlda.world", *(f"jaxmlda.world.{name}" for name in WORLD)])
    assert told["made"] == 0
    assert told["mixed"] == 50
    documents = list(embedded.documents(World(documents=200)))[:5]
    for name, (kind, languages) in WORLD.items():
        texts = [text for document in documents for text in texts_of(document, kind, languages, {})][:5]
        # A byte is its number + 3; the end is 1.
        expected = [[text.document, text.form, [*(byte + 3 for byte in str(text).encode()), 1]] for text in texts]
        assert told["tasks"][f"jaxmlda.world.{name}"] == expected
