"""The smallest demo, run once for every test that looks at it: the real verbs in processes of their own."""

import subprocess
import sys
from pathlib import Path


def demo(folder: Path, *words: str) -> str:
    """Runs the smallest demo into a folder; gives what it printed on standard output."""
    command = [sys.executable, "-m", "jaxmlda", "demo", "--size", "smallest", "--out", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
