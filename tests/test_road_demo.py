"""The whole road at its smallest size: from documents to the page, by the verbs that a user calls."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from demo_case import demo

from jaxmlda import dynamics
from jaxmlda.corpus import Trial
from jaxmlda.dynamics.bootstrap import cluster_means, interval
from jaxmlda.dynamics.items import credit

RUNS = ("native", "translation")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    page = demo(folder).strip().splitlines()[-1]
    assert page == str(folder / "report" / "index.html")
    return folder


def tables(folder):
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("scores/step_*/*.parquet"))}


@pytest.mark.parametrize("run", RUNS)
def test_tables_of_the_loop_and_from_disk_are_equal_bit_for_bit(home, run):
    in_loop, from_disk = tables(home / run), tables(home / f"{run}-from-disk")
    assert in_loop.keys() == from_disk.keys()
    assert len(in_loop) >= 4 * 5
    for name in in_loop:
        assert pq.read_table(in_loop[name]).equals(pq.read_table(from_disk[name])), name


@pytest.mark.parametrize("run", RUNS)
def test_no_document_is_trained_on_in_a_language_that_its_arm_does_not_permit(home, run):
    arms = Trial.read(home / "target" / "trial.parquet").arms
    ledger = pq.read_table(home / run / "steps.parquet").to_pylist()
    permitted = {"en": {"en"}, "ja": {"ja"}, "both": {"en", "ja"}, "none": set()}
    seen = {(arms[row["document"]], row["language"], row["stream"]) for row in ledger}
    assert {"en", "ja", "both"} <= {arm for arm, _, _ in seen}
    for arm, language, stream in seen:
        if arm == "bridge":
            assert stream == "translation"
        else:
            assert language in permitted[arm]


def test_every_step_is_in_the_metrics_once_and_in_order(home):
    for run in ("base", *RUNS):
        steps = [json.loads(line)["step"] for line in (home / run / "metrics.jsonl").read_text().splitlines()]
        assert steps == list(range(1, json.loads((home / run / "done.json").read_text())["step"] + 1))


def test_a_second_call_makes_nothing_again(home):
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file() and path.name != "demo.json"}
    demo(home)
    after = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file() and path.name != "demo.json"}
    before.pop(home / ".lock")
    after.pop(home / ".lock")
    assert after == before


def test_a_demo_of_another_size_in_the_same_folder_is_refused(home):
    words = [sys.executable, "-m", "jaxmlda", "demo", "--size", "demo", "--out", str(home)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "another size" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_holds_both_runs_and_asks_nothing_of_the_network(home):
    page = (home / "report" / "index.html").read_text()
    for name in RUNS:
        assert f"<bdi>{name}</bdi>" in page
    assert "<script src" not in page
    assert "default-src 'none'" in page


BLOCKED = """
import sys
for name in ("tensorflow", "tensorflow_text", "seqio", "seqio_tasks"):
    sys.modules[name] = None
from jaxmlda.verbs import {verb}
from jaxmlda.verbs.command import main
main({verb}.run, sys.argv[1:])
"""


def without_tensorflow(verb, *words):
    """Runs a verb in a process that cannot import TensorFlow or SeqIO."""
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", BLOCKED.format(verb=verb), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_train_probe_and_report_work_where_tensorflow_cannot_be_imported(home, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "rows").symlink_to(home / "native" / "rows")
    target = home / "target"
    words = [
        "demo/native",
        f"--output={run}",
        f"--corpus={target}",
        f"--trial={target / 'trial.parquet'}",
        f"--vocabulary={home / 'vocabulary.model'}",
        f"--init={{from: run, path: {home / 'base'}}}",
        f"--probe.questions=[{home / 'questions'}]",
        "--rows.total_tokens=40960",
        "--training.steps=2",
    ]
    trained = without_tensorflow("train", *words)
    assert trained.returncode == 0, trained.stderr[-2000:]
    probed = without_tensorflow(
        "probe", "--model", str(run), "--questions", str(home / "questions"), "--out", str(tmp_path / "disk")
    )
    assert probed.returncode == 0, probed.stderr[-2000:]
    reported = without_tensorflow("report", str(run), "--out", str(tmp_path / "page"), "--draws", "200")
    assert reported.returncode == 0, reported.stderr[-2000:]
    assert (tmp_path / "page" / "index.html").exists()


def control_changes(home):
    """Change of every control question from the first to the last step, and its document."""
    scores = dynamics.load(home / "native")
    arms = Trial.read(home / "target" / "trial.parquet").arms
    asked = (scores.labels["language"] == "en") & (scores.labels["form"] == "mem")
    document = scores.labels["document"]
    control = np.flatnonzero(asked & np.array([arms[name] == "none" for name in document]))
    credit = scores.values["token"][:, control]
    return credit[-1] - credit[0], document[control]


def test_halves_of_the_control_group_differ_significantly_in_2_to_9_percent(home):
    change, document = control_changes(home)
    names = np.array(sorted(set(document.tolist())))
    rng = np.random.default_rng(7)
    claims = 0
    for _ in range(200):
        first = set(rng.permutation(names)[: len(names) // 2].tolist())
        half = np.array([name in first for name in document])
        means = [cluster_means(change[None, side], document[side], rng, 2_000).draws for side in (half, ~half)]
        low, high = interval(means[0] - means[1])
        claims += bool(low[0] > 0 or high[0] < 0)
    assert 0.02 * 200 <= claims <= 0.09 * 200


def test_shuffled_gold_labels_give_chance(home):
    scores = dynamics.load(home / "native")
    rng = np.random.default_rng(0)
    gold = np.stack([rng.permuted(scores.gold, axis=1) for _ in range(100)])
    accuracy = np.mean([credit(scores.options[-1], labels) for labels in gold])
    assert abs(accuracy - 0.25) < 4 * (0.25 * 0.75 / gold[..., 0].size) ** 0.5
