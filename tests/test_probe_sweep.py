import json

import jax
import numpy as np
import pyarrow.parquet as pq
import pytest
from probe_case import decoder, params, sets, vocabulary

from jaxmlda import storage
from jaxmlda.errors import UserError
from jaxmlda.probe import evaluate, sweep, templates
from jaxmlda.probe.evaluate import Evaluator
from jaxmlda.probe.sweep import Checkpoint

TWO = ("en_knowledge_generalization", "ja_knowledge_memorization")


@pytest.fixture(scope="module")
def evaluator():
    return Evaluator(decoder(), vocabulary(), {name: sets()[name] for name in TWO})


def checkpoints(loaded, steps=(0, 1, 2)):
    def loader(step):
        def load():
            loaded.append(step)
            return params(step)

        return load

    return [Checkpoint(step, f"digest{step}", loader(step)) for step in steps]


def values(folder):
    tables = {p.relative_to(folder): pq.read_table(p) for p in sorted(folder.rglob("*.parquet"))}
    return {path: table.replace_schema_metadata(None) for path, table in tables.items()}


def test_the_loop_and_the_sweep_write_the_same_bits(evaluator, tmp_path):
    for step in (0, 1, 2):
        evaluator(step, params(step), f"digest{step}", tmp_path / "loop")
    sweep.run(evaluator, checkpoints([]), tmp_path / "sweep")
    loop, after = values(tmp_path / "loop"), values(tmp_path / "sweep")
    assert set(loop) == set(after)
    assert len(loop) == 6
    assert all(loop[path].equals(after[path]) for path in loop)


def test_a_second_evaluator_of_the_same_sets_writes_the_same_bits(evaluator, tmp_path):
    other = Evaluator(decoder(), vocabulary(), {name: sets()[name] for name in TWO})
    evaluator(1, params(1), "d", tmp_path / "a")
    other(1, params(1), "d", tmp_path / "b")
    a, b = values(tmp_path / "a"), values(tmp_path / "b")
    assert all(a[path].equals(b[path]) for path in a)


def test_a_finished_sweep_loads_nothing_and_an_interrupted_one_goes_on(evaluator, tmp_path):
    loaded = []

    def stop():
        raise KeyboardInterrupt

    first, second, third = checkpoints(loaded)
    with pytest.raises(KeyboardInterrupt):
        sweep.run(evaluator, [first, second._replace(load=stop), third], tmp_path)
    assert {path.parts[:2] for path in values(tmp_path)} == {("scores", "step_00000000")}
    loaded.clear()
    outcome = sweep.run(evaluator, checkpoints(loaded), tmp_path)
    assert (loaded, outcome.skipped, outcome.scored, outcome.failed) == ([1, 2], [0], [1, 2], [])
    loaded.clear()
    assert sweep.run(evaluator, checkpoints(loaded), tmp_path).skipped == [0, 1, 2]
    assert loaded == []


def test_a_torn_checkpoint_is_named_and_the_others_are_scored(evaluator, tmp_path):
    def torn():
        raise OSError("params/embedding is cut short")

    first, second, third = checkpoints([])
    poisoned = Checkpoint(3, "digest3", lambda: jax.tree.map(lambda leaf: leaf * np.nan, params()))
    outcome = sweep.run(evaluator, [first, second._replace(load=torn), third, poisoned], tmp_path)
    assert outcome.scored == [0, 2]
    assert [step for step, _ in outcome.failed] == [1, 3]
    assert "params/embedding is cut short" in outcome.failed[0][1]
    assert "not finite" in outcome.failed[1][1]
    told = json.loads((tmp_path / "summary.json").read_text())
    assert [checkpoint["step"] for checkpoint in told["checkpoints"]] == [0, 2]


def test_a_lost_or_torn_table_is_scored_again_and_no_other(evaluator, tmp_path):
    evaluator(1, params(1), "d", tmp_path)
    whole = values(tmp_path)
    lost, torn = (evaluate.path_of(tmp_path, 1, name) for name in TWO)
    torn.write_bytes(torn.read_bytes()[:100])
    assert evaluator.pending(1, "d", tmp_path) == [TWO[1]]
    lost.unlink()
    evaluator(1, params(1), "d", tmp_path)
    assert all(whole[path].equals(table) for path, table in values(tmp_path).items())


def test_a_table_of_another_checkpoint_rule_dtype_or_question_is_not_taken_for_this_one(evaluator, tmp_path):
    evaluator(1, params(1), "d", tmp_path)
    subset = {name: sets()[name] for name in TWO}
    assert evaluator.pending(1, "d", tmp_path) == []
    assert evaluator.pending(1, "other", tmp_path) == list(TWO)
    for change in ({"rule": "harness"}, {"dtype": "bf16"}, {"template": "published"}):
        assert Evaluator(decoder(), vocabulary(), subset, **change).pending(1, "d", tmp_path) == list(TWO)
    fewer = {**subset, TWO[0]: subset[TWO[0]][:-1]}
    assert Evaluator(decoder(), vocabulary(), fewer).pending(1, "d", tmp_path) == [TWO[0]]


def test_the_call_returns_the_accuracies_of_the_tables(evaluator, tmp_path):
    evaluator(0, params(0), "d0", tmp_path)
    told = evaluator(1, params(1), "d1", tmp_path)
    assert evaluator(1, None, "d1", tmp_path) == told
    for name in TWO:
        table = storage.read_table(evaluate.path_of(tmp_path, 1, name)).to_pylist()
        base = storage.read_table(evaluate.path_of(tmp_path, 0, name)).to_pylist()
        right = {"token": [], "delta": []}
        for question in sets()[name]:
            rows = [(r, b) for r, b in zip(table, base, strict=True) if r["question"] == question.id]
            by_token = [r["sum_logp"] / r["n_tok"] for r, _ in rows]
            by_delta = [r["sum_logp"] - b["sum_logp"] for r, b in rows]
            right["token"].append(int(np.argmax(by_token)) in question.answers)
            right["delta"].append(int(np.argmax(by_delta)) in question.answers)
        assert {by: told[name][by] for by in right} == {by: pytest.approx(np.mean(of)) for by, of in right.items()}


def test_delta_is_null_without_a_step_0(evaluator, tmp_path):
    assert evaluator(5, params(1), "d", tmp_path)[TWO[0]]["delta"] is None


def test_pmi_is_null_for_clozes_that_open_with_the_blank(evaluator, tmp_path):
    told = evaluator(5, params(1), "d", tmp_path)
    assert told["ja_knowledge_memorization"]["pmi"] is None
    assert told["en_knowledge_generalization"]["pmi"] is not None


def test_the_summary_tells_accuracy_beside_its_baselines(evaluator, tmp_path):
    sweep.run(evaluator, checkpoints([], steps=(0, 1)), tmp_path)
    told = json.loads((tmp_path / "summary.json").read_text())
    assert {"checkpoints", "rule", "dtype", "tokenizer", "questions_digest"} <= set(told)
    one = told["checkpoints"][1]
    assert set(one) == {"step", "digest", "sets", "questions_per_second", "tokens_per_second"}
    of = one["sets"][TWO[0]]
    assert set(of) == {"n", "accuracy", "ties", "truncated", "baselines"}
    assert set(of["accuracy"]) == {"sum", "token", "char", "byte", "pmi", "delta"}
    assert set(of["baselines"]) == {"chance", "longest", "shortest", "options_model", "options_classifier"}
    assert (of["n"], of["truncated"], one["digest"]) == (10, 0, "digest1")
    assert of["accuracy"]["token"] == evaluator(1, None, "digest1", tmp_path)[TWO[0]]["token"]


@pytest.mark.parametrize("rule", ["joint", "harness", "published"])
def test_questions_longer_than_the_model_are_cut_counted_and_still_scored(rule, tmp_path):
    of = {TWO[0]: sets()[TWO[0]]}
    short = Evaluator(decoder(max_positions=12), vocabulary(), of, rule=rule)
    short(1, params(1), "d", tmp_path)
    table = storage.read_table(evaluate.path_of(tmp_path, 1, TWO[0]))
    assert all(table.column("truncated").to_pylist())
    assert max(batch.positions.max() for batch in short.ready.plans[TWO[0]].batches) < 12
    assert np.isfinite(table.column("sum_logp").to_numpy()).all()


def test_an_evaluator_without_questions_is_an_error():
    with pytest.raises(UserError, match="no question to score"):
        Evaluator(decoder(), vocabulary(), {})


def test_templates_write_what_they_say_and_keep_braces_of_questions():
    question = sets()["en_knowledge_generalization"][0]
    braced = type(question)("a", "What {is} it?", ["x", "y"], (0,), {}, question.set)
    cloze = type(question)("a", "Of {it} [BLANK] is {so}.", ["x", "y"], (0,), {}, "ja_knowledge_memorization")
    adaxeval, published = templates.load("adaxeval"), templates.load("published")
    assert adaxeval.split(braced, "{x}") == ("Question: What {is} it?\nAnswer: ", "{x}", "")
    assert published.split(braced, "x") == ("What {is} it?\n", "x", "")
    assert adaxeval.split(cloze, "x") == published.split(cloze, "x") == ("Of {it} ", "x", " is {so}.")
    assert adaxeval.neutral("ja", "亜鉛") == ("答え：", "亜鉛", "")
    assert adaxeval.digest != published.digest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gen": "{question}"}, "exactly once"),
        ({"gen": "{query} {option}"}, "unknown name {query}"),
        ({"gen": {"en": "{question} {option}"}}, "one for each of en, ja"),
        ({"gen": "{question {option}"}, "unpaired brace|unknown name"),
        ({"more": "x"}, "no others"),
    ],
)
def test_a_faulty_template_is_named(tmp_path, change, said):
    good = {
        "name": "x",
        "mem": "{before}{option}{after}",
        "gen": "{question} {option}",
        "neutral": "{option}",
    }
    (tmp_path / "x.yaml").write_text(json.dumps({**good, **change}))
    with pytest.raises(UserError, match=said):
        templates.load(tmp_path / "x.yaml")
    with pytest.raises(UserError, match="adaxeval, published"):
        templates.load("adaxevil")
