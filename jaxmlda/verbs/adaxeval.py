"""`jaxmlda adaxeval build|card`: question sets from a corpus and its trial, and the card of any set."""

import argparse
import itertools
import json
import logging
import math
import sys
from collections.abc import Iterator
from typing import Any

from etils import epath

from jaxmlda.adaxeval import card, faults, from_world
from jaxmlda.corpus import Corpus, Trial
from jaxmlda.errors import UserError
from jaxmlda.progress import bar
from jaxmlda.questions import Question, jsonl
from jaxmlda.storage import write_json
from jaxmlda.verbs.command import parser
from jaxmlda.world import World, WorldQuestion

PURPOSE = "Build question sets from the facts of a corpus, for trained and untrained documents alike; describe any set."
# More is asked than wanted, because the gates reject some.
SPARE = 0.05
ASKED = ("en", "ja", "both", "none")
log = logging.getLogger("jaxmlda.adaxeval")


def arguments_of(words: list[str]) -> argparse.Namespace:
    """The command line."""
    made = parser("adaxeval", PURPOSE)
    actions = made.add_subparsers(dest="action", required=True)
    build = actions.add_parser("build", help="questions about a corpus of the embedded world, whose facts are known")
    build.add_argument("corpus")
    build.add_argument("--trial", required=True, help="trial table; bridge documents get no question")
    build.add_argument("--per-set", type=int, default=1000, help="questions for each language and form")
    build.add_argument("--out", required=True, help="folder of the question files")
    described = actions.add_parser("card", help="the bias battery of question files")
    described.add_argument("files", nargs="+")
    described.add_argument("--json", action="store_true")
    return made.parse_args(words)


def ask_arms(world: World, documents: list[str], trial: Trial, per_set: int) -> Iterator[list[WorldQuestion]]:
    """Questions about each arm's documents by themselves, as many as its share of the documents.

    Distractors are answers of the same arm: an arm's golds and distractors are then mentioned equally often in what is
    trained on, which would not hold if the golds of trained documents were the distractors of untrained ones.
    """
    arms = {arm: [number for number, name in enumerate(documents) if trial.arm(name) == arm] for arm in ASKED}
    total = sum(map(len, arms.values()))
    if not total:
        raise UserError("no document may be asked about; assign a trial with `jaxmlda corpus trial`")
    ends = [per_set * sum(len(arms[arm]) for arm in ASKED[: place + 1]) // total for place in range(len(ASKED))]
    for arm, begin, end in zip(ASKED, [0, *ends], ends, strict=False):
        if arms[arm]:
            yield world.questions(end - begin, arms[arm])


def build_sets(corpus: Corpus, trial: Trial, per_set: int) -> tuple[dict[str, list[Question]], list[dict[str, Any]]]:
    """The sets, and every question that a gate rejected with the gates' names; a pair goes as a whole."""
    settings = corpus.card["source"].get("world")
    if settings is None:
        raise UserError(f"{corpus.folder}: not a corpus of the embedded world; its facts are not known")
    world = World(**settings)
    documents = {document.id: document for document in corpus}
    asked_for = math.ceil(per_set * (1 + SPARE))
    sets = from_world(itertools.chain.from_iterable(ask_arms(world, list(documents), trial, asked_for)))
    rejected = []
    for name, asked in sets.items():
        for question in bar(asked, label=f"gates {name}", unit="question"):
            found = faults(question, documents[question.document].text(question.language))
            if found:
                rejected.append({"set": name, "id": question.id, "faults": found})
    out = {one["id"] for one in rejected}
    if all(question.id in out for asked in sets.values() for question in asked):
        raise UserError(f"{corpus.folder}: the gates rejected every question; ask for more with --per-set")
    passed = {name: [one for one in asked if one.id not in out] for name, asked in sets.items()}
    return {name: evenly(questions, per_set) for name, questions in passed.items()}, rejected


def evenly(questions: list[Question], count: int) -> list[Question]:
    """At most `count` questions, those left out spread over the list, so that no arm loses more than its share."""
    if len(questions) <= count:
        return questions
    return [questions[place * len(questions) // count] for place in range(count)]


def build(corpus: str, trial: str, per_set: int, out: str) -> dict[str, Any]:
    """Writes the sets, what was rejected, and last the card."""
    sets, rejected = build_sets(Corpus(corpus), Trial.read(trial), per_set)
    folder = epath.Path(out)
    for name, questions in sets.items():
        jsonl.write(folder / f"{name}.jsonl", questions)
    cards = {name: card(questions) for name, questions in sets.items()}
    write_json(folder / "card.json", {"sets": cards, "rejected": rejected})
    return cards


def run(words: list[str]) -> int:
    """The verb."""
    arguments = arguments_of(words)
    if arguments.action == "build":
        cards = build(arguments.corpus, arguments.trial, arguments.per_set, arguments.out)
    else:
        cards = {epath.Path(file).stem: card(jsonl.read(file)) for file in arguments.files}
    if arguments.action == "card" and arguments.json:
        sys.stdout.write(json.dumps(cards, ensure_ascii=False) + "\n")
    else:
        for name, values in cards.items():
            log.info(
                "%s: %s",
                name,
                ", ".join(f"{key} {value:.4g}" for key, value in values.items() if value is not None),
            )
    return 0
