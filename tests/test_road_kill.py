"""Killed at any moment, the demo goes on where it was and ends with the very same tables."""

import os
import random
import signal
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from demo_case import demo

pytestmark = pytest.mark.slow


def tables(folder):
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("scores/step_*/*.parquet"))}


# What must be there before each kill: half-way through training, through probing in the loop, through the sweep.
MOMENTS = ("base/resume", "native/scores/step_00000002", "native-from-disk/scores/step_00000002")


def killed(folder, sign, delay, whole_group):
    """Starts the demo, and kills it without warning a moment after a sign of its progress; True if it was at work."""
    words = [sys.executable, "-m", "jaxmlda", "demo", "--size", "smallest", "--out", str(folder)]
    child = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (folder / sign).exists() and waited(child, 0.1):
        pass
    at_work = waited(child, delay)
    if at_work and whole_group:
        os.killpg(child.pid, signal.SIGKILL)
    elif at_work:
        child.kill()
    child.wait()
    return at_work


def waited(child, seconds):
    """Waits for a process that may end meanwhile; True if it has not."""
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def test_three_kills_at_random_moments_leave_the_tables_as_they_would_have_been(tmp_path):
    demo(tmp_path / "undisturbed")
    delays = random.Random(20)
    disturbed = tmp_path / "disturbed"
    for number, sign in enumerate(MOMENTS):
        # The first kill leaves the child of the demo at work: the next call must wait for it, not fight it.
        assert killed(disturbed, sign, delays.uniform(0, 0.8), whole_group=number > 0), sign
    demo(disturbed)
    wanted, found = tables(tmp_path / "undisturbed"), tables(disturbed)
    assert wanted.keys() == found.keys()
    assert len(wanted) > 40
    for name in wanted:
        assert pq.read_table(wanted[name]).equals(pq.read_table(found[name])), name
