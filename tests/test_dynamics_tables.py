"""Reading score tables, and the flags that tables alone raise."""

import numpy as np
import pyarrow as pa
import pytest
import simulated

from jaxmlda import dynamics
from jaxmlda.dynamics.registry import Flag
from jaxmlda.dynamics.table_flags import identical_between
from jaxmlda.errors import UserError
from jaxmlda.storage import read_table, write_table

PLAN = simulated.Plan(
    sizes={"en": 45, "ja": 45, "none": 45},
    per_document=1,
    languages=("en",),
    forms=("gen",),
    steps=(0, 1, 200, 400),
)
SET = "en_knowledge_generalization"


def path_of(folder, step):
    return folder / "scores" / f"step_{step:08d}" / f"{SET}.parquet"


@pytest.fixture
def folder(tmp_path):
    simulated.write(tmp_path, PLAN)
    return tmp_path


def flags_of(folder, name="run", **more):
    study = dynamics.study(name, dynamics.load(folder), simulated.trial(PLAN), ["en", "ja"], 1.0, draws=200, **more)
    return study, dynamics.analyse(study)[1]


def rules(flags):
    return {flag.rule for flag in flags}


def change(folder, step, name, values):
    table = read_table(path_of(folder, step))
    at = table.column_names.index(name)
    write_table(path_of(folder, step), table.set_column(at, table.schema.field(name), [values(table)]))


def test_scores_equal_a_plain_reading_of_the_table(folder):
    scores = dynamics.load(folder)
    rows = read_table(path_of(folder, 200)).to_pylist()
    for q in (0, 17, 100):
        mine = sorted((r for r in rows if r["question"] == scores.ids[q]), key=lambda r: r["option"])
        by_token = [r["sum_logp"] / r["n_tok"] for r in mine]
        best = max(range(4), key=lambda o: by_token[o])
        assert scores.values["token"][2, q] == float(mine[best]["gold"])
        assert scores.options[2, q] == pytest.approx(by_token, abs=1e-9)
        by_char = [r["sum_logp"] / r["n_char"] for r in mine]
        assert scores.values["char"][2, q] == float(mine[int(np.argmax(by_char))]["gold"])
        assert scores.labels["document"][q] == mine[0]["document"]
    assert np.isnan(scores.values["pmi"]).all()
    assert (scores.values["delta"][0] == 0.25).all()
    assert (scores.chance == 0.25).all()


def test_the_order_of_rows_does_not_matter(folder):
    before = dynamics.load(folder)
    table = read_table(path_of(folder, 1))
    write_table(path_of(folder, 1), table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows))))
    after = dynamics.load(folder)
    assert np.array_equal(before.values["token"], after.values["token"])
    assert np.array_equal(before.options, after.options)


def test_a_corrupt_file_is_named(folder):
    path_of(folder, 1).write_bytes(b"PAR1 no table")
    with pytest.raises(UserError, match=rf"step_00000001/{SET}\.parquet"):
        dynamics.load(folder)


def test_a_table_without_its_columns_is_named(folder):
    write_table(path_of(folder, 1), read_table(path_of(folder, 1)).drop_columns(["sum_logp"]))
    with pytest.raises(UserError, match=r"step_00000001.*lacks sum_logp"):
        dynamics.load(folder)


def test_rows_of_another_step_only_are_an_error(folder):
    path_of(folder, 200).write_bytes(path_of(folder, 400).read_bytes())
    with pytest.raises(UserError, match="no row of step 200"):
        dynamics.load(folder)


def test_other_questions_at_another_step_are_an_error(folder):
    write_table(path_of(folder, 200), read_table(path_of(folder, 200)).slice(0, 40))
    with pytest.raises(UserError, match="other questions"):
        dynamics.load(folder)


def test_a_run_without_tables_and_an_unknown_set_are_errors(folder, tmp_path):
    with pytest.raises(UserError, match="no score tables"):
        dynamics.load(tmp_path / "nothing")
    with pytest.raises(UserError, match="nonesuch"):
        dynamics.load(folder, sets=["nonesuch"])


def test_a_missing_step_is_flagged_and_left_out(folder):
    other = folder / "scores" / "step_00000200" / "other.parquet"
    table = read_table(path_of(folder, 200))
    write_table(other, table)
    study, flags = flags_of(folder)
    assert {(flag.rule, flag.where) for flag in flags if flag.rule == "missing tables"} == {("missing tables", "other")}
    assert np.isnan(study.scores.values["token"][0, study.scores.sets == "other"]).all()


def test_clean_tables_raise_no_flag_about_tables(folder):
    _, flags = flags_of(folder)
    assert not rules(flags) & {
        "two tables in a file",
        "identical tables",
        "missing tables",
        "truncated",
        "options alone",
    }


def test_a_file_that_holds_two_tables_is_flagged_and_the_first_is_used(folder):
    before = dynamics.load(folder)
    table = read_table(path_of(folder, 1))
    write_table(path_of(folder, 1), pa.concat_tables([table, read_table(path_of(folder, 1))]))
    study, flags = flags_of(folder)
    assert [flag.where for flag in flags if flag.rule == "two tables in a file"] == [str(path_of(folder, 1))]
    assert np.array_equal(before.values["token"], study.scores.values["token"])


def test_a_second_digest_in_a_file_is_flagged_and_the_first_is_used(folder):
    before = dynamics.load(folder)
    table = read_table(path_of(folder, 1))
    at = table.column_names.index("digest")
    other = table.set_column(at, "digest", [["another"] * table.num_rows])
    write_table(path_of(folder, 1), pa.concat_tables([table, other]))
    study, flags = flags_of(folder)
    assert [flag.where for flag in flags if flag.rule == "two tables in a file"] == [str(path_of(folder, 1))]
    assert np.array_equal(before.values["token"], study.scores.values["token"])


def test_identical_tables_within_a_run_and_between_runs_are_flagged(folder):
    change(folder, 400, "sum_logp", lambda t: read_table(path_of(folder, 200))["sum_logp"].combine_chunks())
    study, flags = flags_of(folder)
    assert [flag.text for flag in flags if flag.rule == "identical tables"] == [
        "steps 200 and 400 have identical scores"
    ]
    other, _ = flags_of(folder, name="twin")
    shared = identical_between([study, other])
    assert shared[0] == Flag("identical tables", SET, "step 1 of run and step 1 of twin have identical scores")
    assert not any("step 0" in flag.text for flag in shared)
    assert identical_between([study]) == []


def test_options_that_answer_alone_and_truncated_questions_are_flagged(folder):
    for step in PLAN.steps:
        change(
            folder,
            step,
            "sum_logp_alone",
            lambda t: pa.array([0.0 if g else -9.0 for g in t["gold"].to_pylist()]),
        )
    change(folder, 200, "truncated", lambda t: [True] + [False] * (t.num_rows - 1))
    _, flags = flags_of(folder, baselines={SET: {"options_classifier": 0.41}})
    texts = {flag.text for flag in flags}
    assert "options model answers 100.0 % without seeing the question" in texts
    assert "options classifier answers 41.0 % without seeing the question" in texts
    assert "1 of 135 questions were cut; use longer rows" in texts


def test_flags_about_effects_follow_what_was_planted(tmp_path):
    plan = simulated.Plan(
        sizes={"en": 80, "none": 80},
        effects={},
        style=0.3,
        languages=("en",),
        forms=("gen",),
        steps=(0, 3, 400),
    )
    simulated.write(tmp_path, plan)
    study = dynamics.study("r", dynamics.load(tmp_path), simulated.trial(plan), ["en"], 1.0, draws=1000)
    _, flags = dynamics.analyse(study)
    assert {"no better than control", "early gain"} <= rules(flags)
    assert any(flag.rule == "early gain" and "group none" in flag.where for flag in flags)


def test_a_recipe_that_was_allowed_to_leak_is_flagged(folder):
    assert "leaking recipe" in rules(flags_of(folder, leaks=True)[1])
    assert "leaking recipe" not in rules(flags_of(folder)[1])


def test_normalisations_that_disagree_are_flagged(folder):
    for step in PLAN.steps:
        change(
            folder,
            step,
            "n_char",
            lambda t: pa.array([1 if g else 400 for g in t["gold"].to_pylist()], pa.int32()),
        )
    _, flags = flags_of(folder)
    assert any(flag.rule == "normalisations disagree" and "char +0.0" in flag.text for flag in flags)


def test_options_alone_are_normalised_by_their_own_tokens_where_the_table_has_them(folder):
    for step in PLAN.steps:
        table = read_table(path_of(folder, step))
        gold = table["gold"].to_pylist()
        at = table.column_names.index("sum_logp_alone")
        table = table.set_column(at, "sum_logp_alone", [[-8.0 if g else -6.0 for g in gold]])
        tokens = pa.array([8 if g else 2 for g in gold], pa.int32())
        write_table(path_of(folder, step), table.append_column("n_tok_alone", tokens))
    assert (dynamics.load(folder).values["alone"] == 1.0).all()
