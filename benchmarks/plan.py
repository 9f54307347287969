"""What `jaxmlda plan` says of llm-jp-3-13b on TPU slices: memory, collectives, compile time, floors.

Run: `python -m benchmarks.plan` where libtpu can be imported. Prints Markdown for benchmarks/plan.md; a slice takes
about a minute on two idle cores.
"""

import json
import os
import platform
import subprocess
import sys
from typing import Any

import jax

RUN = "published/bilingual"
SETTINGS = ("--model=llm-jp-3-13b", "--training.attention=splash")


CASES = (
    ("v5p-32", 32, "bfloat16"),
    ("v5p-32", 32, "float32"),
    ("v4-64", 32, "bfloat16"),
    ("v5litepod-64", 64, "bfloat16"),
    ("v5litepod-16", 16, "bfloat16"),
    ("v5litepod-8", 8, "bfloat16"),
    ("v6e-64", 128, "bfloat16"),
)
PARTS = ("parameters", "optimizer", "activations", "temporaries", "scoring")
HEAD = (
    "topology",
    "batch",
    "stored in",
    "GiB a chip",
    *PARTS,
    "compile s",
    "collectives (GiB)",
    "floors s: compute, memory, network",
    "tokens/s",
)


def plan(topology: str, batch: int, stored: str) -> dict[str, Any]:
    """The figures of the verb, in a process of its own."""
    words = ["plan", RUN, "--topology", topology, "--json", *SETTINGS]
    words += [f"--training.batch_size={batch}", f"--training.precision.parameters={stored}"]
    done = subprocess.run([sys.executable, "-m", "jaxmlda", *words], capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def row(topology: str, batch: int, stored: str, told: dict[str, Any]) -> str:
    """A line of the table."""
    if not told["fits"]:
        said = told["compiler"]
        cells = ["does not fit", *["-"] * len(PARTS), told["compile_seconds"], "-", "-", said]
    else:
        cells = [
            told["peak_gib_per_chip"],
            *(f"{told['parts_gib'].get(name, 0):.2f}" for name in PARTS),
            told["compile_seconds"],
            ", ".join(f"{kind} {one['count']:,} ({one['gib']})" for kind, one in told["collectives"].items()),
            ", ".join(f"{value:.2f}" for value in told["floors"].values()),
            " to ".join(f"{value:,}" for value in told["tokens_per_second"]),
        ]
    return f"| {' | '.join(map(str, (topology, batch, stored, *cells)))} |"


def machine() -> str:
    """Hardware, versions and commit."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return f"{platform.machine()}, {os.cpu_count()} cores, jax {jax.__version__}, commit {said.stdout.strip()}"


def main() -> None:
    """Prints the table, a line as soon as it is known."""
    print(f"{machine()}\n\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for case in CASES:
        print(row(*case, plan(*case)), flush=True)


if __name__ == "__main__":
    main()
