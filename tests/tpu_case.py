"""Stand-ins for the tests of the TPU scripts: a settings file, and a PATH whose gcloud and sleep note their words.

The stand-in for gcloud prints its words as JSON; `describe` tells the next of the states that a test has laid out,
`scp` copies into a folder that plays the home of a worker, and `ssh` runs its command there.
"""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SETTINGS = {
    "PROJECT": "my-project",
    "ZONE": "us-central2-b",
    "TPU_NAME": "study",
    "ACCELERATOR": "v4-8",
    "RUNTIME": "",
    "BUCKET": "gs://my-bucket/studies",
    "SPOT": "no",
}
GCLOUD = f"""#!{sys.executable} -S
import json, os, subprocess, sys
words, home = sys.argv[1:], os.environ["WORKER_HOME"]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(words) + "\\n")
if words[3] == "describe":
    with open(os.environ["STATES"]) as stream:
        first, *others = json.load(stream)
    with open(os.environ["STATES"], "w") as stream:
        json.dump(others, stream)
    if first.startswith("ERROR"):
        sys.exit(first)
    print(first)
    sys.exit()
print(json.dumps(words))
if words[3] == "scp":
    sys.exit(subprocess.call(["cp", "-r", words[4], home]))
if words[3] == "ssh":
    command = words[-1].removeprefix("--command=")
    sys.exit(subprocess.call(["sh", "-c", command], cwd=home, env=os.environ | {{"HOME": home}}, close_fds=False))
"""
SLEEP = '#!/bin/sh\necho "$1" >>"$PAUSES"\n'
# Stands where the environment's Python would: keeps the words that it was given, then does what a test laid out.
PYTHON = '#!/bin/bash\nprintf "%s\\0" "$@" >"$HOME/words"\nprintf "learning\\n"\n'


class Desk:
    """A folder from which scripts are started, and a worker's home."""

    def __init__(self, folder: Path, scripts: Path = REPOSITORY / "tpu_scripts") -> None:
        self.folder, self.scripts = folder / "desk", scripts
        self.home, self.bin, self.env_file = folder / "home of a worker", folder / "bin", folder / "my settings"
        for place in (self.folder, self.home, self.bin):
            place.mkdir()
        self.environment = os.environ | {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "CALLS": str(folder / "calls"),
            "STATES": str(folder / "states"),
            "PAUSES": str(folder / "pauses"),
            "WORKER_HOME": str(self.home),
            "LC_ALL": "C",
        }
        program(self.bin / "gcloud", GCLOUD)
        program(self.bin / "sleep", SLEEP)
        self.settings()
        self.expect()

    def settings(self, **changed: str | None) -> None:
        """Writes the settings file; None leaves a setting out."""
        values = {name: value for name, value in (SETTINGS | changed).items() if value is not None}
        self.env_file.write_text("# settings\n\n" + "".join(f"{name}={value}\n" for name, value in values.items()))

    def expect(self, *states: str) -> None:
        """What the next calls of `describe` will tell."""
        Path(self.environment["STATES"]).write_text(json.dumps(states))

    def run(self, script: str, *words: str, **more) -> subprocess.CompletedProcess[str]:
        """Runs a script with this desk's settings."""
        command = ["bash", str(self.scripts / script), f"--env={self.env_file}", *words]
        environment = self.environment
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, **more
        )

    def shell(self, line: str) -> str:
        """What a printed line writes when a shell runs it."""
        return subprocess.run(
            ["sh", "-c", line], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True
        ).stdout

    def worker(self, *words: str, **more) -> subprocess.CompletedProcess[str]:
        """Runs a worker's script in the worker's home."""
        command = ["bash", str(self.scripts / "worker.sh"), *words]
        environment = self.environment | {"HOME": str(self.home)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **more)

    def furnish(self, python: str = PYTHON) -> None:
        """What sync.sh and setup.sh leave on a worker, with a stand-in for Python."""
        source = self.home / "jaxmlda/source"
        (source / "tpu_scripts").mkdir(parents=True)
        (source / "tpu_scripts/worker.sh").write_bytes((self.scripts / "worker.sh").read_bytes())
        (source / "GIT_SHA").write_text("0123abc\n")
        (self.home / "jaxmlda/venv/bin").mkdir(parents=True)
        program(self.home / "jaxmlda/venv/bin/python", python)

    def calls(self) -> list[list[str]]:
        """The words of every call of gcloud."""
        path = Path(self.environment["CALLS"])
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def pauses(self) -> list[int]:
        """The seconds of every call of sleep."""
        path = Path(self.environment["PAUSES"])
        return [int(line) for line in path.read_text().split()] if path.exists() else []


def program(path: Path, text: str) -> None:
    """Writes an executable file."""
    path.write_text(text)
    path.chmod(0o755)


class Ended:
    """A pipe whose other end all processes that inherit it hold: it is at its end when the last of them is."""

    def __enter__(self) -> "Ended":
        self.read, self.inherited = os.pipe()
        return self

    def wait(self) -> None:
        """Returns when no process is left; half a minute without an end is a failure."""
        os.close(self.inherited)
        self.inherited = None
        assert select.select([self.read], [], [], 30)[0], "a process that should have ended is still there"
        assert os.read(self.read, 1) == b""

    def __exit__(self, *_) -> None:
        os.close(self.read)
        if self.inherited is not None:
            os.close(self.inherited)
