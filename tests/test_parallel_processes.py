"""Two processes, a device each, train what one process trains; a stop that one is asked for is a stop of both."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import training_case as case
import yaml

from jaxmlda.errors import Interrupted
from jaxmlda.training.checkpoints import read_meta

PROGRAM = Path(case.__file__)
STEPS = 6


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def folder(home, processes):
    """The run file of a folder that is ready to train over so many devices."""
    path = case.write_folder(home, steps=STEPS)
    run = yaml.safe_load(path.read_text()) | {"mesh": {"fsdp": processes}}
    path.write_text(yaml.safe_dump(run))
    return path


def together(run_file, *words):
    """The exit statuses of two processes of one group; the words go to the second."""
    port, begun = free_port(), []
    for process in range(2):
        told = {"COORDINATOR": f"localhost:{port}", "PROCESSES": "2", "PROCESS": str(process)}
        environment = os.environ | {f"JAXMLDA_{name}": value for name, value in told.items()} | {"JAX_PLATFORMS": "cpu"}
        own = words if process else ()
        begun.append(subprocess.Popen([sys.executable, PROGRAM, run_file, *own], env=environment))
    return [one.wait() for one in begun]


def metrics(home):
    return [json.loads(line) for line in (home / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_stop_together_go_on_together_and_learn_what_one_does(tmp_path):
    alone = subprocess.run([sys.executable, PROGRAM, folder(tmp_path / "one", 1)], check=False)
    run_file = folder(tmp_path / "two", 2)
    stopped = together(run_file, "SIGTERM", "3")
    reached = len(metrics(tmp_path / "two"))
    assert (alone.returncode, stopped) == (0, [Interrupted.exit_code] * 2)
    assert 0 < reached < STEPS
    assert together(run_file) == [0, 0]
    one, two = (metrics(tmp_path / name) for name in ("one", "two"))
    assert [line["step"] for line in two] == list(range(1, STEPS + 1))
    for name in ("loss", "gradient_norm"):
        np.testing.assert_allclose([line[name] for line in two], [line[name] for line in one], rtol=1e-5)
    assert read_meta(tmp_path / "two" / "checkpoints" / str(STEPS))["step"] == STEPS
