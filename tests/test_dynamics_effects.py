"""Effects on simulated trials: what was planted is found, what was not planted is claimed rarely."""

import dataclasses

import numpy as np
import pytest
import simulated

from jaxmlda import dynamics
from jaxmlda.dynamics import effects, groups, life
from jaxmlda.dynamics.scores import Scores
from jaxmlda.dynamics.summary import claim, summarise
from jaxmlda.dynamics.tables import LABELS


def study_of(tmp_path, plan, native=("en", "ja"), draws=2000):
    simulated.write(tmp_path, plan)
    return dynamics.study("run", dynamics.load(tmp_path), simulated.trial(plan), native, 1000.0, draws=draws)


def only(rows, **wanted):
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    study = study_of(tmp_path_factory.mktemp("run"), simulated.Plan())
    return study, *dynamics.analyse(study)


def test_group_is_what_the_arm_permits_within_the_native_languages():
    expected = {
        ("en",): {"en": "en", "ja": "none", "both": "en", "none": "none"},
        ("ja",): {"en": "none", "ja": "ja", "both": "ja", "none": "none"},
        ("en", "ja"): {"en": "en", "ja": "ja", "both": "both", "none": "none"},
        (): {"en": "none", "ja": "none", "both": "none", "none": "none"},
    }
    for native, table in expected.items():
        assert {arm: groups.group_of(arm, native) for arm in table} == table
        assert groups.group_of("bridge", native) == "bridge"
        assert groups.group_of("something", native) == "outside"


def test_arms_that_the_recipe_trains_less_of_are_told_apart_by_a_star():
    assert groups.label_of("ja", ["en"]) == "ja*"
    assert groups.label_of("both", ["en"]) == "both*"
    assert groups.label_of("none", ["en"]) == "none"
    assert groups.label_of("both", ["en", "ja"]) == "both"


def test_estimate_equals_a_plain_loop_over_questions(analysed):
    study, results, _ = analysed
    scores = study.scores
    arms = dict(zip(*simulated.documents(simulated.Plan()), strict=True))

    def gain(arm, language, form, at):
        total, count = 0.0, 0
        for q in range(len(scores.ids)):
            labels = {name: scores.labels[name][q] for name in LABELS}
            if (arms[labels["document"]], labels["language"], labels["form"]) == (arm, language, form):
                total += scores.values["token"][at, q] - scores.values["token"][0, q]
                count += 1
        return total / count

    for measure, train, ask, minus in [
        ("acquisition", "en", "en", "none"),
        ("transfer", "en", "ja", "none"),
        ("added", "both", "ja", "ja"),
    ]:
        row = only(results["effects"], measure=measure, outcome="token", train=train, ask=ask, form="gen", step=20)
        expected = gain(train, ask, "gen", 6 - 1) - gain(minus, ask, "gen", 6 - 1)
        assert scores.steps[5] == 20
        assert row["estimate"] == pytest.approx(expected, abs=1e-9)


def test_planted_effects_lie_within_their_intervals_and_learning_is_claimed(analysed):
    study, results, _ = analysed
    rows = summarise(study, results["effects"])
    planted = simulated.Plan().effects
    inside = []
    for row in rows:
        if row["measure"] in ("acquisition", "transfer", "both"):
            inside.append(row["low"] <= planted[row["train"]][row["ask"]] <= row["high"])
        if row["measure"] == "acquisition":
            assert row["claimed"] == "up"
            assert row["onset"] is not None
    assert len(inside) == 12
    assert sum(inside) >= 10


def test_intervals_lie_within_the_simultaneous_band_and_step_0_has_none(analysed):
    _, results, _ = analysed
    for row in results["effects"]:
        if row["step"] == 0:
            assert row["band_low"] is None
        elif row["measure"] == "acquisition" and row["step"] == 400:
            assert row["band_low"] < row["low"] < row["estimate"] < row["high"] < row["band_high"]


def test_small_groups_have_counts_and_no_effect(tmp_path):
    plan = simulated.Plan(sizes={"en": 39, "none": 60}, languages=("en",), forms=("gen",))
    study = study_of(tmp_path, plan)
    results, flags = dynamics.analyse(study)
    row = summarise(study, results["effects"])
    few = only(row, measure="acquisition", train="en")
    assert few["estimate"] is None
    assert few["low"] is None
    assert few["n_documents"] == 39
    assert few["claimed"] == "few"
    assert any(flag.rule == "too few documents" and "39" in flag.text for flag in flags)


def test_in_an_english_only_recipe_japanese_documents_are_control_and_told_apart(tmp_path):
    plan = simulated.Plan(effects={"en": {"en": 0.3}}, forms=("gen",))
    study = study_of(tmp_path, plan, native=("en",))
    results, _ = dynamics.analyse(study)
    row = only(summarise(study, results["effects"]), measure="acquisition", train="en", ask="en")
    assert row["n_documents"] == 90 + 60
    assert row["against_documents"] == 80 + 90
    own = only(results["effects"], measure="change", train="ja*", ask="en", step=400)
    assert own["n_documents"] == 90
    assert {row["group"] for row in results["life"]} == {"en", "ja*", "both*", "none"}
    assert not any(row["train"] in ("ja", "both") for row in results["effects"])


def test_bridge_and_outside_documents_never_estimate_an_effect(tmp_path):
    plan = simulated.Plan(sizes={"en": 50, "bridge": 50, "outside": 50}, languages=("en",), forms=("gen",))
    study = study_of(tmp_path, plan)
    results, flags = dynamics.analyse(study)
    assert not any(row["measure"] in effects.EFFECTS for row in results["effects"])
    assert any(flag.rule == "no control" for flag in flags)


def test_item_life_counts_are_the_fates_of_the_questions():
    first, last = np.array([0.0, 1.0, 1.0, 0.0, 0.5]), np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    names = life.fates(first, last).tolist()
    assert names == ["acquired", "forgotten", "retained", "unacquired", "acquired"]


def test_first_learned_needs_three_in_a_row_after_a_wrong_start():
    credit = np.array([[0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]], dtype=float)
    assert life.first_learned(np.array([0, 1, 2, 5, 10]), credit) == [None, None, 1, None]


def test_same_seed_gives_the_same_rows_and_another_seed_other_intervals(tmp_path):
    plan = simulated.Plan(languages=("en",), forms=("gen",), steps=(0, 10, 100))
    study = study_of(tmp_path, plan, draws=500)
    again = effects.effects(study)
    assert effects.effects(study) == again
    other = effects.effects(dataclasses.replace(study, seed=1))
    assert [row["estimate"] for row in other] == [row["estimate"] for row in again]
    assert [row["low"] for row in other] != [row["low"] for row in again]


def test_effect_rows_fit_their_schema(analysed):
    _, results, _ = analysed
    table = effects.table(results["effects"])
    assert table.num_rows == len(results["effects"])
    assert table["estimate"].null_count == 0


def null_scores(rng, documents, per_document, steps):
    """Scores of groups that differ in nothing: clustered right answers that drift alike in all documents."""
    n = documents * 2 * per_document
    shared = np.repeat(rng.standard_normal(documents * 2), per_document)
    credit = np.empty((len(steps), n))
    for row in range(len(steps)):
        moved = np.repeat(rng.standard_normal(documents * 2), per_document)
        credit[row] = shared + moved + rng.standard_normal(n) + 0.3 * row > 0.5
    labels = {name: np.full(n, "", dtype=object) for name in LABELS}
    labels["document"] = np.repeat([f"d{i}" for i in range(documents * 2)], per_document).astype(object)
    labels["language"], labels["form"] = np.full(n, "en", dtype=object), np.full(n, "gen", dtype=object)
    options = np.zeros((len(steps), n, 4))
    gold = np.tile([True, False, False, False], (n, 1))
    values = dict.fromkeys((*effects.OUTCOMES, "alone", "margin"), credit)
    ids = np.array([f"q{i}" for i in range(n)], dtype=object)
    return Scores(np.array(steps), np.full(n, "s", dtype=object), ids, labels, values, options, gold, np.zeros(n, bool))


def test_without_any_effect_about_one_simulation_in_twenty_claims_one():
    rng = np.random.default_rng(0)
    plan = simulated.Plan(sizes={"en": 60, "none": 60})
    ids = [f"d{i}" for i in range(120)]
    trial = simulated.trial(plan).set_column(0, "document", [ids]).set_column(1, "cluster", [ids])
    at_the_end, anywhere = 0, 0
    for number in range(300):
        scores = null_scores(rng, 60, 3, (0, 10, 100, 1000))
        study = dynamics.study("null", scores, trial, ["en"], 1.0, draws=1000, seed=number)
        rows = [r for r in effects.effects(study) if r["measure"] == "acquisition" and r["outcome"] == "token"]
        at_the_end += not rows[-1]["low"] <= 0 <= rows[-1]["high"]
        anywhere += any(not r["band_low"] <= 0 <= r["band_high"] for r in rows[1:])
    assert 0.02 <= at_the_end / 300 <= 0.09
    assert 0.02 <= anywhere / 300 <= 0.09


def test_a_run_probed_once_has_no_effect_and_says_so(tmp_path):
    study = study_of(tmp_path, simulated.Plan(steps=(0,), languages=("en",), forms=("gen",)))
    results, flags = dynamics.analyse(study)
    assert {row["measure"] for row in results["effects"]} == {"accuracy"}
    assert any("no checkpoint after step 0" in flag.text for flag in flags)


def test_a_run_in_which_nothing_changes_claims_nothing(tmp_path):
    plan = simulated.Plan(effects={}, style=0.0, languages=("en",), forms=("gen",), steps=(0, 10, 100))
    study = study_of(tmp_path, plan)
    for row in summarise(study, dynamics.analyse(study)[0]["effects"]):
        assert (row["estimate"], row["low"], row["high"]) == (0.0, 0.0, 0.0)
        assert row["claimed"] == "none"
        assert row["smallest_effect"] is None
        assert row["onset"] is None


def test_forty_documents_are_enough(tmp_path):
    plan = simulated.Plan(sizes={"en": 40, "none": 40}, languages=("en",), forms=("gen",), steps=(0, 400))
    study = study_of(tmp_path, plan, draws=200)
    row = only(summarise(study, effects.effects(study)), measure="acquisition", train="en")
    assert row["estimate"] is not None


def test_a_claim_is_an_interval_that_leaves_zero_out():
    cases = {"up": (0.01, 0.2), "none": (-0.01, 0.2), "down": (-0.2, -0.01), "few": (None, None)}
    for wanted, (low, high) in cases.items():
        assert claim({"estimate": 0.05, "low": low, "high": high}) == wanted
