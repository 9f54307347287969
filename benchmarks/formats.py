"""Every format's reader against damaged files: 1,000 of each, damaged by seed, so that every run has the same ones.

Run: `python -m benchmarks.formats [NUMBER]` from the top of the checkout; writes benchmarks/formats.md.
"""

import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

from jaxmlda.corpus.formats import READERS
from jaxmlda.progress import bar
from jaxmlda.storage import write_text

HERE = Path(__file__).resolve().parent
INPUTS, AT_ONCE = 1000, 50
COUNTS = ("records", "read", "merged", "superseded", "filtered", "quarantined")
HEAD = ("format", "inputs", *COUNTS, "refused whole", "uncaught errors")


class Result(NamedTuple):
    """What came of some damaged files of a format."""

    format: str
    inputs: int
    counts: Counter
    reasons: Counter
    mutations: Counter
    refused: int
    problems: list[str]


def sweep(format: str, start: int, stop: int) -> Result:
    """Damaged files number `start` to `stop` of a format; anything raised that is not for people is a problem."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from mutations_case import outcome

    result = Result(format, stop - start, Counter(), Counter(), Counter(), 0, [])
    for number in range(start, stop):
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = outcome(format, number, Path(folder))
            except Exception as error:  # the sweep is there to count whatever is raised
                result.problems.append(f"{format} {number}: {type(error).__name__}: {error}")
                continue
        result.problems.extend(f"{format} {number} {found.mutations}: {problem}" for problem in found.problems)
        result.mutations.update(found.mutations)
        result.reasons.update(found.counts.get("reasons", {}))
        result.counts.update({name: value for name, value in found.counts.items() if isinstance(value, int)})
        result = result._replace(refused=result.refused + bool(found.refused))
    return result


def total(results: list[Result]) -> Result:
    """The results of one format, added up."""
    added = Result(results[0].format, 0, Counter(), Counter(), Counter(), 0, [])
    for one in results:
        added = Result(added.format, *(mine + other for mine, other in zip(added[1:], one[1:], strict=True)))
    return added


def results(inputs: int) -> list[Result]:
    """The sweep over all formats, in processes of their own: one that crashes is an uncaught error too."""
    found: dict[str, list[Result]] = {format: [] for format in sorted(READERS)}
    pieces = [(name, start, min(start + AT_ONCE, inputs)) for name in found for start in range(0, inputs, AT_ONCE)]
    with ProcessPoolExecutor(2) as pool, bar(total=len(pieces) * AT_ONCE, label="damaged files", unit="file") as done:
        waiting = [(piece, pool.submit(sweep, *piece)) for piece in pieces]
        for (name, start, stop), future in waiting:
            try:
                found[name].append(future.result())
            except BrokenProcessPool as error:
                problem = f"{name} {start} to {stop}: {error}"
                found[name].append(Result(name, stop - start, Counter(), Counter(), Counter(), 0, [problem]))
            done.update(stop - start)
    return [total(of_one) for of_one in found.values()]


def row(result: Result) -> str:
    """A format as a row of the table."""
    counts = [result.counts[name] for name in COUNTS]
    cells = [f"`{result.format}`", *(f"{n:,}" for n in (result.inputs, *counts, result.refused, len(result.problems)))]
    return f"| {' | '.join(cells)} |"


def page(found: list[Result]) -> str:
    """The page: the table, the reasons of faulty records, and the kinds of damage."""
    damage = sum((one.mutations for one in found), Counter())
    lines = [
        "# Damaged files",
        "",
        "`python -m benchmarks.formats` damages files of eight valid records by one to three kinds of damage, drawn by",
        "seed, and reads each as `corpus read` does. *Refused whole*: a table whose header lacks a needed column stops",
        "with an error that names the file. *Uncaught errors*: anything else raised, counts that do not add up",
        "(records = read + merged + superseded + filtered + faulty), a faulty record without file and line in the",
        "quarantine file, an id that stands twice.",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
        *map(row, found),
        "",
        "| format | faulty records by reason |",
        "|---|---|",
        *(f"| `{one.format}` | {', '.join(f'{r} {n:,}' for r, n in one.reasons.most_common())} |" for one in found),
        "",
        f"Damage: {', '.join(f'{name} {count:,}' for name, count in damage.most_common())}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Writes the page; the status is 1 where something was not caught."""
    found = results(int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS)
    write_text(HERE / "formats.md", page(found))
    problems = [problem for one in found for problem in one.problems]
    sys.stderr.write("".join(f"{problem[:500]}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
