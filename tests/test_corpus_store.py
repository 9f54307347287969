"""The stored corpus: documents come back as they were, and a folder that is not whole is refused."""

import subprocess
import sys
from dataclasses import replace

import pytest
from data_case import CHARACTERS, TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus import Corpus, Document, embedded, store, write
from jaxmlda.errors import UserError
from jaxmlda.storage import read_json
from jaxmlda.world import World

PLAIN = [
    Document("a", en="only English\n\n  with spaces "),
    Document("b", ja="か\u3099 🙂\x00", titles={"ja": "題"}, keywords={"ja": ["亜鉛"]}, year=-3),
    Document(
        "c",
        en="e",
        ja="j",
        titles={"en": "T", "ja": "題"},
        keywords={"en": ["k", "l"], "ja": ["鍵"]},
        subjects=["s", "t"],
        year=2020,
        source="somewhere",
        licence="CC0",
        cluster="near",
        qa=[("en", "q?", "a"), ("ja", "問？", "答え")],
    ),
]
WORDS = st.lists(st.text(CHARACTERS, min_size=1, max_size=5), max_size=3)
BOTH = st.sampled_from(["en", "ja"])


def fields(number):
    """Fields of a document with its number as id; one of the two texts may be missing."""
    return st.builds(
        Document,
        id=st.just(f"d{number}"),
        en=TEXTS if number % 2 else TEXTS.filter(bool),
        ja=TEXTS.filter(bool) if number % 2 else TEXTS,
        titles=st.dictionaries(BOTH, TEXTS.filter(bool)),
        keywords=st.dictionaries(BOTH, WORDS.filter(bool)),
        subjects=WORDS,
        year=st.integers(-(2**62), 2**62),
        source=TEXTS,
        licence=TEXTS,
        cluster=TEXTS,
        qa=st.lists(st.tuples(BOTH, TEXTS, TEXTS), max_size=3),
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5).flatmap(lambda count: st.tuples(*map(fields, range(count)))))
def test_any_documents_come_back_as_they_were_and_in_order(tmp_path_factory, documents):
    folder = tmp_path_factory.mktemp("corpus")
    write(documents, folder, {})
    corpus = Corpus(folder)
    assert list(corpus) == list(documents)
    corpus.check()


def test_documents_with_a_missing_language_come_back_without_it(tmp_path):
    card = write(PLAIN, tmp_path, {"by": "hand"})
    corpus = Corpus(tmp_path)
    assert list(corpus) == PLAIN
    assert [document.languages for document in corpus] == [("en",), ("ja",), ("en", "ja")]
    assert corpus[2].text("ja") == "j"
    assert card == corpus.card == read_json(tmp_path / "card.json")
    assert card | {"digest": None} == {
        "source": {"by": "hand"},
        "read": 3,
        "quarantined": 0,
        "reasons": {},
        "documents": 3,
        "languages": {"en": 2, "ja": 2},
        "pairs": 1,
        "characters": {"en": 29, "ja": 6},
        "lengths": {
            "en": {"min": 1, "median": 1, "mean": 14.5, "max": 28},
            "ja": {"min": 1, "median": 1, "mean": 3.0, "max": 5},
        },
        "sources": {"somewhere": 1},
        "licences": {"CC0": 1},
        "digest": None,
    }


def test_the_order_holds_over_many_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "DOCUMENTS_A_SHARD", 2)
    documents = [Document(f"d{number}", en=f"text {number}") for number in range(25)]
    write(documents, tmp_path, {})
    assert len(list(tmp_path.rglob("*.array_record*"))) == 13
    assert [document.id for document in Corpus(tmp_path)] == [document.id for document in documents]


def test_the_digest_tells_documents_and_their_order_apart(tmp_path):
    digests = [
        write(documents, tmp_path / str(number), {})["digest"]
        for number, documents in enumerate([PLAIN, PLAIN[::-1], PLAIN[:2], [*PLAIN[:2], replace(PLAIN[2], year=2021)]])
    ]
    assert len(set(digests)) == 4
    assert write(PLAIN, tmp_path / "again", {"another": "source"})["digest"] == digests[0]


def test_an_id_that_stands_twice_is_refused_and_leaves_no_corpus(tmp_path):
    with pytest.raises(UserError, match="document id a stands twice"):
        write([*PLAIN, PLAIN[0]], tmp_path, {})
    with pytest.raises(UserError, match="holds no corpus"):
        Corpus(tmp_path)


def test_a_corpus_of_nothing_is_refused(tmp_path):
    with pytest.raises(UserError, match="a corpus needs one at least"):
        write([], tmp_path, {})


def test_a_document_that_cannot_be_stored_is_named(tmp_path):
    with pytest.raises(UserError, match=r"document z: cannot be stored .*surrogates not allowed"):
        write([PLAIN[0], Document("z", en="a\ud800")], tmp_path, {})


def test_a_write_that_was_interrupted_leaves_no_corpus_where_there_was_one(tmp_path):
    write(PLAIN, tmp_path, {})

    def interrupted():
        yield PLAIN[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write(interrupted(), tmp_path, {})
    with pytest.raises(UserError, match=rf"{tmp_path}: holds no corpus"):
        Corpus(tmp_path)


@pytest.mark.parametrize("lost", ["dataset_info.json", "features.json"])
def test_a_folder_that_lost_its_description_is_refused(tmp_path, lost):
    write(PLAIN, tmp_path, {})
    next(tmp_path.rglob(lost)).unlink()
    with pytest.raises(UserError, match=rf"{tmp_path}: cannot be opened"):
        Corpus(tmp_path)


def test_a_card_of_more_documents_than_are_stored_is_refused(tmp_path):
    write(PLAIN, tmp_path, {})
    card = (tmp_path / "card.json").read_text()
    write(PLAIN[:2], tmp_path, {})
    (tmp_path / "card.json").write_text(card)
    with pytest.raises(UserError, match="2 documents stored, 3 on the card"):
        Corpus(tmp_path)


def test_check_finds_a_document_that_changed(tmp_path):
    card = write(PLAIN, tmp_path, {})
    write([*PLAIN[:2], replace(PLAIN[2], licence="CC-BY")], tmp_path, {})
    changed = read_json(tmp_path / "card.json")["digest"]
    (tmp_path / "card.json").write_text((tmp_path / "card.json").read_text().replace(changed, card["digest"]))
    with pytest.raises(UserError, match=rf"documents have digest {changed}, its card says {card['digest']}"):
        Corpus(tmp_path).check()


def test_check_finds_bytes_that_changed_on_the_disk(tmp_path):
    write(PLAIN, tmp_path, {})
    file = next(tmp_path.rglob("*.array_record*"))
    data = bytearray(file.read_bytes())
    half = len(data) // 2
    data[half : half + 64] = bytes(64 * [255])
    file.write_bytes(bytes(data))
    with pytest.raises(UserError, match=rf"{tmp_path}: "):
        Corpus(tmp_path).check()


def test_a_document_needs_an_id_and_a_text():
    with pytest.raises(UserError, match="without an id"):
        Document("", en="x")
    with pytest.raises(UserError, match="document a: has no text"):
        Document("a")
    assert Document("a", en="x").cluster == "a"


def test_an_abstract_of_the_world_is_a_document_of_the_same_texts():
    world = World(documents=5)
    for abstract, document in zip(world, embedded.documents(world), strict=True):
        assert (document.id, document.en, document.ja) == (abstract.id, abstract.texts["en"], abstract.texts["ja"])
        assert (document.titles, document.year, document.cluster) == (abstract.titles, abstract.year, abstract.id)
        assert document.qa == world.question_answers(abstract)


USE = """
import sys
import jaxmlda.adaxeval, jaxmlda.rows.build, jaxmlda.verbs.adaxeval, jaxmlda.verbs.prepare
from jaxmlda.corpus import Corpus
from jaxmlda.verbs import corpus
corpus.run(["world", "--documents", "6", "--out", sys.argv[1]])
corpus.run(["trial", sys.argv[1]])
Corpus(sys.argv[1]).check()
print(len(Corpus(sys.argv[1])), sorted(name for name in ("tensorflow", "seqio") if name in sys.modules))
"""


def test_writing_and_reading_import_no_tensorflow(tmp_path):
    done = subprocess.run([sys.executable, "-c", USE, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "6 []"
