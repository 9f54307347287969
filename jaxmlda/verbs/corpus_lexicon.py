"""`jaxmlda corpus lexicon`: a dictionary becomes a lexicon of a corpus, its faulty records set aside."""

import argparse
import logging
from collections.abc import Iterator
from typing import Any

from etils import epath

from jaxmlda.corpus import lexicon, lexicons
from jaxmlda.corpus.lexicon import Term
from jaxmlda.errors import UserError
from jaxmlda.progress import bar
from jaxmlda.storage import replacing

MAX_BAD = 0.01
log = logging.getLogger("jaxmlda.corpus")


def add(actions: Any) -> None:
    """The action's words."""
    made = actions.add_parser("lexicon", help="store a dictionary of terms beside a corpus")
    made.add_argument("corpus")
    made.add_argument("paths", nargs="+", metavar="PATH", help="files of one format, .gz and .zst too")
    made.add_argument("--format", required=True, help=", ".join(sorted(lexicons.FORMATS)))
    made.add_argument("--name", required=True, help="the lexicon is DIR/lexicons/NAME.parquet")
    made.add_argument("--max-bad", type=float, default=MAX_BAD, help="share of faulty records that is put up with")


def make_lexicon(folder: str, paths: list[str], named: str, name: str, max_bad: float) -> dict[str, Any]:
    """Reads files of a format into a lexicon; gives its counts. Faulty records are set aside even where they stop."""
    if not (epath.Path(folder) / "card.json").exists():
        raise UserError(f"{folder}: holds no corpus (no card.json); make one with `jaxmlda corpus`")
    target = lexicon.path_of(folder, name)
    lexicons.check(named, paths)
    quarantine = target.parent / f"{name}.quarantine.jsonl"
    failure = None
    with replacing(quarantine) as neighbour, neighbour.open("w") as stream:
        told = lexicons.Log(stream)
        try:
            counts = lexicon.write(target, _terms(named, paths, told, max_bad, label=f"lexicon {name}"))
        except UserError as error:
            failure = error
    if not told.faulty:
        quarantine.unlink()
    if failure:
        raise failure
    return counts | told.counts()


def _terms(named: str, paths: list[str], told: lexicons.Log, max_bad: float, label: str) -> Iterator[Term]:
    """Terms of the files; after the last one the share of faulty records is held against what is allowed."""
    with bar(lexicons.read(named, paths, told), label=label, unit="term") as terms:
        yield from terms
    told.check(max_bad)


def run(arguments: argparse.Namespace) -> None:
    """The action."""
    counts = make_lexicon(arguments.corpus, arguments.paths, arguments.format, arguments.name, arguments.max_bad)
    told = {key: value for key, value in counts.items() if key != "digest"}
    log.info("%s: %s, digest %s", lexicon.path_of(arguments.corpus, arguments.name), told, counts["digest"])
