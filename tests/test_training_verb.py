"""`train` from the command line: signals, restarts, and everything that it refuses before anything is allocated."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import training_case as case
import yaml

from jaxmlda.errors import Interrupted, UserError
from jaxmlda.storage import read_json, read_table
from jaxmlda.training.checkpoints import read_meta, steps_in
from jaxmlda.verbs.train import run as train_verb

PROGRAM = Path(case.__file__)


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Trains in a process of its own, which a signal may end; gives its status and what it said."""
    compiled = str(tmp_path_factory.mktemp("compiled"))
    kept = {"JAX_COMPILATION_CACHE_DIR": compiled, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}

    def run(config, *stop):
        done = subprocess.run(
            [sys.executable, PROGRAM, config, *map(str, stop)],
            env=os.environ | kept | {"JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory, train):
    """The folder of a run of ten steps that nothing disturbed."""
    config = case.write_folder(tmp_path_factory.mktemp("whole") / "run", resume_minutes=1e-9)
    status, said = train(config)
    assert status == 0, said
    return config.parent


def outcome(folder):
    """All that must be the same, bit for bit: losses and the digests of every checkpoint."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    digests = {step: read_meta(folder / "checkpoints" / str(step))["digest"] for step in steps_in(folder)}
    return [(line["step"], line["loss"]) for line in lines], digests


def test_a_run_folder_tells_what_it_was_made_from(finished):
    story = read_json(finished / "run.json")
    assert story["tokens_per_step"] == 64
    assert story["digests"]["corpus"] == "cccc"
    assert yaml.safe_load((finished / "config.yaml").read_text())["training"]["batch_size"] == 4
    ledger = read_table(finished / "steps.parquet")
    assert ledger["step"].to_pylist() == [row // 4 for row in range(40)]
    assert read_json(finished / "done.json") == {"step": 10}


def test_a_terminated_run_says_so_and_goes_on_to_the_same_bits(tmp_path, train, finished):
    config = case.write_folder(tmp_path / "run")
    status, said = train(config, "SIGTERM", 5)
    assert status == Interrupted.exit_code == 75
    assert "saved; the same command goes on from there" in said
    stopped = [int(path.name) for path in (config.parent / "resume").iterdir()]
    assert len(stopped) == 1
    assert 0 < stopped[0] < 10
    assert len(outcome(config.parent)[0]) == stopped[0]
    assert train(config)[0] == 0
    assert outcome(config.parent) == outcome(finished)


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path, train, finished):
    config = case.write_folder(tmp_path / "run", resume_minutes=1e-9)
    assert train(config, "SIGKILL", 5)[0] == -9
    assert not (config.parent / "done.json").exists()
    status, said = train(config)
    assert status == 0, said
    assert outcome(config.parent) == outcome(finished)


def test_a_finished_run_is_not_run_again(finished):
    before = (finished / "metrics.jsonl").stat().st_mtime_ns
    assert train_verb([str(finished / "run.yaml")]) == 0
    assert (finished / "metrics.jsonl").stat().st_mtime_ns == before


def test_the_folder_of_another_configuration_is_refused_by_the_setting_that_differs(finished):
    with pytest.raises(UserError, match=r"another configuration \(training\.schedule\.peak: 0\.01 there, 0\.02 now\)"):
        train_verb([str(finished / "run.yaml"), "--training.schedule.peak=0.02"])


def test_devices_and_resume_settings_may_change_between_restarts(finished):
    words = ["--mesh.fsdp=-1", "--mesh.data=1", "--checkpoints.resume_minutes=3", "--checkpoints.resume_keep=5"]
    assert train_verb([str(finished / "run.yaml"), *words]) == 0


@pytest.fixture
def folder(tmp_path):
    return case.write_folder(tmp_path / "run").parent


def refused(folder, *words):
    with pytest.raises(UserError) as told:
        train_verb([str(folder / "run.yaml"), *words])
    assert not (folder / "metrics.jsonl").exists()
    return str(told.value)


def test_more_steps_than_rows_are_refused(folder):
    told = refused(folder, "--training.steps=11")
    assert "training.steps is 11, but the 40 rows make 10 steps of 4" in told


@pytest.mark.parametrize("name", ["corpus", "vocabulary", "recipe", "rows"])
def test_rows_of_another_source_are_refused_by_its_name_and_digest(folder, name):
    meta = read_json(folder / "rows" / "meta.json")
    meta["source"][name] = "0123456789abcdef"
    (folder / "rows" / "meta.json").write_text(json.dumps(meta))
    assert f"made with another {name} (digest 0123456789abcdef, now " in refused(folder)


def test_a_vocabulary_beyond_the_model_is_refused(folder):
    (folder / "model.yaml").write_text(yaml.safe_dump(case.MODEL | {"vocab_size": 50}))
    told = refused(folder)
    assert "pieces, the model embeds 50; they do not belong together" in told


def test_rows_longer_than_the_model_are_refused(folder):
    model = yaml.safe_load((folder / "model.yaml").read_text())
    (folder / "model.yaml").write_text(yaml.safe_dump(model | {"max_positions": 8}))
    assert "rows.sequence_length is 16, the model ends at 8" in refused(folder)


def test_an_unknown_kernel_and_a_mesh_that_does_not_fit_are_refused(folder):
    assert "training.attention: 'flash' is no kernel; known are" in refused(folder, "--training.attention=flash")
    assert "mesh.fsdp=3" in refused(folder, "--mesh.fsdp=3")


def test_rows_that_were_not_prepared_are_refused(folder):
    (folder / "rows" / "meta.json").unlink()
    assert "run `jaxmlda prepare` first" in refused(folder)
