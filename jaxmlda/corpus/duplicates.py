"""Near-duplicates: documents whose texts are alike in either language, and all that hang together by such likeness.

In: a stored corpus; out: `clusters.parquet` (document, cluster), and matches with another corpus. The signatures are
kept beside the corpus (`signatures.parquet`), so that they are worked out once.
"""

import logging
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from jaxmlda.config import LANGUAGES
from jaxmlda.corpus.signatures import PLACES, SCHEME, mixed
from jaxmlda.corpus.signed import Signed, signed
from jaxmlda.corpus.store import Corpus
from jaxmlda.errors import UserError
from jaxmlda.progress import bar
from jaxmlda.storage import read_table, write_table

THRESHOLD = 0.8
MISSED = 0.01
PAIRS_AT_ONCE = 1 << 18
CROWD, CROWD_SHARE = 20, 0.01
log = logging.getLogger("jaxmlda.corpus")


class Near(NamedTuple):
    """A document of another corpus, the near-duplicate in this one, its cluster, and how alike they are."""

    document: str
    near: str
    cluster: str
    similarity: float


def bands_of(threshold: float) -> tuple[int, int]:
    """(bands, rows): the most rows a band with which a pair at the threshold shares a band with probability 0.99.

    A pair of similarity s shares one of b bands of r rows with probability 1 - (1 - s^r)^b.
    """
    if not 0.1 <= threshold <= 1:
        raise UserError(f"--threshold {threshold}: a Jaccard similarity between 0.1 and 1 is needed, such as 0.8")
    rows = max(
        (r for r in range(1, PLACES + 1) if (1 - threshold**r) ** (PLACES // r) <= MISSED),
        default=1,
    )
    return PLACES // rows, rows


def _keys(values: NDArray[np.uint16], band: slice) -> NDArray[np.uint64]:
    """One number for what stands in a band of each signature."""
    key = np.zeros(len(values), np.uint64)
    for column in values[:, band].T:
        key = mixed(key * np.uint64(0x9E3779B97F4A7C15) + column + np.uint64(1))
    return key


def _alike(
    left: NDArray[np.uint16], first: NDArray[np.int64], right: NDArray[np.uint16], second: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Estimated similarity of pairs, some at a time."""
    found = np.empty(len(first))
    for begin in range(0, len(first), PAIRS_AT_ONCE):
        some = slice(begin, begin + PAIRS_AT_ONCE)
        found[some] = (left[first[some]] == right[second[some]]).mean(axis=1)
    return found


class Union:
    """Which things hang together: a label each, pairs joined in bulk."""

    def __init__(self, count: int) -> None:
        self.labels = np.arange(count)

    def join(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
        """Joins the components of pairs."""
        if not len(first):
            return
        size = len(self.labels)
        ends = self.labels[first], self.labels[second]
        graph = coo_array((np.ones(len(first), np.int8), ends), shape=(size, size))
        _, component = connected_components(graph, directed=False)
        self.labels = component[self.labels].astype(np.int64)


def _join_equal(union: Union, keys: NDArray, members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Joins members of equal keys; gives one member of each key."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    union.join(members, members[first[inverse]])
    return members[np.sort(first)]


def _join_alike(union: Union, values: NDArray[np.uint16], members: NDArray[np.int64], threshold: float) -> None:
    """Joins members whose signatures are alike: those that share a band and whose estimate reaches the threshold."""
    bands, rows = bands_of(threshold)
    members = _join_equal(union, _keys(values[members], slice(None)), members)
    for band in range(bands):
        key = _keys(values[members], slice(band * rows, (band + 1) * rows))
        order = np.argsort(key, kind="stable")
        _join_runs(union, values, members[order], key[order], threshold)


def _join_runs(
    union: Union,
    values: NDArray[np.uint16],
    members: NDArray[np.int64],
    key: NDArray[np.uint64],
    threshold: float,
) -> None:
    """Compares all pairs within runs of equal keys, those that hang together already left out."""
    places, distance = np.arange(len(key)), 0
    kept: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    waiting = 0
    while len(places):
        distance += 1
        places = places[places + distance < len(key)]
        places = places[key[places] == key[places + distance]]
        first, second = members[places], members[places + distance]
        apart = union.labels[first] != union.labels[second]
        first, second = first[apart], second[apart]
        alike = _alike(values, first, values, second) >= threshold - 1e-9
        kept.append((first[alike], second[alike]))
        waiting += int(alike.sum())
        if waiting > PAIRS_AT_ONCE or not len(places):
            union.join(*(np.concatenate(ends) for ends in zip(*kept, strict=True)))
            kept, waiting = [], 0


def cluster_names(found: Signed, threshold: float) -> list[str]:
    """The cluster of every document: the smallest id of all that hang together with it.

    Two documents hang together where the estimated similarity of their texts in one language reaches the threshold,
    or where they were given one cluster; and so do documents that hang together with a third one.
    """
    union = Union(len(found.documents))
    everything = np.arange(len(found.documents))
    given = {name: number for number, name in enumerate(dict.fromkeys(found.given))}
    _join_equal(union, np.array([given[name] for name in found.given]), everything)
    for language in LANGUAGES:
        members = np.flatnonzero(found.present[language])
        if len(members):
            _join_alike(union, found.values[language], members, threshold)
    smallest: dict[int, str] = {}
    for label, document in zip(union.labels.tolist(), found.documents, strict=True):
        smallest[label] = min(smallest.get(label, document), document)
    return [smallest[label] for label in union.labels.tolist()]


def make(corpus: Corpus, threshold: float = THRESHOLD, processes: int = 1) -> dict[str, str]:
    """Finds the clusters of a corpus and stores them; gives the cluster of every document."""
    bands_of(threshold)
    found = signed(corpus, processes)
    clusters = cluster_names(found, threshold)
    _warn_of_crowds(clusters)
    table = pa.table({"document": pa.array(found.documents, pa.string()), "cluster": pa.array(clusters, pa.string())})
    meta = {"corpus": corpus.digest, "threshold": str(threshold), "scheme": SCHEME}
    write_table(corpus.folder / "clusters.parquet", table.replace_schema_metadata(meta))
    return dict(zip(found.documents, clusters, strict=True))


def stored(corpus: Corpus) -> dict[str, str] | None:
    """The stored cluster of every document; None where there are none, or they are of other documents."""
    path = corpus.folder / "clusters.parquet"
    if not path.exists():
        return None
    table = read_table(path)
    if (table.schema.metadata or {}).get(b"corpus", b"").decode() != corpus.digest:
        return None
    return dict(zip(table["document"].to_pylist(), table["cluster"].to_pylist(), strict=True))


def _warn_of_crowds(clusters: list[str]) -> None:
    """A cluster of very many documents comes of a text that is no document, such as a note that the text is missing."""
    names, counts = np.unique(clusters, return_counts=True)
    most = int(counts.argmax())
    if counts[most] >= max(CROWD, CROWD_SHARE * len(clusters)):
        log.warning(
            "%s documents are near-duplicates of document %s, and share one arm; look whether its text is one",
            f"{counts[most]:,}",
            names[most],
        )


def near(corpus: Corpus, other: Corpus, threshold: float = THRESHOLD, processes: int = 1) -> Iterator[Near]:
    """Every document of another corpus that is like a document of this one in a language, with all that it is like."""
    bands, rows = bands_of(threshold)
    clusters = stored(corpus) or make(corpus, threshold, processes)
    here, there = signed(corpus, processes), signed(other, processes)
    best: dict[tuple[int, int], float] = {}
    for language in LANGUAGES:
        own, foreign = (np.flatnonzero(one.present[language]) for one in (here, there))
        left, right = here.values[language][own], there.values[language][foreign]
        for band in bar(range(bands), label=f"near-duplicates {language}", unit="band"):
            columns = slice(band * rows, (band + 1) * rows)
            for first, second in _shared(_keys(left, columns), _keys(right, columns)):
                alike = _alike(left, first, right, second)
                for place in np.flatnonzero(alike >= threshold - 1e-9):
                    pair = int(foreign[second[place]]), int(own[first[place]])
                    best[pair] = max(best.get(pair, 0.0), float(alike[place]))
    for (foreign, own), similarity in sorted(best.items()):
        yield Near(there.documents[foreign], here.documents[own], clusters[here.documents[own]], similarity)


def _shared(
    left: NDArray[np.uint64], right: NDArray[np.uint64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs (place in left, place in right) of equal keys: the n-th equal place of every right key at a time."""
    order = np.argsort(left, kind="stable")
    begin = np.searchsorted(left[order], right, side="left")
    count = np.searchsorted(left[order], right, side="right") - begin
    for number in range(int(count.max(initial=0))):
        second = np.flatnonzero(count > number)
        yield order[begin[second] + number], second


def matches(corpus: Corpus, other: Corpus, threshold: float = THRESHOLD, processes: int = 1) -> dict[str, str]:
    """For every document of another corpus that has a near-duplicate in this one, the cluster of the most alike."""
    found: dict[str, Near] = {}
    for one in near(corpus, other, threshold, processes):
        known = found.get(one.document)
        if known is None or (-one.similarity, one.cluster) < (-known.similarity, known.cluster):
            found[one.document] = one
    return {document: one.cluster for document, one in found.items()}
