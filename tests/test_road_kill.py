"""Killed at any moment, the demo goes on where it was and ends with the very same tables."""

import os
import random
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
from demo_case import demo

pytestmark = pytest.mark.slow
KILLS = 3


def tables(folder):
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("scores/step_*/*.parquet"))}


def killed(folder, seconds, whole_group):
    """Starts the demo, kills it without warning after a while; True if there was something left to kill."""
    words = [sys.executable, "-m", "jaxmlda", "demo", "--size", "smallest", "--out", str(folder)]
    child = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        if whole_group:
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.wait()
        return True
    return False


def test_three_kills_at_random_moments_leave_the_tables_as_they_would_have_been(tmp_path):
    begin = time.monotonic()
    demo(tmp_path / "undisturbed")
    whole = time.monotonic() - begin
    moments = random.Random(20)
    disturbed = tmp_path / "disturbed"
    for number in range(KILLS):
        # The first kill leaves the child of the demo at work: the next call must wait for it, not fight it.
        assert killed(disturbed, moments.uniform(0.05, 0.3) * whole, whole_group=number > 0)
    demo(disturbed)
    wanted, found = tables(tmp_path / "undisturbed"), tables(disturbed)
    assert wanted.keys() == found.keys()
    assert len(wanted) > 40
    for name in wanted:
        assert pq.read_table(wanted[name]).equals(pq.read_table(found[name])), name
