"""The loop: what it writes, what it refuses, and that going on after a stop gives the numbers of a run without one."""

import json
import shutil

import jax
import numpy as np
import pytest
import training_case as case
from jax.sharding import SingleDeviceSharding

from jaxmlda.config import Run
from jaxmlda.errors import UserError
from jaxmlda.rows import Rows
from jaxmlda.training.checkpoints import params_digest, read_meta, read_params, steps_in
from jaxmlda.training.setup import plan

# Orbax leaves a coroutine behind where it meets a torn array.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory):
    """Every run here takes the same step; jax keeps what it compiled in a folder meanwhile."""
    with case.compilations_kept(tmp_path_factory.mktemp("compiled")):
        yield


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return case.write_rows(tmp_path_factory.mktemp("rows"), count=30)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, rows):
    """A run of eight steps that nothing disturbed, and what a probe saw in it."""
    output, seen = tmp_path_factory.mktemp("finished"), []

    def probe(step, params, digest):
        seen.append((step, digest, params_digest(params)))

    case.loop(output, rows, resume_minutes=1e-9).train(case.weights, [probe])
    return output, seen


def metrics(output):
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def losses(output):
    return [(line["step"], line["loss"], line["gradient_norm"], line["streams"]) for line in metrics(output)]


def digest(output, step):
    return read_meta(output / "checkpoints" / str(step))["digest"]


def test_rows_that_fill_no_whole_batch_are_a_step_of_their_own(finished):
    assert [line["step"] for line in metrics(finished[0])] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [line["tokens"] for line in metrics(finished[0])] == [64 * step for step in range(1, 9)]
    counted = [sum(stream["tokens"] for stream in line["streams"].values()) for line in metrics(finished[0])]
    assert counted[-1] < min(counted[:-1])


def test_the_loss_falls_on_rows_with_a_rule(finished):
    found = [line["loss"] for line in metrics(finished[0])]
    assert found[-1] < found[0]


def test_every_science_step_is_kept_with_the_digest_of_its_parameters(finished):
    output, _ = finished
    assert steps_in(output) == [0, 3, 6, 8]
    one = SingleDeviceSharding(jax.devices()[0])
    like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=one), case.params())
    for step in steps_in(output):
        assert params_digest(read_params(output / "checkpoints" / str(step), like)) == digest(output, step)
    assert digest(output, 0) == params_digest(case.params())
    assert len({digest(output, step) for step in steps_in(output)}) == 4


def test_a_probe_sees_every_science_step_with_its_parameters(finished):
    output, seen = finished
    assert [step for step, _, _ in seen] == [0, 3, 6, 8]
    assert all(told == worked_out == digest(output, step) for step, told, worked_out in seen)


class Unplugged(Exception):
    """Stands for anything that ends a run on the way."""


def unplug(step, params, digest):
    """A probe that ends the run at step 6."""
    if step == 6:
        raise Unplugged


@pytest.fixture(scope="module")
def runs(tmp_path_factory, rows, finished):
    """The undisturbed run, and the same run ended at step 6."""
    output = tmp_path_factory.mktemp("broken")
    with pytest.raises(Unplugged):
        case.loop(output, rows, resume_minutes=1e-9).train(case.weights, [unplug])
    return finished[0], output


def tear(folder):
    """Empties the arrays of a checkpoint's parameters."""
    for path in (folder / "params").rglob("d/*"):
        path.write_bytes(b"")


@pytest.mark.parametrize(("harm", "begins"), [("none", 5), ("newest torn", 4), ("nothing to resume from", 0)])
def test_a_run_that_broke_off_goes_on_to_the_same_numbers(tmp_path, rows, runs, harm, begins):
    finished, broken = runs
    output = shutil.copytree(broken, tmp_path / "run")
    assert steps_in(output) == [0, 3, 6]
    if harm == "newest torn":
        tear(output / "resume" / "5")
    elif harm == "nothing to resume from":
        shutil.rmtree(output / "resume")
    again, taken = case.loop(output, rows), []
    latest = again.checkpoints.latest
    again.checkpoints.latest = lambda *like: taken.append(latest(*like)) or taken[0]
    again.train(case.weights, [])
    assert (taken[0][0] if taken[0] else 0) == begins
    assert losses(output) == losses(finished)
    assert digest(output, 8) == digest(finished, 8)


def test_a_finished_run_that_is_started_again_changes_nothing(tmp_path, rows, finished):
    output = shutil.copytree(finished[0], tmp_path / "run")
    case.loop(output, rows).train(case.weights, [])
    assert losses(output) == losses(finished[0])
    assert {step: digest(output, step) for step in steps_in(output)} == {
        step: digest(finished[0], step) for step in (0, 3, 6, 8)
    }


def test_resume_checkpoints_are_as_many_as_were_asked_for(finished):
    assert sorted(path.name for path in (finished[0] / "resume").iterdir()) == ["6", "7"]


def poisoned(like):
    """Weights in which the embedding of token 0, which stands in the rows of step 3 alone, is no number."""
    given = case.weights(like)
    return given | {"embedding": given["embedding"].at[0].set(np.nan)}


def test_a_loss_that_is_no_number_ends_the_run_and_the_checkpoints_before_it_are_whole(tmp_path):
    rows = case.write_rows(tmp_path / "rows", count=24, rare=range(8, 12))
    with pytest.raises(UserError, match=r"step 3: .* is nan.*rows 8 to 11"):
        case.loop(tmp_path, rows, science={"every": 1}).train(poisoned, [])
    assert steps_in(tmp_path) == [0, 1, 2]
    assert [line["step"] for line in metrics(tmp_path)] == [1, 2]


def test_where_it_is_skipped_the_run_goes_on_with_the_parameters_of_before(tmp_path):
    rows = case.write_rows(tmp_path / "rows", count=16, rare=range(8, 12))
    case.loop(tmp_path, rows, science={"every": 1}, on_nan="skip").train(poisoned, [])
    assert digest(tmp_path, 2) == digest(tmp_path, 3)
    assert len({digest(tmp_path, step) for step in (1, 2, 4)}) == 3
    assert [np.isnan(line["loss"]) for line in metrics(tmp_path)] == [False, False, True, False]


def planned(rows, **changes):
    return plan(Run.model_validate(case.settings("nowhere", **changes)), rows)


def test_all_rows_once_is_the_default(rows):
    assert planned(rows).steps == 8
    assert planned(rows).tokens_per_step == 64
    assert planned(rows, steps=5, science={"steps": [2]}).science == [0, 2, 5]


def test_more_steps_than_rows_are_refused_with_both_numbers(rows):
    with pytest.raises(UserError, match=r"training\.steps is 9, but the 30 rows make 8 steps of 4"):
        planned(rows, steps=9)


def test_rows_of_another_length_are_refused(rows):
    run = Run.model_validate(case.settings("nowhere") | {"rows": {"sequence_length": 32}})
    with pytest.raises(UserError, match=r"rows\.sequence_length is 32, but the rows in .* have 16"):
        plan(run, rows)


def test_rows_of_the_next_batch_are_those_after_this_one(rows):
    whole = Rows(rows.folder).batch(0, 8)
    for name, array in rows.batch(4, 4).items():
        np.testing.assert_array_equal(array, whole[name][4:])
