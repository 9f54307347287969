"""A lexicon as jaxmlda stores it, such as the terms of the embedded world, to be kept under another name."""

from collections.abc import Iterator

from etils import epath

from jaxmlda.corpus.lexicon import Lexicon, Term
from jaxmlda.corpus.lexicons.format import Log, register


@register("stored", "a lexicon that jaxmlda has written, such as lexicons/world.parquet")
def read(path: epath.Path, log: Log) -> Iterator[Term]:
    """Every term as it is."""
    for term in Lexicon.read(path):
        log.records += 1
        yield term
