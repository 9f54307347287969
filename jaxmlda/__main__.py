"""`jaxmlda VERB ...`: the doors of all verbs behind one name."""

import importlib
import sys

from jaxmlda import __version__
from jaxmlda.verbs.command import main as run_verb

VERBS = {
    "corpus": "make, check and show a corpus; assign its trial",
    "adaxeval": "build question sets, describe any set",
    "prepare": "recipe to rows of tokens, with the ledger",
    "plan": "does it fit, how fast could it be",
    "train": "train on the rows, probing as it goes",
    "probe": "score question sets at every checkpoint",
    "report": "effects, intervals, and the page",
    "convert": "Hugging Face folder to checkpoint and back",
    "demo": "the whole road on the embedded world",
}


def usage() -> str:
    """What there is to say."""
    rows = [f"  {verb:<10} {meaning}" for verb, meaning in VERBS.items()]
    return f"jaxmlda {__version__}\nusage: jaxmlda VERB [--help] ...\n\n" + "\n".join(rows) + "\n"


def main() -> None:
    """Hands the rest of the command line to the verb that the first word names."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help", "--version"):
        sys.stdout.write(usage())
        sys.exit(0 if words else 2)
    if words[0] not in VERBS:
        sys.stderr.write(f"jaxmlda: {words[0]!r} is not a verb\n{usage()}")
        sys.exit(2)
    run_verb(importlib.import_module(f"jaxmlda.verbs.{words[0]}").run, words[1:])


if __name__ == "__main__":
    main()
