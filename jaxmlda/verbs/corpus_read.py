"""`jaxmlda corpus read`: documents of your own, in whatever format they are, into a stored corpus.

In: the words after `read`; out: a corpus folder. What follows a --format, paths and options, belongs to it.
"""

import argparse
import logging
import re
from typing import Any, get_origin

from jaxmlda.corpus import inputs, intake
from jaxmlda.corpus.clean import Rules
from jaxmlda.corpus.formats import READERS, Options
from jaxmlda.errors import UserError

log = logging.getLogger("jaxmlda.corpus")
PAIR = "NAME=VALUE"


class OfFormat(argparse.Action):
    """Keeps an option for the --format before it; before the first one there is none to belong to."""

    def __call__(self, made: Any, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        """Adds the values to the words of the last --format."""
        groups = getattr(namespace, "inputs", None) or []
        namespace.inputs = groups
        if option == "--format":
            groups.append({"format": values[0], "paths": values[1:]})
        elif not groups:
            raise UserError(f"{option}: stands before the first --format; put it after the one it belongs to")
        elif isinstance(values, list):
            groups[-1].setdefault(self.dest, []).extend(values)
        else:
            groups[-1][self.dest] = values


def formats_told() -> str:
    """The formats with a line about each, for --help."""
    lines = []
    for name, reader in sorted(READERS.items()):
        lines.append(f"  {name:<14} {reader.help}")
        own = [
            (field, about) for field, about in reader.options.model_fields.items() if field not in Options.model_fields
        ]
        lines += [f"  {'':<14} --option {field}={about.get_default()!s}: {about.description}" for field, about in own]
    return "\n".join(lines)


def add(actions: argparse._SubParsersAction) -> None:
    """Adds `read` and its options to the actions of the verb."""
    made = actions.add_parser(
        "read",
        help="read documents of your own, in any of many formats",
        description="Reads documents of your own into a corpus. Records that share an id become one document.",
        epilog=(
            "formats:\n" + formats_told() + "\n\nexamples:\n"
            "  jaxmlda corpus read --format jstage en.jsonl ja.jsonl --out corpora/jstage\n"
            "  jaxmlda corpus read --format csv data/*.csv --column en=abstract ja=yoyaku --out corpora/mine\n"
            "  jaxmlda corpus read --format pubmed_xml baseline/ --format jsonl more.jsonl.gz --out corpora/both"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = made.add_argument_group("what to read (may be repeated; each option belongs to the --format before it)")
    group.add_argument(
        "--format", action=OfFormat, nargs="+", required=True, metavar=("FORMAT", "PATH"),
        help="a format, then files, folders or globs; text files may be .gz or .zst",
    )  # fmt: skip
    group.add_argument("--column", action=OfFormat, nargs="+", metavar="OURS=THEIRS", help="name of a column")
    group.add_argument("--language", action=OfFormat, help="en or ja, for files of one language that do not say it")
    group.add_argument("--min-score", action=OfFormat, type=float, help="filter pairs with a lower score")
    group.add_argument("--option", action=OfFormat, nargs="+", metavar=PAIR, help="an option of the format's own")
    group.add_argument("--source", action=OfFormat, help="source of records that do not name one")
    group.add_argument("--licence", action=OfFormat, help="licence of records that do not name one")
    made.add_argument("--out", required=True, help="folder of the corpus")
    made.add_argument(
        "--nfkc",
        action="store_true",
        help="bring texts, titles, keywords and subjects to Unicode's form NFKC; ids stay",
    )
    made.add_argument("--min-chars", type=int, default=0, help="filter shorter texts")
    made.add_argument("--max-chars", type=int, default=0, help="filter longer texts")
    made.add_argument(
        "--script", default="0", metavar="SHARE", help="filter texts with a lower share of letters of their language"
    )
    made.add_argument("--max-bad", default="1%", metavar="SHARE", help="stop above this share of faulty records")


def share_of(word: str, option: str) -> float:
    """`1%` or `0.01` as a number from 0 to 1."""
    number = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(%?)\s*", word)
    share = float(number[1]) / (100 if number[2] else 1) if number else -1.0
    if not 0 <= share <= 1:
        raise UserError(f"{option} {word}: a share is needed, as 1% or 0.01")
    return share


def _pairs(words: list[str], option: str) -> dict[str, Any]:
    """NAME=VALUE words as a mapping."""
    pairs: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise UserError(
                f"{option} {word}: not understood; it is given as {option} NAME=VALUE (paths stand after --format)"
            )
        if name in pairs:
            raise UserError(f"{option} {word}: {name} is given twice")
        pairs[name] = value
    return pairs


def input_of(group: dict[str, Any]) -> inputs.Input:
    """The words of one --format, checked."""
    options: dict[str, Any] = {name: group[name] for name in ("language", "min_score") if group.get(name) is not None}
    if "column" in group:
        options["columns"] = _pairs(group["column"], "--column")
    own = _pairs(group.get("option", []), "--option")
    shared = sorted(set(own) & set(Options.model_fields))
    if shared:
        raise UserError(f"--option {shared[0]}: has an option of its own name; see `jaxmlda corpus read --help`")
    fields = READERS[group["format"]].options.model_fields if group["format"] in READERS else {}
    for name in set(own) & set(fields):
        if get_origin(fields[name].annotation) is tuple:
            own[name] = own[name].split(",")
    origin = {name: group[name] for name in ("source", "licence") if group.get(name)}
    return inputs.make(group["format"], group["paths"], options | own, **origin)


def run(arguments: argparse.Namespace) -> int:
    """The action."""
    if arguments.min_chars < 0 or arguments.max_chars < 0 or 0 < arguments.max_chars < arguments.min_chars:
        raise UserError("--min-chars and --max-chars: 0 or more, and the second not below the first")
    max_bad = share_of(arguments.max_bad, "--max-bad")
    rules = Rules(arguments.nfkc, arguments.min_chars, arguments.max_chars, share_of(arguments.script, "--script"))
    card = intake.read([input_of(group) for group in arguments.inputs], arguments.out, rules, max_bad)
    names = ("records", "read", "merged", "superseded", "filtered", "quarantined")
    told = ", ".join(f"{card[name]:,} {name}" for name in names)
    log.info("%s: %s documents (%s), digest %s", arguments.out, f"{card['documents']:,}", told, card["digest"])
    if card["quarantined"]:
        log.warning("%s/%s: %s", arguments.out, intake.QUARANTINE, card["reasons"])
    return 0
