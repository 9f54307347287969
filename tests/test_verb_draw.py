"""What streams draw from: several corpora, their ids, their near-duplicates, lexicons, arms, and leaks."""

import dataclasses

import pytest
import yaml
from data_case import byte_tokenizer, stream
from prepare_case import in_this_process

from jaxmlda.config import Run
from jaxmlda.corpus import Document, assign, embedded, lexicon, write
from jaxmlda.corpus.lexicon import Term
from jaxmlda.corpus.trial import Trial, write_trial
from jaxmlda.errors import UserError
from jaxmlda.rows import Rows
from jaxmlda.storage import read_table, write_table
from jaxmlda.verbs import prepare as verb
from jaxmlda.world import World

SHARES = {"en": 0.3, "ja": 0.2, "both": 0.1, "none": 0.3, "bridge": 0.1}
OWN = stream("own", "native", "en", "en both", epochs=1)
GENERAL = stream("general", "native", "en ja", "outside", epochs=1, corpus="general")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A corpus with its trial, a second corpus, a vocabulary; tokenising in this process."""
    in_this_process(monkeypatch)
    documents = list(embedded.documents(World(documents=40)))
    write(documents, tmp_path / "corpus", {})
    write_trial(assign(documents, SHARES, 0), tmp_path / "corpus")
    write(embedded.documents(World(documents=10, names="general")), tmp_path / "general", {})
    byte_tokenizer(tmp_path / "bytes")
    return tmp_path


def run_of(home, *streams, **changed):
    """A run of a recipe with these streams in one phase."""
    top = {name: changed.pop(name) for name in ("allow_leak",) if name in changed}
    recipe = {"name": "case", "native_languages": ["en", "ja"], "phases": [{"name": "p", "streams": list(streams)}]}
    (home / "recipe.yaml").write_text(yaml.safe_dump(recipe | top))
    values = {
        "name": "case",
        "corpus": str(home / "corpus"),
        "corpora": {"general": str(home / "general")},
        "trial": str(home / "corpus" / "trial.parquet"),
        "vocabulary": str(home / "bytes"),
        "recipe": str(home / "recipe.yaml"),
        "rows": {"sequence_length": 64},
        "output": str(home / "out"),
    }
    return Run.model_validate(values | changed)


def prepared(home, *streams, **changed):
    run = run_of(home, *streams, **changed)
    verb.prepare(run)
    return Rows(f"{run.output}/rows")


def documents_of(rows, name):
    return {entry["document"] for entry in rows.ledger().to_pylist() if entry["stream"] == name}


def of_arm(home, arm):
    """The first document of an arm."""
    trial = Trial.read(home / "corpus" / "trial.parquet")
    return next(document for document in embedded.documents(World(documents=40)) if trial.arm(document.id) == arm)


def test_a_stream_of_another_corpus_draws_from_it_alone(home):
    rows = prepared(home, OWN, GENERAL)
    expected = {document.id for document in embedded.documents(World(documents=10, names="general"))}
    assert documents_of(rows, "general") == expected
    assert documents_of(rows, "own").isdisjoint(expected)


def test_a_corpus_that_the_run_does_not_name_is_asked_for(home):
    with pytest.raises(UserError, match=r"stream general draws from the corpus 'general', .*--corpora.general=FOLDER"):
        verb.prepare(run_of(home, OWN, GENERAL, corpora={}))


def test_two_corpora_with_one_id_are_refused(home):
    write([Document(of_arm(home, "en").id, en="Something else.")], home / "general", {})
    with pytest.raises(UserError, match=f"both have a document {of_arm(home, 'en').id}"):
        verb.prepare(run_of(home, OWN, GENERAL))


@pytest.mark.parametrize("arm", ["none", "en", "bridge"])
def test_a_near_duplicate_of_an_assigned_document_in_another_corpus_is_left_out_and_told(home, arm, caplog):
    twin = dataclasses.replace(of_arm(home, arm), id="twin", cluster="", en=of_arm(home, arm).en + " Indeed.")
    write([twin, Document("plain", en="Nothing that stands anywhere else.")], home / "general", {})
    with caplog.at_level("WARNING", "jaxmlda"):
        rows = prepared(home, OWN, GENERAL)
    assert documents_of(rows, "general") == {"plain"}
    assert "1 documents are near-duplicates of documents of the trial and are left out; first: twin" in caplog.text


def test_without_a_trial_nothing_is_left_out_of_another_corpus(home):
    twin = dataclasses.replace(of_arm(home, "none"), id="twin", cluster="")
    write([twin], home / "general", {})
    rows = prepared(home, OWN | {"arms": ["outside"]}, GENERAL, trial=None)
    assert documents_of(rows, "general") == {"twin"}


def test_near_duplicates_in_different_arms_stop_the_run(home):
    table = read_table(home / "corpus" / "trial.parquet")
    control, trained = of_arm(home, "none").id, of_arm(home, "en").id
    clusters = [control if one == trained else one for one in table["document"].to_pylist()]
    write_table(home / "edited.parquet", table.set_column(1, "cluster", [clusters]))
    with pytest.raises(UserError, match=f"near-duplicates stand in another arm.*{control} "):
        verb.prepare(run_of(home, OWN, trial=str(home / "edited.parquet")))


def test_the_trial_of_another_corpus_is_refused(home):
    write(embedded.documents(World(documents=12, seed=5)), home / "corpus", {})
    with pytest.raises(UserError, match="it is the trial of another corpus"):
        verb.prepare(run_of(home, OWN))


def test_an_arm_without_documents_is_an_error(home):
    write_trial(assign(embedded.documents(World(documents=40)), {"en": 0.5, "none": 0.5}, 0), home / "corpus")
    with pytest.raises(UserError, match=r"stream own: draws from the arm both, to which .* assigns no document"):
        verb.prepare(run_of(home, OWN))


def test_a_leak_needs_a_word_and_control_is_never_trained(home):
    leaking = stream("leaking", "native", "ja", "en", epochs=1)
    with pytest.raises(UserError, match="stream leaking: documents of the arm en may not be trained on in ja"):
        verb.prepare(run_of(home, leaking))
    bridge = stream("bridge", "native", "ja", "bridge", epochs=1)
    with pytest.raises(UserError, match="stream bridge: bridge documents are for transfer streams, and native is none"):
        verb.prepare(run_of(home, bridge))
    rows = prepared(home, leaking, allow_leak=True)
    trial = Trial.read(home / "corpus" / "trial.parquet")
    assert {trial.arm(document) for document in documents_of(rows, "leaking")} == {"en"}
    assert rows.meta["allow_leak"]
    allowing = dataclasses.replace(trial, leaks=True)
    assert not any(allowing.permits(of_arm(home, "none").id, language, True) for language in ("en", "ja"))


def test_a_lexicon_that_is_not_there_is_named_and_another_one_refuses_rows(home):
    switched = stream("switched", "code_switched", "en", "en", epochs=1, options={"lexicon": "mine"})
    run = run_of(home, switched, allow_leak=True)
    with pytest.raises(UserError, match=r"has no lexicon 'mine' \(there: none\)"):
        verb.prepare(run)
    lexicon.write(lexicon.path_of(home / "corpus", "mine"), embedded.terms(World(documents=40)))
    meta = verb.prepare(run)
    assert documents_of(Rows(home / "out" / "rows"), "switched")
    terms = [Term("c", "en", "patients", True), Term("c", "ja", "患者", True)]
    lexicon.write(lexicon.path_of(home / "corpus", "mine"), terms)
    told = meta["source"]["others"]
    with pytest.raises(UserError, match=rf"made with other corpora or lexicons \(digest {told}, now (?!{told})"):
        verb.prepare(run)
