"""`jaxmlda corpus premium`: how many more tokens a vocabulary needs in Japanese than in English, kept on the card."""

import argparse
import logging
from typing import Any

from jaxmlda.corpus import Corpus, premium
from jaxmlda.rows import vocabulary as vocabularies

log = logging.getLogger("jaxmlda.corpus")


def add(actions: Any) -> None:
    """The action's words."""
    made = actions.add_parser("premium", help="count a vocabulary's tokens in both languages of the same documents")
    made.add_argument("corpus")
    made.add_argument("--vocabulary", required=True, help="a .model file, a tokenizer.json, or a folder with one")


def run(arguments: argparse.Namespace) -> None:
    """The action."""
    vocabulary = vocabularies.load(arguments.vocabulary)
    found = premium.record(Corpus(arguments.corpus), vocabulary.digest, vocabulary.encode_batch)
    log.info(
        "%s: %.3f tokens of Japanese for one of English (mean of documents %.3f), %s documents, vocabulary %s",
        arguments.corpus,
        found["premium"],
        found["mean_premium"],
        f"{found['documents']:,}",
        vocabulary.digest,
    )
