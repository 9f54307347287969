"""The trial: which language(s) of each document may be trained on. Decided at random before anything is trained.

In: documents with their near-duplicate clusters, shares and a seed; out: a table document, cluster, arm.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from etils import epath

from jaxmlda.corpus.document import Document
from jaxmlda.corpus.store import Corpus
from jaxmlda.errors import UserError
from jaxmlda.storage import digest, keyed, read_table, write_table

ARMS = ("en", "ja", "both", "none", "bridge")
OUTSIDE = "outside"
SHOWN = 5
DEFAULT_SHARES = {"en": 0.25, "ja": 0.25, "both": 0.15, "none": 0.2, "bridge": 0.15}
PERMITTED = {
    "en": {"en"},
    "ja": {"ja"},
    "both": {"en", "ja"},
    "none": set(),
    "bridge": {"en", "ja"},
    OUTSIDE: {"en", "ja"},
}


def parse_shares(text: str) -> dict[str, float]:
    """`en=.25,ja=.25,...` to shares; they must name arms and sum to 1."""
    shares = {}
    for word in text.split(","):
        arm, _, number = word.partition("=")
        if arm.strip() in shares:
            raise UserError(f"arms: {arm.strip()} is given twice; an arm has one share")
        try:
            shares[arm.strip()] = float(number)
        except ValueError:
            raise UserError(f"arms: {word!r} is not ARM=SHARE, as in en=.25") from None
    unknown = sorted(set(shares) - set(ARMS))
    if unknown:
        raise UserError(f"arms: {', '.join(unknown)} unknown; the arms are {', '.join(ARMS)}")
    if any(share < 0 for share in shares.values()) or not math.isclose(sum(shares.values()), 1, abs_tol=1e-9):
        raise UserError(f"arms: the shares must not be negative and must sum to 1, not to {sum(shares.values()):g}")
    return shares


def arm_of(cluster: str, shares: dict[str, float], seed: int) -> str:
    """Keyed hash of (seed, cluster) against the cumulative shares: the same however the corpus grows."""
    point = keyed("trial", seed, cluster) / 2**64
    total = 0.0
    for arm in ARMS:
        total += shares.get(arm, 0.0)
        if point < total:
            return arm
    return max((arm for arm in ARMS if shares.get(arm)), key=ARMS.index)


def assign(
    documents: Iterable[Document],
    shares: dict[str, float],
    seed: int,
    clusters: Mapping[str, str] | None = None,
    corpus: str = "",
) -> pa.Table:
    """The trial table; clusters that have no document with both texts are outside.

    The clusters are those that the documents came with, or those given. A document that lacks a text shares the arm
    of its cluster: outside, it could be trained on where its near-duplicate is control.
    """
    rows = []
    assigned = set()
    for document in documents:
        cluster = document.cluster if clusters is None else clusters[document.id]
        rows.append((document.id, cluster))
        if len(document.languages) == 2:
            assigned.add(cluster)
    ids, names = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [])
    arms = [arm_of(name, shares, seed) if name in assigned else OUTSIDE for name in names]
    columns = {"document": ids, "cluster": names, "arm": arms}
    table = pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})
    meta = {
        "seed": seed,
        "shares": shares,
        "clusters": "as the documents came" if clusters is None else "near-duplicates",
        "corpus": corpus,
        "digest": digest(dict(zip(ids, arms, strict=True))),
    }
    return table.replace_schema_metadata({name: str(value) for name, value in meta.items()})


@dataclass(frozen=True)
class Trial:
    """The arm of every document; a run without a trial has every document outside.

    `digest` is that of the arms, `corpus` that of the documents it was assigned on (empty where it does not say).
    With `leaks` it permits everything but the control, as recipes with `allow_leak` ask for.
    """

    arms: dict[str, str]
    digest: str
    corpus: str = field(default="", compare=False)
    clusters: dict[str, str] = field(default_factory=dict, compare=False)
    leaks: bool = field(default=False, compare=False)

    @classmethod
    def read(cls, path: epath.PathLike | None) -> "Trial":
        """Reads a stored trial; None gives the trial that assigns nothing."""
        if path is None:
            return cls({}, digest({}))
        table = read_table(path)
        if not {"document", "arm"} <= set(table.column_names):
            raise UserError(
                f"{path}: no trial table (it has no columns document and arm); assign one with `jaxmlda corpus trial`"
            )
        arms = _column(table, "arm")
        meta = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        found = digest(arms)
        if meta.get("digest", found) != found:
            raise UserError(
                f"{path}: its arms have digest {found}, it says {meta['digest']}: it was changed after it was "
                "assigned; assign it again with `jaxmlda corpus trial`"
            )
        clusters = _column(table, "cluster") if "cluster" in table.column_names else {}
        return cls(arms, found, meta.get("corpus", ""), clusters)

    def arm(self, document: str) -> str:
        """The arm of a document, `outside` where the trial does not know it."""
        return self.arms.get(document, OUTSIDE)

    def permits(self, document: str, language: str, transfer: bool) -> bool:
        """Whether a document may be trained on in a language; bridge documents feed transfer streams only."""
        arm = self.arm(document)
        if self.leaks:
            return arm != "none"
        return language in PERMITTED[arm] and (arm != "bridge" or transfer)


def _column(table: pa.Table, name: str) -> dict[str, str]:
    return dict(zip(table["document"].to_pylist(), table[name].to_pylist(), strict=True))


def check_corpus(trial: Trial, corpus: Corpus) -> None:
    """Refuses a trial of other documents: one assigned on another corpus, or one that knows documents not there."""
    if trial.corpus == corpus.digest or not trial.arms:
        return
    missing = set(trial.arms) - {document.id for document in corpus}
    if missing:
        raise UserError(
            f"trial: {len(missing):,} of its {len(trial.arms):,} documents are not in {corpus.folder}; first: "
            f"{min(missing)}; it is the trial of another corpus; name its own, or assign one with `jaxmlda corpus "
            "trial`"
        )
    if trial.corpus:
        raise UserError(
            f"trial: was assigned on documents of digest {trial.corpus}, {corpus.folder} now has {corpus.digest}; "
            "assign it again with `jaxmlda corpus trial`"
        )


def check_clusters(trial: Trial | pa.Table, clusters: Mapping[str, str] | None = None) -> None:
    """Refuses a trial in which documents of one cluster stand in different arms.

    The clusters are those given (document to cluster), else the trial's own. A document that the trial does not know
    is outside.
    """
    if isinstance(trial, pa.Table):
        own = _column(trial, "cluster") if "cluster" in trial.column_names else {}
        trial = Trial(_column(trial, "arm"), "", "", own)
    first: dict[str, str] = {}
    split = []
    for document, cluster in (trial.clusters if clusters is None else clusters).items():
        known = first.setdefault(cluster, document)
        if trial.arm(document) != trial.arm(known):
            split.append(f"{known} ({trial.arm(known)}) and {document} ({trial.arm(document)})")
    if split:
        raise UserError(
            f"trial: {len(split):,} near-duplicates stand in another arm than the first document of their cluster: "
            f"{', '.join(split[:SHOWN])}{', ...' if len(split) > SHOWN else ''}; assign it again with "
            "`jaxmlda corpus trial`"
        )


def write_trial(table: pa.Table, folder: epath.PathLike) -> epath.Path:
    """Stores a trial beside its corpus."""
    path = epath.Path(folder) / "trial.parquet"
    write_table(path, table)
    return path
