"""One process at a time in a folder: a second is told who holds it, and a holder that dies holds nothing."""

import fcntl
import os
import subprocess
import sys

import pytest

from jaxmlda.errors import UserError
from jaxmlda.storage import lock

HOLD = """
import sys
from jaxmlda.storage import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path):
    """A folder, and another process that holds it."""
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        yield tmp_path, holder
        holder.kill()


def waiting(**rest):
    """A child that has begun, and waits for the end of its input."""
    words = [sys.executable, "-c", "print('begun', flush=True)\nimport sys\nsys.stdin.read()"]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **rest)
    assert child.stdout.readline() == "begun\n"
    return child


def test_a_second_holder_is_refused_and_told_which_process_holds_the_folder(held):
    folder, holder = held
    with pytest.raises(UserError, match=rf"{folder}: process {holder.pid} is at work"), lock(folder):
        pytest.fail("two processes hold one folder")


def test_the_lock_goes_when_its_holder_is_killed(held):
    folder, holder = held
    holder.kill()
    holder.wait()
    with lock(folder):
        assert (folder / ".lock").read_text() == f"{os.getpid()}\n"


def test_who_waits_says_for_whom_and_goes_on_when_the_holder_ends(held, monkeypatch, caplog):
    folder, holder = held
    take = fcntl.flock

    def end_the_holder_after_a_refusal(stream, how):
        try:
            take(stream, how)
        except BlockingIOError:
            holder.stdin.close()
            raise

    monkeypatch.setattr(fcntl, "flock", end_the_holder_after_a_refusal)
    with lock(folder, wait=True):
        assert (folder / ".lock").read_text() == f"{os.getpid()}\n"
    assert f"{folder}: work begun by process {holder.pid} is still going on" in caplog.text


def test_the_lock_goes_when_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), lock(tmp_path / "new"):
        raise ZeroDivisionError
    with lock(tmp_path / "new"):
        assert (tmp_path / "new" / ".lock").exists()


def test_two_folders_are_held_apart(tmp_path):
    with lock(tmp_path / "a"), lock(tmp_path / "b"):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("inherit", [True, False])
def test_a_child_holds_the_folder_after_its_parent_only_if_it_inherits(tmp_path, inherit):
    with lock(tmp_path, inherit=inherit):
        child = waiting(close_fds=False)
    try:
        if inherit:
            with pytest.raises(UserError, match="is at work"), lock(tmp_path):
                pytest.fail("the child still holds the folder")
        else:
            with lock(tmp_path):
                assert child.poll() is None
    finally:
        child.communicate()
    with lock(tmp_path):
        assert child.returncode is not None


def test_a_bucket_has_no_locks():
    with lock("gs://bucket/run"), lock("gs://bucket/run"):
        assert not os.path.exists("gs:")
