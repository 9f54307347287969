"""Exposures: at which steps the sentence behind a question was trained on, in which language and form.

In: the step ledger and the places of sentences; out: for each place the steps, in order.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import pyarrow as pa


class Place(NamedTuple):
    """A sentence: characters [begin, end) of a document's text in one language."""

    document: str
    language: str
    begin: int
    end: int


class Exposure(NamedTuple):
    """One time that a sentence was trained on."""

    step: int
    form: str


COLUMNS = ("document", "language", "from_char", "to_char", "step", "form")


def exposures(ledger: pa.Table, places: Iterable[Place]) -> dict[Place, list[Exposure]]:
    """The entries of the ledger that hold the whole sentence: from_char ≤ begin and end ≤ to_char."""
    wanted = list(places)
    entries: dict[tuple[str, str], list[tuple[int, int, int, str]]] = defaultdict(list)
    for document, language, begin, end, step, form in zip(*(ledger[name].to_pylist() for name in COLUMNS), strict=True):
        if begin >= 0:
            entries[document, language].append((begin, end, step, form))
    return {
        place: sorted(
            Exposure(step, form)
            for begin, end, step, form in entries[place.document, place.language]
            if begin <= place.begin and place.end <= end
        )
        for place in wanted
    }
