"""`corpus`: a world is written, assigned, shown and checked from the command line."""

import json
from collections import Counter

import pytest

from jaxmlda.corpus import Corpus, Trial, embedded
from jaxmlda.corpus.trial import parse_shares
from jaxmlda.errors import UserError
from jaxmlda.storage import read_table
from jaxmlda.verbs import corpus as verb
from jaxmlda.world import World


@pytest.fixture
def folder(tmp_path):
    out = str(tmp_path / "corpus")
    assert verb.run(["world", "--documents=30", "--seed=4", "--domain=science", "--names=general", "--out", out]) == 0
    return out


def test_a_world_is_stored_with_its_settings(folder):
    settings = {"seed": 4, "documents": 30, "domain": "science", "names": "general", "clone": False}
    corpus = Corpus(folder)
    assert corpus.card["source"] == {"world": settings}
    assert list(corpus) == list(embedded.documents(World(**settings)))


def test_a_clone_has_one_text_for_both_languages(tmp_path):
    verb.run(["world", "--documents=5", "--clone", "--out", str(tmp_path)])
    assert all(document.en == document.ja for document in Corpus(tmp_path))


def test_the_trial_and_its_balance_are_stored_beside_the_corpus(folder, caplog):
    with caplog.at_level("INFO", "jaxmlda"):
        assert verb.run(["trial", folder, "--arms=en=.5,none=.5", "--seed=2"]) == 0
    trial = Trial.read(f"{folder}/trial.parquet")
    counted = Counter(trial.arm(document.id) for document in Corpus(folder))
    balance = read_table(f"{folder}/balance.parquet").to_pylist()
    assert {one["arm"]: one["documents"] for one in balance} == counted
    assert counted.keys() == {"en", "none"}
    assert f"'en': {counted['en']}" in caplog.messages[-1]
    characters = sum(len(document.ja) for document in Corpus(folder) if trial.arm(document.id) == "en")
    assert next(one["characters_ja"] for one in balance if one["arm"] == "en") == characters


def test_the_default_shares_are_those_of_the_contract(folder):
    arguments = verb.arguments_of(["trial", folder])
    assert parse_shares(arguments.arms) == {"en": 0.25, "ja": 0.25, "both": 0.15, "none": 0.2, "bridge": 0.15}


def test_the_card_is_shown_as_text_and_as_json(folder, capsys):
    verb.run(["show", folder, "--json"])
    assert json.loads(capsys.readouterr().out) == Corpus(folder).card
    verb.run(["show", folder])
    assert "documents: 30\n" in capsys.readouterr().out


def test_check_reads_everything_and_says_so(folder, caplog):
    with caplog.at_level("INFO", "jaxmlda"):
        assert verb.run(["check", folder]) == 0
    assert caplog.messages[-1] == f"{folder}: every document is as the card says"


def test_what_is_no_corpus_is_told(tmp_path):
    for action in ("show", "check", "trial"):
        with pytest.raises(UserError, match="holds no corpus"):
            verb.run([action, str(tmp_path)])
