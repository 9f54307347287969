"""`jaxmlda demo`: the whole road on the embedded world, from documents to a report. Call it again and it goes on.

Every stage is a verb in a process of its own; a stage whose result is there is passed over.
"""

import argparse
import logging
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import NamedTuple

from etils import epath

from jaxmlda.errors import Interrupted, UserError
from jaxmlda.storage import digest, lock, read_json, write_json
from jaxmlda.verbs.command import FAULT, parser

PURPOSE = "Documents, trial, questions, rows, training, probing and report on the embedded world, in minutes."
RECIPES = ("native", "translation")
ARMS = "en=.22,ja=.22,both=.08,none=.38,bridge=.1"
log = logging.getLogger("jaxmlda.demo")


class Terminated(KeyboardInterrupt):
    """SIGTERM, which unlike Ctrl-C reaches the demo alone: the stage at work has to be told."""


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated


class Size(NamedTuple):
    """How much of everything."""

    documents: int
    general: int
    per_set: int
    base_tokens: int
    tokens: int
    vocabulary: int


SIZES = {
    "demo": Size(600, 1200, 1000, 716_800, 524_288, 3072),
    "smallest": Size(200, 150, 400, 40_960, 40_960, 1536),
}


class Stage(NamedTuple):
    """One call of a verb, and the file that stands when it is finished."""

    title: str
    words: list[str]
    result: epath.Path


def stages(out: epath.Path, size: Size, clone: bool) -> list[Stage]:
    """The road in order."""
    target, general, questions = out / "target", out / "general", out / "questions"
    trial = target / "trial.parquet"
    world = ["corpus", "world", *(["--clone"] if clone else []), "--documents"]
    told = [
        Stage("documents", [*world, str(size.documents), "--out", str(target)], target / "card.json"),
        Stage(
            "general documents",
            [*world, str(size.general), "--names", "general", "--seed", "1", "--out", str(general)],
            general / "card.json",
        ),
        Stage("trial", ["corpus", "trial", str(target), "--arms", ARMS], trial),
        Stage(
            "questions",
            ["adaxeval", "build", str(target), f"--trial={trial}", f"--per-set={size.per_set}", f"--out={questions}"],
            questions / "card.json",
        ),
    ]
    told += _run_stages("base", out, size.base_tokens, [f"--train-vocabulary={size.vocabulary}"], [])
    init = f"--init={{from: run, path: {out / 'base'}}}"
    for recipe in RECIPES:
        told += _run_stages(recipe, out, size.tokens, [], [init])
    for recipe in RECIPES:
        disk = out / f"{recipe}-from-disk"
        words = ["probe", "--model", str(out / recipe), "--questions", str(questions), "--out", str(disk)]
        told.append(Stage(f"probe {recipe} from disk", words, disk / "summary.json"))
    report = out / "report"
    runs = [str(out / recipe) for recipe in RECIPES]
    told.append(Stage("report", ["report", *runs, "--out", str(report)], report / "index.html"))
    return told


def _run_stages(name: str, out: epath.Path, tokens: int, prepare: list[str], train: list[str]) -> list[Stage]:
    """Rows and training of one run file, its paths moved to `out`."""
    adapted = name in RECIPES
    corpus = out / ("target" if adapted else "general")
    moved = {
        "corpus": corpus,
        "vocabulary": out / "vocabulary.model",
        "output": out / name,
        "rows.total_tokens": tokens,
    }
    if adapted:
        moved |= {"trial": corpus / "trial.parquet", "probe.questions": f"[{out / 'questions'}]"}
    settings = [f"demo/{name}", *(f"--{key}={value}" for key, value in moved.items()), *train]
    return [
        Stage(f"rows {name}", ["prepare", *settings, *prepare], out / name / "rows" / "meta.json"),
        Stage(f"train {name}", ["train", *settings], out / name / "done.json"),
    ]


def go(out: epath.Path, road: list[Stage], debug: bool) -> None:
    """Runs the stages that are not finished."""
    wanted = digest([stage.words for stage in road])
    stamp = out / "demo.json"
    if stamp.exists() and read_json(stamp)["road"] != wanted:
        raise UserError(
            f"{out}: holds a demo of another size or version; delete the folder, or choose another with --out"
        )
    write_json(stamp, {"road": wanted})
    for number, stage in enumerate(road, start=1):
        if stage.result.exists():
            continue
        sys.stderr.write(f"[{number}/{len(road)}] {stage.title}\n")
        sys.stderr.flush()
        _call(stage, debug)


def _call(stage: Stage, debug: bool) -> None:
    words = [sys.executable, "-m", "jaxmlda", *stage.words, *(["--debug"] if debug else [])]
    child = subprocess.Popen(words, close_fds=False)
    try:
        status = child.wait()
    except Terminated:
        child.terminate()
        child.wait()
        raise
    except KeyboardInterrupt:
        # The terminal has told the child too; a second signal would end it before it has saved.
        child.wait()
        raise
    if status == Interrupted.exit_code:
        raise Interrupted("stopped; the same command goes on where it was")
    if status:
        raise UserError(f"the demo stopped at its stage {stage.title!r}, for the reason above (status {status})")


def run(words: list[str]) -> int:
    """The verb."""
    made = parser("demo", PURPOSE)
    made.add_argument("--out", default="runs/demo", help="folder of everything that the demo makes")
    made.add_argument("--size", choices=tuple(SIZES), default="demo")
    made.add_argument("--clone", action="store_true", help="positive control: Japanese is English, letter for letter")
    arguments: argparse.Namespace = made.parse_args(words)
    begin, out = time.monotonic(), epath.Path(arguments.out)
    signal.signal(signal.SIGTERM, _terminated)
    with lock(out, wait=True, inherit=True):
        go(out, stages(out, SIZES[arguments.size], arguments.clone), arguments.debug)
    log.info("%.0f s; open the report in a browser:", time.monotonic() - begin)
    sys.stdout.write(f"{(out / 'report' / 'index.html').absolute()}\n")
    return 0 if (out / "report" / "index.html").exists() else FAULT
