"""Tokens a second from documents to rows, beside SeqIO, the bare tokenizer and Grain: same text, same run, two cores.

Run: `python -m benchmarks.prepare --megabytes 200`. Prints Markdown for benchmarks/prepare.md. Every measurement is a
process of its own; the clock of the verb starts with its call, so its own workers' imports count.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import yaml

from benchmarks.prepare_peers import (
    CORES,
    LENGTH,
    Found,
    bare,
    clocked,
    grain_packing,
    our_task,
    packed_task,
    plain_task,
)
from jaxmlda.config import Run
from jaxmlda.corpus import Corpus, Document, embedded, write
from jaxmlda.rows import Rows
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.streams import bind
from jaxmlda.world import World

PIECES = 8000
LANGUAGES = ("en", "ja")
RECIPE = {
    "name": "benchmark",
    "native_languages": list(LANGUAGES),
    "phases": [
        {
            "name": "all",
            "streams": [
                {"name": "native", "kind": "native", "languages": list(LANGUAGES), "arms": ["outside"], "epochs": 1}
            ],
        }
    ],
}


def texts_of(documents: Iterator[Document]) -> Iterator[str]:
    """The texts of the stream."""
    make = bind("native", LANGUAGES, {})
    return (str(text) for document in documents for text in make(document))


def make(home: Path, megabytes: int) -> None:
    """A corpus of the embedded world with so many bytes of text, its vocabulary, its lines of text, and the run."""
    if (home / "lines.txt").exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    sample = list(embedded.documents(World(documents=500)))
    size = sum(len(text.encode()) for text in texts_of(iter(sample))) / len(sample)
    world = World(documents=int(megabytes * 1e6 / size))
    write(embedded.documents(world), home / "corpus", {})
    vocabularies.train(texts_of(iter(sample)), PIECES, home / "vocabulary.model")
    (home / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    corpus = Corpus(home / "corpus")
    blocks = corpus.blocks(0, len(corpus))
    with (home / "lines.part").open("w") as lines:
        # A line file knows no line feeds within a text.
        lines.writelines(text.replace("\n", " ") + "\n" for text in texts_of(one for block in blocks for one in block))
    (home / "lines.part").rename(home / "lines.txt")


def run_of(home: Path, packing: str) -> Run:
    """The run whose rows are prepared."""
    return Run(
        name="benchmark",
        corpus=str(home / "corpus"),
        vocabulary=str(home / "vocabulary.model"),
        recipe=str(home / "recipe.yaml"),
        rows={"sequence_length": LENGTH, "packing": packing, "attention": "across"},
        output=tempfile.mkdtemp(prefix=f"{packing}-", dir=home),
    )


def prepared(home: Path, packing: str) -> Found:
    """The whole verb, and of it the tokenising."""
    from jaxmlda.verbs import prepare as verb

    parts, tokenise = [], verb.tokenise_all
    verb.tokenise_all = lambda jobs: parts.append(clocked(lambda: tokenise(jobs))[0])
    run = run_of(home, packing)
    spent, meta = clocked(lambda: verb.prepare(run))
    return spent | {
        "tokens": meta["tokens"],
        "tokenising": parts[0],
        "filled": meta["tokens"] / (meta["rows"] * LENGTH),
        "rows": run.output + "/rows",
    }


def reading(home: Path, folder: str) -> Found:
    """Milliseconds to fetch 32 rows one batch after the other, to open and jump to any batch, and for one row."""
    del home
    rows = Rows(folder)
    batches = len(rows) // 32
    places = np.random.default_rng(0).integers(batches, size=50).tolist()
    rows.batch(0, 32)
    return {
        "batch": _median(lambda number: rows.batch(number % batches * 32, 32)),
        "jump": _median(lambda number: Rows(folder).batch(places[number] * 32, 32)),
        "row": _median(lambda number: rows[places[number] * 32]),
    }


def _median(function: Callable[[int], object]) -> float:
    spent = [clocked(lambda number=number: function(number))[0]["seconds"] for number in range(50)]
    return 1000 * statistics.median(spent)


MEASURED: dict[str, Callable[..., Found]] = {
    "prepare": prepared,
    "our_task": our_task,
    "plain_task": plain_task,
    "packed_task": packed_task,
    "bare": bare,
    "grain": grain_packing,
    "reading": reading,
}


def measure(home: Path, name: str, *rest: str) -> Found:
    """One measurement in a process of its own, on two cores; with the peak memory of it and of its children."""
    words = [sys.executable, "-m", "benchmarks.prepare", "--home", str(home), "--only", name, *rest]
    said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(said.splitlines()[-1])


def only(home: Path, words: list[str]) -> None:
    """The child's side of `measure`."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    name, *rest = words
    found = MEASURED[name](home, *rest)
    found |= {
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "children": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6,
    }
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def machine(megabytes: int) -> str:
    """Where and of what the figures are."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return f"{platform.machine()}, {CORES} cores, {megabytes} MB of text, commit {said.stdout.strip()}"


def report(home: Path, megabytes: int) -> str:
    """All measurements as Markdown."""
    cut, whole = (measure(home, "prepare", packing) for packing in ("cut", "whole"))
    rows = {
        "`jaxmlda prepare`, whole verb, `cut`": cut,
        "of it tokenising, two processes": {"tokens": cut["tokens"]} | cut["tokenising"],
        "of it layout, ledger, rows": {"tokens": cut["tokens"]}
        | {name: cut[name] - cut["tokenising"][name] for name in ("seconds", "cpu")},
        "`jaxmlda prepare`, whole verb, `whole`": whole,
        "this Task, one process": measure(home, "our_task"),
        "plain SeqIO Task, one process": measure(home, "plain_task"),
        "plain SeqIO Task, packed by SeqIO": measure(home, "packed_task"),
        "SentencePiece alone, two threads": measure(home, "bare"),
        "Grain, first-fit packing alone": measure(home, "grain"),
    }
    lines = [machine(megabytes), "", "| | M tokens/s | CPU µs a token | slots filled | peak GB (and of a worker) |"]
    lines.append("|---|---|---|---|---|")
    for name, found in rows.items():
        filled = f"{100 * found['filled']:.2f} %" if "filled" in found else ""
        kept = ("memory", "children") if "tokenising" in found else ("memory",)
        memory = ", ".join(f"{found[key]:.2f}" for key in kept if key in found)
        speed = f"{found['tokens'] / found['seconds'] / 1e6:.2f} | {found['cpu'] / found['tokens'] * 1e6:.2f}"
        lines.append(f"| {name} | {speed} | {filled} | {memory} |")
    speeds = [found["tokens"] / found["seconds"] for found in rows.values()]
    verb, task, plain = (speeds[number] for number in (0, 4, 5))
    lines += [
        "",
        f"`prepare` is {verb / task:.2f} x this Task in one process, {verb / plain:.2f} x the plain Task.",
        "",
    ]
    read = measure(home, "reading", cut["rows"])
    lines += [
        f"A batch of 32 rows of {LENGTH}: {read['batch']:.1f} ms; opening and jumping to any: {read['jump']:.1f} ms; "
        f"`rows[r]` with its ledger: {read['row']:.1f} ms (medians of 50)."
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=200, help="bytes of text, in millions")
    parser.add_argument("--home", type=Path, help="folder that keeps the corpus; default: one in the system's own")
    parser.add_argument("--only", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    home = given.home or Path(tempfile.gettempdir()) / f"jaxmlda-benchmark-{given.megabytes}"
    if given.only:
        only(home, given.only)
        return
    make(home, given.megabytes)
    sys.stdout.write(report(home, given.megabytes))


if __name__ == "__main__":
    main()
