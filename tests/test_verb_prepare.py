"""`prepare`: recipe to rows through SeqIO, the same with any shards and processes, and never over others."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from data_case import Case, build_rows, byte_tokenizer
from prepare_case import in_this_process

from jaxmlda.config import Recipe, Run, configs_dir, dump, load
from jaxmlda.config.run import Rows as Settings
from jaxmlda.corpus import Corpus, Document, Trial, assign, embedded, write
from jaxmlda.corpus.trial import write_trial
from jaxmlda.errors import UserError
from jaxmlda.rows import Rows
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.storage import lock, read_json
from jaxmlda.streams.check import check_recipe
from jaxmlda.verbs import ask
from jaxmlda.verbs import prepare as verb
from jaxmlda.world import World
from seqio_tasks import recipes

ROWS = {"sequence_length": 128, "packing": "whole", "seed": 3}
SHARES = {"en": 0.3, "ja": 0.3, "both": 0.2, "none": 0.1, "bridge": 0.1}
RECIPE = """
name: small
native_languages: [en, ja]
phases:
  - name: only
    streams:
      - {name: english, kind: native, languages: [en], arms: [en, both, outside], epochs: 2}
      - {name: japanese, kind: native, languages: [ja], arms: [ja, both, outside], epochs: 1}
      - {name: pairs, kind: translation, languages: [en, ja], arms: [bridge], epochs: 1}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A corpus with its trial, a vocabulary and a recipe."""
    home = tmp_path_factory.mktemp("prepare")
    documents = [*embedded.documents(World(documents=40)), Document("zero", en="!!!", ja="!"), Document("e", en="a")]
    write(documents, home / "corpus", {})
    write_trial(assign(documents, SHARES, 0), home / "corpus")
    byte_tokenizer(home / "bytes", ((".", "Ċ"), ("t", "h")))
    (home / "recipe.yaml").write_text(RECIPE)
    return home


@pytest.fixture
def run_of(home, tmp_path):
    """A run file's settings, its rows in a folder of their own."""

    def made(**changed):
        values = {
            "name": "small",
            "corpus": str(home / "corpus"),
            "trial": str(home / "corpus" / "trial.parquet"),
            "vocabulary": str(home / "bytes"),
            "recipe": str(home / "recipe.yaml"),
            "rows": ROWS,
            "output": str(tmp_path / "out"),
        }
        return Run.model_validate(values | changed)

    return made


@pytest.fixture
def here(monkeypatch):
    """Tokenises in this process, and counts the jobs."""
    return in_this_process(monkeypatch)


@pytest.fixture(scope="module")
def plain(home, tmp_path_factory):
    """The rows that a plain loop over the documents makes, without SeqIO and without processes."""
    trial = Trial.read(home / "corpus" / "trial.parquet")
    case = Case(list(Corpus(home / "corpus")), vocabularies.load(home / "bytes"), trial)
    return build_rows(tmp_path_factory.mktemp("plain"), load(Recipe, home / "recipe.yaml"), Settings(**ROWS), case)


def assert_same(folder, plain):
    rows = Rows(folder)
    assert rows.ledger().equals(plain.ledger())
    expected = plain.batch(0, len(plain))
    for name, array in rows.batch(0, len(rows)).items():
        assert np.array_equal(array, expected[name]), name


def test_processes_make_the_rows_that_a_plain_loop_makes(run_of, plain, tmp_path):
    verb.prepare(run_of())
    assert_same(tmp_path / "out" / "rows", plain)


@pytest.mark.parametrize("documents", [17, 42])
def test_the_number_of_shards_does_not_change_rows(run_of, plain, monkeypatch, here, documents):
    monkeypatch.setattr(verb, "DOCUMENTS_A_SHARD", documents)
    run = run_of()
    meta, rows = verb.prepare(run), Path(run.output) / "rows"
    assert len(here) == 3 * -(-42 // documents)
    assert_same(rows, plain)
    assert meta == read_json(rows / "meta.json")
    assert (meta["recipe"], meta["vocabulary_size"], meta["native_languages"]) == ("small", 259, ["en", "ja"])
    assert meta["tokens"] == sum(one["tokens"] for one in meta["streams"]) == sum(plain.ledger()["tokens"].to_pylist())


def test_rows_keep_to_the_trial(home, plain):
    """Every entry of the ledger is permitted, and documents of the control arm are nowhere."""
    trial = Trial.read(home / "corpus" / "trial.parquet")
    ledger = plain.ledger().to_pylist()
    assert all(trial.permits(one["document"], one["language"], one["stream"] == "pairs") for one in ledger)
    arms = {trial.arm(one["document"]) for one in ledger}
    assert arms == {"en", "ja", "both", "bridge", "outside"}


def test_an_interrupted_call_goes_on_where_it_was(run_of, plain, monkeypatch, tmp_path, here):
    monkeypatch.setattr(verb, "DOCUMENTS_A_SHARD", 21)
    with monkeypatch.context() as patched:
        patched.setattr(verb.build, "build", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            verb.prepare(run_of())
    assert len(here) == 6
    (work,) = (tmp_path / "out" / "rows").glob("tokens-*")
    (work / "english-0001.parquet").unlink()
    verb.prepare(run_of())
    assert [(job.stream, job.index) for job in here[6:]] == [("english", 1)]
    assert_same(tmp_path / "out" / "rows", plain)
    assert not work.exists()


def test_finished_rows_are_left_as_they_are(run_of, here, tmp_path):
    first = verb.prepare(run_of())
    file = tmp_path / "out" / "rows" / "meta.json"
    before, jobs = file.stat().st_mtime_ns, len(here)
    assert verb.prepare(run_of()) == first
    assert (file.stat().st_mtime_ns, len(here)) == (before, jobs)


def test_rows_of_another_source_are_refused_with_both_digests(home, run_of, here, tmp_path):
    source = verb.prepare(run_of())["source"]
    (tmp_path / "other.yaml").write_text(RECIPE.replace("epochs: 2", "epochs: 1"))
    write(list(Corpus(home / "corpus"))[:30], tmp_path / "corpus", {})
    write_trial(assign(Corpus(home / "corpus"), SHARES, 1), tmp_path)
    byte_tokenizer(tmp_path / "bytes")
    changes = {
        "corpus": {"corpus": str(tmp_path / "corpus")},
        "trial": {"trial": str(tmp_path / "trial.parquet")},
        "vocabulary": {"vocabulary": str(tmp_path / "bytes")},
        "recipe": {"recipe": str(tmp_path / "other.yaml")},
        "rows": {"rows": ROWS | {"seed": 4}},
    }
    assert changes.keys() | {"others"} == source.keys()
    for name, changed in changes.items():
        with pytest.raises(
            UserError, match=rf"made with another {name} \(digest {source[name]}, now (?!{source[name]})"
        ):
            verb.prepare(run_of(**changed))
    assert read_json(tmp_path / "out" / "rows" / "meta.json")["source"] == source


def test_a_recipe_that_breaks_the_trial_stops_and_leaves_no_rows(run_of, here, tmp_path, monkeypatch):
    edited = RECIPE.replace("arms: [en, both, outside]", "arms: [en, both, outside, ja]")
    (tmp_path / "edited.yaml").write_text(edited)
    with pytest.raises(UserError, match="stream english: documents of the arm ja may not be trained on in en"):
        verb.prepare(run_of(recipe=str(tmp_path / "edited.yaml")))
    # Where the check of the recipe were wrong, the ledger would still tell.
    monkeypatch.setattr(verb, "check_recipe", lambda recipe: None)
    monkeypatch.setattr(recipes, "check_recipe", lambda recipe: None)
    with pytest.raises(UserError, match=r"\(arm ja\) stands in row \d+ in en by stream english"):
        verb.prepare(run_of(recipe=str(tmp_path / "edited.yaml")))
    with pytest.raises(UserError, match="no finished rows"):
        Rows(tmp_path / "out" / "rows")


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (("kind: translation", "kind: translaton"), "stream pairs: stream kind 'translaton' is unknown"),
        (("epochs: 2", "epochs: 2, options: {case: low}"), "stream english: stream kind native: case is not a setting"),
        (
            ("languages: [en, ja], arms", "languages: [en], arms"),
            "stream pairs: a translation stream needs two languages",
        ),
        (
            ("native_languages: [en, ja]", "native_languages: [en]"),
            "stream japanese: ja is none of the recipe's native_lan",
        ),
    ],
)
def test_a_recipe_that_cannot_work_stops_before_any_text_is_made(run_of, here, tmp_path, edit, fault):
    assert RECIPE.count(edit[0]) == 1
    (tmp_path / "edited.yaml").write_text(RECIPE.replace(*edit))
    with pytest.raises(UserError, match=fault):
        verb.prepare(run_of(recipe=str(tmp_path / "edited.yaml")))
    assert here == []


def test_native_text_in_another_language_may_come_from_outside_the_trial():
    values = yaml.safe_load(RECIPE) | {"native_languages": ["en"]}
    values["phases"][0]["streams"][1]["arms"] = ["outside"]
    check_recipe(Recipe.model_validate(values))
    values["phases"][0]["streams"][1]["arms"] = ["outside", "ja"]
    with pytest.raises(UserError, match="ja is none of the recipe's native_languages"):
        check_recipe(Recipe.model_validate(values))


@pytest.mark.parametrize("name", sorted(str(path) for path in (configs_dir() / "recipes").rglob("*.yaml")))
def test_shipped_recipes_can_work(name):
    check_recipe(load(Recipe, name))


def test_the_verb_trains_a_missing_vocabulary_and_says_what_it_made(run_of, here, tmp_path, caplog):
    run = run_of(vocabulary=str(tmp_path / "new.model"))
    (tmp_path / "run.yaml").write_text(dump(run))
    with caplog.at_level("INFO", "jaxmlda"):
        assert verb.run([str(tmp_path / "run.yaml"), "--train-vocabulary=1200", "--rows.seed=9"]) == 0
    meta = read_json(tmp_path / "out" / "rows" / "meta.json")
    assert vocabularies.load(tmp_path / "new.model").size == meta["vocabulary_size"] == 1200
    assert caplog.messages[-1].endswith(f"{meta['rows']:,} rows of 128 tokens, {meta['tokens']:,} real tokens")
    before = (tmp_path / "new.model").read_bytes()
    verb.train_vocabulary(run, 300)
    assert (tmp_path / "new.model").read_bytes() == before


def test_the_verb_prints_the_configuration_as_it_would_run(run_of, tmp_path, capsys):
    (tmp_path / "run.yaml").write_text(dump(run_of()))
    assert verb.run([str(tmp_path / "run.yaml"), "--print-config", "--rows.seed", "11"]) == 0
    assert Run.model_validate(yaml.safe_load(capsys.readouterr().out)) == run_of(rows=ROWS | {"seed": 11})
    assert not (tmp_path / "out").exists()


def asked(run_of, tmp_path, capsys, what, *words):
    """What the verb prints of the ledger."""
    (tmp_path / "run.yaml").write_text(dump(run_of()))
    assert verb.run([str(tmp_path / "run.yaml"), "--training.batch_size=2", "--query", what, *words]) == 0
    return capsys.readouterr().out


def test_the_verb_prints_what_the_ledger_says_of_a_document_and_of_a_step(run_of, here, tmp_path, capsys):
    verb.prepare(run_of())
    entries = [{"step": one["row"] // 2} | one for one in Rows(tmp_path / "out" / "rows").ledger().to_pylist()]
    for what, wanted in (("document=zero", ("document", "zero")), ("step=3", ("step", 3)), ("step=999", ("step", 999))):
        expected = [{name: one[name] for name in ask.COLUMNS} for one in entries if one[wanted[0]] == wanted[1]]
        text = asked(run_of, tmp_path, capsys, what, "--json")
        assert [json.loads(line) for line in text.splitlines()] == expected
        lines = asked(run_of, tmp_path, capsys, what).splitlines()
        assert [line.split() for line in lines] == [
            list(ask.COLUMNS),
            *([str(value) for value in one.values()] for one in expected),
        ]
        assert bool(expected) == (what != "step=999")


def test_the_verb_prints_when_the_sentence_of_a_question_was_trained_on(home, run_of, here, tmp_path, capsys):
    verb.prepare(run_of())
    ledger = Rows(tmp_path / "out" / "rows").ledger().to_pylist()
    document = next(one["document"] for one in ledger if one["stream"] == "english" and one["document"] != "zero")
    questions = [
        {
            "id": f"{document}_sentid:{number}",
            "question": "Which?",
            "options": ["a", "b"],
            "answer_idx": 0,
            "metadata": {"docid": document} | span,
        }
        for number, span in enumerate(({"sentence_span": [5, 60]}, {}))
    ]
    file = tmp_path / "en_generalization.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in questions))
    found = asked(run_of, tmp_path, capsys, f"question={file}:{document}_sentid:0", "--json")
    expected = [
        one["row"]
        for one in ledger
        if (one["document"], one["language"]) == (document, "en") and one["from_char"] < 60 and one["to_char"] > 5
    ]
    assert [json.loads(line)["row"] for line in found.splitlines()] == expected != []
    for number, fault in ((1, "has no sentence_span"), (2, "holds no question")):
        with pytest.raises(UserError, match=fault):
            asked(run_of, tmp_path, capsys, f"question={file}:{document}_sentid:{number}")


@pytest.mark.parametrize("what", ["documents=a", "document", "document=", "row=3"])
def test_a_query_that_nobody_can_answer_is_told(run_of, here, tmp_path, capsys, what):
    verb.prepare(run_of())
    with pytest.raises(UserError, match=rf"--query {what}: write document=ID, step=N or question=FILE:ID"):
        asked(run_of, tmp_path, capsys, what)
    with pytest.raises(UserError, match="a step is a number"):
        asked(run_of, tmp_path, capsys, "step=-1")


def test_a_query_of_rows_that_are_not_there_says_so(run_of, tmp_path, capsys):
    with pytest.raises(UserError, match="no finished rows"):
        asked(run_of, tmp_path, capsys, "step=0")


def test_the_verb_refuses_a_folder_where_another_is_at_work(run_of, tmp_path):
    (tmp_path / "run.yaml").write_text(dump(run_of()))
    with lock(tmp_path / "out"), pytest.raises(UserError, match="is at work in this folder"):
        verb.run([str(tmp_path / "run.yaml")])
