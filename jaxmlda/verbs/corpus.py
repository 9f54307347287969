"""`jaxmlda corpus`: make a corpus, look at it, verify it; the further actions have files of their own."""

import argparse
import json
import logging
import sys
from typing import Any

from jaxmlda.corpus import Corpus, embedded, lexicon, write
from jaxmlda.progress import bar
from jaxmlda.verbs import corpus_lexicon, corpus_premium, corpus_read, corpus_trial
from jaxmlda.verbs.command import parser
from jaxmlda.world import World

FURTHER = {
    "read": corpus_read,
    "trial": corpus_trial,
    "duplicates": corpus_trial,
    "lexicon": corpus_lexicon,
    "premium": corpus_premium,
}
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
    world.add_argument(
        "--no-qa", action="store_true", help="without question-answer pairs, which are worded as the world's questions"
    )
    for further in dict.fromkeys(FURTHER.values()):
        further.add(actions)
    show = actions.add_parser("show", help="print a corpus's card")
    show.add_argument("corpus")
    show.add_argument("--json", action="store_true")
    check = actions.add_parser("check", help="read every document again and compare digests")
    check.add_argument("corpus")
    return made.parse_args(words)


def make_world(folder: str, qa: bool = True, **settings: Any) -> dict[str, Any]:
    """Writes a corpus of the embedded world and the lexicon `world` of its terms."""
    world = World(**settings)
    lexicon.write(lexicon.path_of(folder, "world"), embedded.terms(world))
    made = embedded.documents(world, qa)
    with bar(made, total=len(world), label=f"world {folder}", unit="document") as documents:
        return write(documents, folder, {"world": settings})


def run(words: list[str]) -> int:
    """The verb."""
    arguments = arguments_of(words)
    if arguments.action == "world":
        names = ("seed", "documents", "domain", "names", "clone")
        card = make_world(arguments.out, not arguments.no_qa, **{name: getattr(arguments, name) for name in names})
        log.info("%s: %s documents, digest %s", arguments.out, f"{card['documents']:,}", card["digest"])
    elif arguments.action in FURTHER:
        FURTHER[arguments.action].run(arguments)
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
