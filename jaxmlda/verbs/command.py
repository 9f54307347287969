"""What all verbs share: reading the command line, printing the configuration, and errors for people."""

import argparse
import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import jaxmlda
from jaxmlda.config import Run, describe, dump, find, load, with_overrides
from jaxmlda.errors import Interrupted, UserError
from jaxmlda.storage import digest, file_digest

FAULT = 1
LOG_FORMAT = "%(levelname)s %(name)s: %(message)s"
# As the libraries beneath say it, which do not all raise an OSError.
FULL = ("No space left on device", "Disk quota exceeded", "File too large")


def parser(verb: str, purpose: str, epilogue: str = "") -> argparse.ArgumentParser:
    """An argument parser with the options that every verb has."""
    made = argparse.ArgumentParser(
        prog=f"jaxmlda {verb}",
        description=purpose,
        epilog=epilogue,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return made


def run_file_parser(verb: str, purpose: str) -> argparse.ArgumentParser:
    """The parser of a verb whose CONFIG is a run file."""
    rows = [f"  --{name}={default}\n        {meaning}" for name, default, meaning in describe(Run)]
    made = parser(verb, purpose, "settings of the run file, with their defaults:\n" + "\n".join(rows))
    made.add_argument("config", metavar="CONFIG", help="a run file, or the name of one in configs/runs")
    made.add_argument("--print-config", action="store_true", help="print the configuration as it would run, and stop")
    return made


def read_run(made: argparse.ArgumentParser, words: list[str]) -> tuple[argparse.Namespace, Run]:
    """The arguments and the run: the file with the overrides laid over it."""
    arguments, rest = made.parse_known_args(words)
    return arguments, load(Run, find(arguments.config, "runs"), with_overrides(rest))


def print_config(run: Run) -> int:
    """Prints the run as YAML."""
    sys.stdout.write(dump(run))
    return 0


def main(verb: Callable[[list[str]], int], words: list[str] | None = None) -> None:
    """Runs a verb and leaves with its status; a fault becomes one line unless --debug is given."""
    words = sys.argv[1:] if words is None else words
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT)
    own = logging.getLogger("jaxmlda")
    own.setLevel(logging.INFO)
    # A handler of our own: some libraries replace that of everybody when they are imported.
    own.addHandler(logging.StreamHandler())
    own.handlers[-1].setFormatter(logging.Formatter(LOG_FORMAT))
    own.propagate = False
    if "--debug" not in words:
        # The libraries log the tracebacks of errors that they raise again, which end in one line here.
        logging.getLogger("absl").setLevel(logging.CRITICAL)
    # Asked politely to end, a verb leaves as by Ctrl-C; the training loop has handlers of its own.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = verb(words)
    except BaseException as error:  # every way out of a verb ends in one line and a status
        status = _report(error, debug="--debug" in words)
    sys.stdout.flush()
    sys.stderr.flush()
    if status == Interrupted.exit_code:
        # A compiler thread may still be at work, and would crash while the interpreter is taken down.
        os._exit(status)
    sys.exit(status)


def _report(error: BaseException, debug: bool) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAULT
    if debug:
        traceback.print_exception(error)
    line, status = _line(error)
    sys.stderr.write(f"jaxmlda: {line}\n")
    return status


def _line(error: BaseException) -> tuple[str, int]:
    if isinstance(error, Interrupted):
        return f"{error}", Interrupted.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; the same command does what is not finished yet", Interrupted.exit_code
    if isinstance(error, UserError):
        return f"{error}", FAULT
    if any(sign in str(error) for sign in FULL):
        named = re.search(r"(?<![\w.])(/[^\s\"';,]+)", str(error))
        place = f" ({named.group(1)})" if named else ""
        return f"the disk is full{place}; free space, or choose another folder; what was finished stays", FAULT
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return (
            "too little memory; lower training.batch_size or rows.sequence_length, or use a machine with more",
            FAULT,
        )
    if isinstance(error, OSError):
        return (
            f"{error.filename or 'a file'}: {error.strerror or error}; choose a folder that can be written",
            FAULT,
        )
    kind = type(error).__name__
    return f"{kind}: {error} (this is a fault of jaxmlda; --debug shows where)", FAULT


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def code_digest() -> str:
    """Digest of every source file of the package."""
    home = Path(jaxmlda.__file__).parent
    return digest([(str(path.relative_to(home)), file_digest(path)) for path in sorted(home.rglob("*.py"))])


def environment() -> dict[str, Any]:
    """Versions of Python and of the libraries that decide numbers."""
    names = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "sentencepiece", "tokenizers")
    return {"python": sys.version.split()[0]} | {name: metadata.version(name) for name in names}
