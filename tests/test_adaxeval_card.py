"""The card of a question set, by hand; and the sets that the verb builds from a corpus and its trial."""

import math
from collections import Counter, defaultdict

import pytest

from jaxmlda.adaxeval import card
from jaxmlda.corpus import Corpus, Trial, assign, embedded, write
from jaxmlda.corpus.trial import write_trial
from jaxmlda.errors import UserError
from jaxmlda.questions import Question, jsonl
from jaxmlda.storage import read_json
from jaxmlda.verbs import adaxeval as verb
from jaxmlda.world import World

SHARES = {"en": 0.25, "ja": 0.2, "both": 0.2, "none": 0.2, "bridge": 0.15}


def question(number, document, options, gold, **metadata):
    text = metadata.pop("text", "Which one is it?")
    return Question(f"q{number}", text, options, (gold,), {"docid": document} | metadata, "en_knowledge_generalization")


BY_HAND = [
    question(0, "a", ["longest one", "short", "middling", "medium"], 0, is_verbatim=True),
    question(1, "a", ["aaaa", "aaab", "aa", "bbbb"], 3, is_verbatim=False),
    question(2, "b", ["x", "yy", "zzz", "wwww"], 0, is_verbatim=True),
    question(3, "c", ["x", "yy", "zzz", "wwww"], 1, text="Is it YY?"),
]


def test_the_card_is_what_is_counted_by_hand():
    found = card(BY_HAND)
    assert found["n"] == 4
    # Longest: right; one of three tied; wrong; wrong. Shortest: wrong; wrong; right; wrong.
    assert found["longest_option_accuracy"] == pytest.approx((1 + 1 / 3 + 0 + 0) / 4)
    assert found["shortest_option_accuracy"] == pytest.approx((0 + 0 + 1 + 0) / 4)
    assert found["gold_in_question"] == 1
    assert found["verbatim_share"] == pytest.approx(2 / 3)
    assert found["per_document"] == pytest.approx(4 / 3)
    # Positions 2, 1, 0, 1 against 1 each: chi-squared 2 with 3 degrees of freedom, whose tail has a closed form.
    tail = math.erfc(math.sqrt(2 / 2)) + math.sqrt(2 * 2 / math.pi) * math.exp(-2 / 2)
    assert found["positions_p"] == pytest.approx(tail)


def test_what_cannot_be_said_of_a_set_is_none():
    found = card([question(0, "a", ["x", "yy"], 1)])
    assert found["verbatim_share"] is None
    assert found["options_classifier_accuracy"] is None


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A corpus of the world and its trial."""
    home, settings = tmp_path_factory.mktemp("adaxeval"), {"seed": 0, "documents": 240}
    documents = list(embedded.documents(World(**settings)))
    write(documents, home, {"world": settings})
    write_trial(assign(documents, SHARES, 0), home)
    return home


@pytest.fixture(scope="module")
def trial(home):
    return Trial.read(home / "trial.parquet")


def test_each_arm_is_asked_by_itself_as_much_as_its_share_and_bridge_never(home, trial):
    world, names = World(seed=0, documents=240), [document.id for document in Corpus(home)]
    parts = list(verb.ask_arms(world, names, trial, 200))
    counts = Counter(trial.arm(name) for name in names)
    asked_of = sum(counts[arm] for arm in ("en", "ja", "both", "none"))
    assert [{trial.arm(one.document) for one in part} for part in parts] == [{"en"}, {"ja"}, {"both"}, {"none"}]
    assert sum(map(len, parts)) == 200
    for arm, part in zip(("en", "ja", "both", "none"), parts, strict=True):
        assert abs(len(part) - 200 * counts[arm] / asked_of) < 1


def test_the_distractors_of_an_arm_are_answers_of_the_same_arm_and_used_as_often(home, trial):
    world, names = World(seed=0, documents=240), [document.id for document in Corpus(home)]
    for part in verb.ask_arms(world, names, trial, 200):
        golds = Counter(one.options["en"][one.answer_idx] for one in part)
        shown = Counter(option for one in part for option in one.options["en"])
        assert shown == Counter({name: 4 * times for name, times in golds.items()})


def test_a_trial_that_permits_no_question_is_told(home):
    world, names = World(seed=0, documents=240), [document.id for document in Corpus(home)]
    with pytest.raises(UserError, match="no document may be asked about"):
        list(verb.ask_arms(world, names, Trial.read(None), 50))


def test_a_pair_that_a_gate_rejects_goes_as_a_whole(home, trial, monkeypatch):
    kept, _ = verb.build_sets(Corpus(home), trial, 60)
    # The eighth question of one set fails; its other form and language go with it.
    bad = kept["ja_knowledge_memorization"][7].id

    def gates(one, text):
        return ["planted"] if (one.id, one.language, one.form) == (bad, "ja", "mem") else []

    monkeypatch.setattr(verb, "faults", gates)
    sets, rejected = verb.build_sets(Corpus(home), trial, 60)
    assert rejected == [{"set": "ja_knowledge_memorization", "id": bad, "faults": ["planted"]}]
    ids = {name: [one.id for one in asked] for name, asked in sets.items()}
    assert len({tuple(each) for each in ids.values()}) == 1
    assert [len(each) for each in ids.values()] == [60] * 4
    assert bad not in ids["en_knowledge_generalization"]


def test_gates_read_the_text_in_the_language_asked(home, trial, monkeypatch):
    documents = {document.id: document for document in Corpus(home)}
    seen = []
    monkeypatch.setattr(
        verb, "faults", lambda one, text: seen.append(text == documents[one.document].text(one.language))
    )
    verb.build_sets(Corpus(home), trial, 40)
    assert len(seen) == 4 * 42
    assert all(seen)


def test_no_question_left_is_told(home, trial, monkeypatch):
    monkeypatch.setattr(verb, "faults", lambda one, text: ["all"])
    with pytest.raises(UserError, match="the gates rejected every question"):
        verb.build_sets(Corpus(home), trial, 40)


@pytest.mark.parametrize(("have", "want"), [(10, 10), (10, 12), (21, 20), (100, 7), (5, 1)])
def test_what_is_left_out_is_spread_over_the_list(have, want):
    left = verb.evenly(list(range(have)), want)
    assert len(left) == min(have, want)
    assert left == sorted(set(left))
    gaps = [b - a for a, b in zip(left, [*left[1:], have + left[0]], strict=True)]
    assert max(gaps) - min(gaps) <= 1


def test_a_corpus_whose_facts_are_not_known_is_refused(tmp_path, trial):
    write(list(embedded.documents(World(documents=3))), tmp_path, {"files": ["a.jsonl"]})
    with pytest.raises(UserError, match="not a corpus of the embedded world"):
        verb.build_sets(Corpus(tmp_path), trial, 10)


def test_the_verb_writes_the_sets_what_was_rejected_and_the_card(home, trial, tmp_path, capsys):
    words = ["build", str(home), f"--trial={home / 'trial.parquet'}", "--per-set=60", f"--out={tmp_path}"]
    assert verb.run(words) == 0
    stored = read_json(tmp_path / "card.json")
    assert sorted(stored) == ["rejected", "sets"]
    by_arm = defaultdict(set)
    for name, values in stored["sets"].items():
        questions = jsonl.read(tmp_path / f"{name}.jsonl")
        assert values == card(questions)
        assert values["n"] == 60
        for one in questions:
            by_arm[trial.arm(one.document)].add(one.id)
    assert by_arm.keys() == {"en", "ja", "both", "none"}
    rejected = {one["id"] for one in stored["rejected"]}
    assert rejected.isdisjoint(set().union(*by_arm.values()))
    assert verb.run(["card", str(tmp_path / "en_knowledge_memorization.jsonl"), "--json"]) == 0
    assert '"en_knowledge_memorization": {"n": 60' in capsys.readouterr().out
