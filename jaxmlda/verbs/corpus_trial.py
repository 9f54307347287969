"""`jaxmlda corpus trial|duplicates`: near-duplicates are found, then every cluster of them is assigned to an arm."""

import argparse
import logging
import sys
from typing import Any

from etils import epath

from jaxmlda.corpus import DEFAULT_SHARES, Corpus, assign, duplicates
from jaxmlda.corpus.balance import LARGE, balance, large, shown
from jaxmlda.corpus.trial import parse_shares, write_trial
from jaxmlda.storage import write_table
from jaxmlda.verbs.command import cores

log = logging.getLogger("jaxmlda.corpus")


def add(actions: Any) -> None:
    """The words of both actions."""
    trial = actions.add_parser("trial", help="assign every document to an arm, at random")
    trial.add_argument("corpus")
    trial.add_argument("--arms", default=",".join(f"{arm}={share}" for arm, share in DEFAULT_SHARES.items()))
    trial.add_argument("--seed", type=int, default=0)
    trial.add_argument(
        "--no-duplicates",
        action="store_true",
        help="look for no near-duplicates: clusters are those that the documents came with",
    )
    found = actions.add_parser("duplicates", help="find near-duplicates, whose documents share an arm")
    found.add_argument("corpus")
    found.add_argument(
        "--threshold", type=float, default=duplicates.THRESHOLD, help="Jaccard similarity of texts that are one cluster"
    )


def make_duplicates(folder: str, threshold: float) -> dict[str, str]:
    """Finds the near-duplicates of a corpus and stores them; gives the cluster of every document."""
    clusters = duplicates.make(Corpus(folder), threshold, cores())
    count = len(set(clusters.values()))
    log.info("%s: %s documents in %s clusters", folder, f"{len(clusters):,}", f"{count:,}")
    return clusters


def clusters_for(corpus: Corpus) -> dict[str, str]:
    """The stored clusters of a corpus, or those found now."""
    return duplicates.stored(corpus) or make_duplicates(str(corpus.folder), duplicates.THRESHOLD)


def make_trial(folder: str, arms: str, seed: int, look: bool = True) -> dict[str, int]:
    """Assigns the trial and stores it beside the corpus, its balance first; gives the documents of each arm."""
    corpus, shares = Corpus(folder), parse_shares(arms)
    table = assign(corpus, shares, seed, clusters_for(corpus) if look else None, corpus.digest)
    balanced = balance(corpus, table)
    write_table(epath.Path(folder) / "balance.parquet", balanced)
    write_trial(table, folder)
    sys.stdout.write(f"{shown(balanced)}\n")
    uneven = list(large(balanced))
    if uneven:
        log.warning("%s: chance has left the arms uneven, |d| above %g: %s", folder, LARGE, "; ".join(uneven))
    log.info("%s: digest %s", folder, table.schema.metadata[b"digest"].decode())
    return dict(zip(balanced["arm"].to_pylist(), balanced["documents"].to_pylist(), strict=True))


def run(arguments: argparse.Namespace) -> None:
    """Either action."""
    if arguments.action == "duplicates":
        make_duplicates(arguments.corpus, arguments.threshold)
        return
    counts = make_trial(arguments.corpus, arguments.arms, arguments.seed, not arguments.no_duplicates)
    log.info("%s: %s", arguments.corpus, counts)
