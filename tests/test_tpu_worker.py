"""What the TPU scripts start on a worker: files swapped whole, one environment, runs that tell how they ended."""

import os
from pathlib import Path

import pytest
from tpu_case import Desk, Ended, program


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_parcel_that_is_broken_leaves_the_files_of_before(desk):
    source, parcel = desk.home / "jaxmlda/source", desk.home / "jaxmlda-parcel"
    source.mkdir(parents=True)
    parcel.mkdir()
    (source / "old.txt").write_text("old")
    (parcel / "GIT_SHA").write_text("0123abc\n")
    (parcel / "source.tgz").write_bytes(b"torn")
    assert desk.worker("unpack").returncode != 0
    assert {path.name: path.read_bytes() for path in source.iterdir()} == {"old.txt": b"old"}


def prepared(desk: Desk) -> Path:
    """A worker with sources and a system Python that makes what setup asks for; returns the list of its calls."""
    source, told = desk.home / "jaxmlda/source", desk.home / "told"
    (source / "jaxmlda").mkdir(parents=True)
    for name in ("setup.py", "constraints.txt", "jaxmlda/__init__.py"):
        (source / name).write_text(name)
    note = 'printf "%s\\n" "${0##*/} $*" >>"$HOME/told"\n'
    python = f"#!/bin/bash\n{note}"
    venv = f'#!/bin/bash\n{note}mkdir -p "${{@: -1}}/bin"; cp "$HOME/python" "${{@: -1}}/bin/python"\n'
    program(desk.home / "python", python)
    program(desk.home / "uv", venv)
    program(desk.bin / "python3", f'{python}mkdir -p "$HOME/jaxmlda/uv/bin"; cp "$HOME/uv" "$HOME/jaxmlda/uv/bin/uv"\n')
    return told


def test_setup_installs_once_and_again_when_the_requirements_change(desk):
    told = prepared(desk)
    assert desk.worker("setup").returncode == 0
    place = desk.home / "jaxmlda"
    assert told.read_text().splitlines() == [
        f"python3 -m pip install --quiet --upgrade --target={place}/uv uv",
        f"uv venv --quiet --clear --seed --python=3.11 {place}/venv",
        "python -m pip install --quiet -c constraints.txt -e .[tpu]",
    ]
    assert "set up already" in desk.worker("setup").stdout
    assert len(told.read_text().splitlines()) == 3
    (place / "source/constraints.txt").write_text("other")
    assert desk.worker("setup").returncode == 0
    assert len(told.read_text().splitlines()) == 6


def test_a_setup_that_failed_is_done_again(desk):
    told = prepared(desk)
    program(desk.home / "python", "#!/bin/bash\nexit 3\n")
    assert desk.worker("setup").returncode == 3
    program(desk.home / "python", "#!/bin/bash\nexit 0\n")
    assert desk.worker("setup").returncode == 0
    assert len(told.read_text().splitlines()) == 4


def test_a_run_cannot_start_before_setup(desk):
    done = desk.worker("start", "one", "demo/native")
    assert done.returncode == 1
    assert "run setup.sh first" in done.stderr


def test_a_run_leaves_its_log_and_exit_status_and_can_be_started_again(desk):
    desk.furnish('#!/bin/bash\nprintf "a step\\n"\nexit 7\n')
    run = desk.home / "jaxmlda/runs/one"
    for _ in range(2):
        with Ended() as ended:
            assert "run one started" in desk.worker("start", "one", "x.yaml", pass_fds=[ended.inherited]).stdout
            ended.wait()
        assert (run / "exit").read_text() == "7\n"
    assert (run / "log").read_text() == "jaxmlda 0123abc: train x.yaml\na step\n" * 2


def test_a_run_that_is_alive_is_left_alone_and_ends_with_its_process_group(desk):
    os.mkfifo(desk.home / "ready")
    desk.furnish('#!/bin/bash\ntrap "exit 75" TERM\necho >"$HOME/ready"\nread -r _ <"$HOME/never"\n')
    os.mkfifo(desk.home / "never")
    run = desk.home / "jaxmlda/runs/one"
    with Ended() as ended:
        assert desk.worker("start", "one", "x.yaml", pass_fds=[ended.inherited]).returncode == 0
        assert (desk.home / "ready").read_text() == "\n"
        group = int((run / "pgid").read_text())
        assert os.getsid(group) == group
        again = desk.worker("start", "one", "x.yaml")
        assert (again.returncode, f"process group {group}: left alone" in again.stdout) == (0, True)
        os.killpg(group, 15)
        ended.wait()
    assert (run / "exit").read_text() == "75\n"
    assert int((run / "pgid").read_text()) == group
