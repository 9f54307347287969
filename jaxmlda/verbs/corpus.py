"""`jaxmlda corpus world|trial|show|check`: make a corpus, assign its trial, look at it, verify it."""

import argparse
import json
import logging
import sys
from typing import Any

from etils import epath

from jaxmlda.corpus import DEFAULT_SHARES, Corpus, assign, embedded, write
from jaxmlda.corpus.trial import balance, parse_shares, write_trial
from jaxmlda.progress import bar
from jaxmlda.storage import write_table
from jaxmlda.verbs.command import parser
from jaxmlda.world import World

PURPOSE = "Make a corpus of documents in one or both languages, decide its trial, show it, check it."
log = logging.getLogger("jaxmlda.corpus")


def arguments_of(words: list[str]) -> argparse.Namespace:
    """The command line."""
    made = parser("corpus", PURPOSE)
    actions = made.add_subparsers(dest="action", required=True)
    world = actions.add_parser("world", help="write documents of the embedded world")
    world.add_argument("--out", required=True, help="folder of the corpus")
    world.add_argument("--documents", type=int, default=600)
    world.add_argument("--seed", type=int, default=0)
    world.add_argument("--domain", choices=("biomedical", "science"), default="biomedical")
    world.add_argument(
        "--names", choices=("target", "general"), default="target", help="which of two disjoint sets of names"
    )
    world.add_argument("--clone", action="store_true", help="the second language is the first, letter for letter")
    trial = actions.add_parser("trial", help="assign every document to an arm, at random")
    trial.add_argument("corpus")
    trial.add_argument("--arms", default=",".join(f"{arm}={share}" for arm, share in DEFAULT_SHARES.items()))
    trial.add_argument("--seed", type=int, default=0)
    show = actions.add_parser("show", help="print a corpus's card")
    show.add_argument("corpus")
    show.add_argument("--json", action="store_true")
    check = actions.add_parser("check", help="read every document again and compare digests")
    check.add_argument("corpus")
    return made.parse_args(words)


def make_world(folder: str, **settings: Any) -> dict[str, Any]:
    """Writes a corpus of the embedded world."""
    world = World(**settings)
    with bar(embedded.documents(world), total=len(world), label=f"world {folder}", unit="document") as documents:
        return write(documents, folder, {"world": settings})


def make_trial(folder: str, arms: str, seed: int) -> dict[str, int]:
    """Assigns the trial and stores it beside the corpus, its balance first; gives the documents of each arm."""
    corpus = Corpus(folder)
    table = assign(corpus, parse_shares(arms), seed)
    balanced = balance(corpus, table)
    write_table(epath.Path(folder) / "balance.parquet", balanced)
    write_trial(table, folder)
    return dict(zip(balanced["arm"].to_pylist(), balanced["documents"].to_pylist(), strict=True))


def run(words: list[str]) -> int:
    """The verb."""
    arguments = arguments_of(words)
    if arguments.action == "world":
        names = ("seed", "documents", "domain", "names", "clone")
        card = make_world(arguments.out, **{name: getattr(arguments, name) for name in names})
        log.info("%s: %s documents, digest %s", arguments.out, f"{card['documents']:,}", card["digest"])
    elif arguments.action == "trial":
        log.info("%s: %s", arguments.corpus, make_trial(arguments.corpus, arguments.arms, arguments.seed))
    elif arguments.action == "show":
        card = Corpus(arguments.corpus).card
        lines = (
            json.dumps(card, ensure_ascii=False)
            if arguments.json
            else "\n".join(f"{key}: {value}" for key, value in card.items())
        )
        sys.stdout.write(lines + "\n")
    else:
        Corpus(arguments.corpus).check()
        log.info("%s: every document is as the card says", arguments.corpus)
    return 0
