"""`jaxmlda report RUN... --out DIR`: the tables of finished runs become effects with intervals and one offline page."""

import argparse
import logging
import sys
from typing import Any

import numpy as np
import yaml
from etils import epath

from jaxmlda import dynamics, questions
from jaxmlda.corpus import Trial
from jaxmlda.errors import UserError
from jaxmlda.questions import Question, baselines
from jaxmlda.report import RunData, build
from jaxmlda.rows import query
from jaxmlda.storage import read_json, read_lines, read_table
from jaxmlda.verbs.command import parser
from jaxmlda.verbs.sets import read_sets

PURPOSE = "Say what was learned, in which language, whether it crossed, and how sure that is."
log = logging.getLogger("jaxmlda.report")
FEWEST_DRAWS = 100
Sets = dict[str, list[Question]]


def arguments_of(words: list[str]) -> argparse.Namespace:
    """The command line."""
    made = parser("report", PURPOSE)
    made.add_argument("runs", nargs="+", metavar="RUN", help="run folders")
    made.add_argument("--out", required=True, help="folder of the report")
    made.add_argument("--draws", type=int, default=10_000, help="bootstrap draws")
    made.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    return made.parse_args(words)


def plain(question: Question) -> dict[str, Any]:
    """A question as the page shows it."""
    return {
        "id": question.id,
        "set": question.set,
        "question": question.question,
        "options": question.options,
        "answers": list(question.answers),
        "language": question.language,
        "form": question.form,
        "document": question.document,
        "sentence": question.metadata.get("sentence", ""),
    }


def seen(steps: epath.Path, sets: Sets) -> dict[tuple[str, str], int]:
    """How often the whole sentence of each question was trained on; questions without a known one are left out."""
    places = {
        (one.set, one.id): query.Place(one.document, one.written_in, *one.metadata["sentence_span"])
        for questions_of in sets.values()
        for one in questions_of
        if one.metadata.get("sentence_span")
    }
    asked = sorted(set(places.values()))
    found = query.exposures(query.blocks(steps), asked)
    counts = np.bincount(found.filter(found["whole"])["place"].to_numpy(), minlength=len(asked))
    times = dict(zip(asked, counts.tolist(), strict=True))
    return {key: times[place] for key, place in places.items()}


def guessers(sets: Sets) -> dict[str, dict[str, float]]:
    """What guessers reach who see no model, by set."""
    return {
        name: {
            "chance": baselines.chance(asked),
            "longest": baselines.longest(asked),
            "shortest": baselines.shortest(asked),
            "options_classifier": baselines.options_classifier(asked),
        }
        for name, asked in sets.items()
    }


def check_unchanged(home: epath.Path, made: dict[str, Any], trial: str | None, sets: Sets) -> None:
    """A trial or questions other than those that the run was trained with would change effects without a word."""
    if Trial.read(trial).digest != made["trial"]:
        raise UserError(f"{home}: {trial} is not the trial that this run was trained with; bring that one back")
    changed = [name for name, asked in sets.items() if questions.digest(asked) != made["questions"].get(name)]
    if changed:
        raise UserError(f"{home}: question sets changed since training: {', '.join(changed)}; bring those back")


def read_run(folder: str) -> RunData:
    """Everything that the page is made from, out of one run folder."""
    home = epath.Path(folder)
    if not (home / "run.json").exists():
        raise UserError(f"{home}: no run folder (no run.json); give a folder that `jaxmlda train` made")
    config = yaml.safe_load((home / "config.yaml").read_text())
    if not config["probe"]["questions"]:
        raise UserError(f"{home}: was trained without questions (probe.questions is empty); there is nothing to report")
    sets = read_sets(config["probe"]["questions"])
    info = read_json(home / "run.json")
    check_unchanged(home, info["digests"], config["trial"], sets)
    metrics = home / "metrics.jsonl"
    return RunData(
        name=config["name"],
        config=config,
        info=info,
        scores=dynamics.load(home, list(sets), ties="share" if config["probe"]["rule"] == "joint" else "first"),
        trial=read_table(config["trial"]) if config["trial"] else None,
        questions=[plain(question) for asked in sets.values() for question in asked],
        metrics=[values for _, values in read_lines(metrics)] if metrics.exists() else [],
        exposures=seen(home / "steps.parquet", sets),
        baselines=guessers(sets),
    )


def run(words: list[str]) -> int:
    """The verb."""
    arguments = arguments_of(words)
    if arguments.draws < FEWEST_DRAWS:
        raise UserError(
            f"--draws: {arguments.draws} draws give no interval; give {FEWEST_DRAWS} or more, 10000 for a paper"
        )
    page = build(
        [read_run(folder) for folder in arguments.runs],
        arguments.out,
        draws=arguments.draws,
        seed=arguments.seed,
    )
    sys.stdout.write(f"{page}\n")
    return 0
