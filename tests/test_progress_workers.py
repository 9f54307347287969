"""Worker processes end with the process that began them, however it ends."""

import os
import select
import signal
import subprocess
import sys

PARENT = """
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from threading import Event

from jaxmlda.progress import workers


def work(pipe):
    with open(pipe, "wb", buffering=0) as stream:
        stream.write(b"x")
        Event().wait()


if __name__ == "__main__":
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=workers.begin) as pool:
        pool.submit(work, sys.argv[1]).result()
"""


def test_a_worker_whose_parent_is_killed_ends_in_the_middle_of_its_work(tmp_path):
    pipe, script = tmp_path / "pipe", tmp_path / "parent.py"
    os.mkfifo(pipe)
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script), str(pipe)])
    with pipe.open("rb", buffering=0) as stream:
        assert stream.read(1) == b"x"
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        readable, _, _ = select.select([stream], [], [], 60)
        assert readable, "the worker still holds its end of the pipe"
        assert stream.read(1) == b""
