"""The trial: which language(s) of each document may be trained on. Decided at random before anything is trained.

In: documents with their near-duplicate clusters, shares and a seed; out: a table document, cluster, arm.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
from etils import epath

from jaxmlda.corpus.document import Document
from jaxmlda.errors import UserError
from jaxmlda.storage import digest, keyed, read_table, write_table

ARMS = ("en", "ja", "both", "none", "bridge")
OUTSIDE = "outside"
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


def assign(documents: Iterable[Document], shares: dict[str, float], seed: int) -> pa.Table:
    """The trial table; documents that lack a text are outside."""
    rows = [
        (
            document.id,
            document.cluster,
            arm_of(document.cluster, shares, seed) if len(document.languages) == 2 else OUTSIDE,
        )
        for document in documents
    ]
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    table = pa.table(
        {
            name: pa.array(column, pa.string())
            for name, column in zip(("document", "cluster", "arm"), columns, strict=True)
        }
    )
    return table.replace_schema_metadata({"seed": str(seed), "shares": str(shares)})


def balance(documents: Iterable[Document], table: pa.Table) -> pa.Table:
    """What chance gave each arm: documents, clusters, and characters in each language."""
    arms = dict(zip(table["document"].to_pylist(), table["arm"].to_pylist(), strict=True))
    names = [arm for arm in (*ARMS, OUTSIDE) if arm in set(arms.values())]
    clusters: dict[str, set[str]] = {arm: set() for arm in names}
    counts = {arm: {"documents": 0, "characters_en": 0, "characters_ja": 0} for arm in names}
    for document in documents:
        arm = arms[document.id]
        clusters[arm].add(document.cluster)
        counts[arm]["documents"] += 1
        for language in document.languages:
            counts[arm][f"characters_{language}"] += len(document.text(language))
    return pa.Table.from_pylist([{"arm": arm, "clusters": len(clusters[arm])} | counts[arm] for arm in names])


@dataclass(frozen=True)
class Trial:
    """The arm of every document; a run without a trial has every document outside."""

    arms: dict[str, str]
    digest: str

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
        arms = dict(zip(table["document"].to_pylist(), table["arm"].to_pylist(), strict=True))
        return cls(arms, digest(arms))

    def arm(self, document: str) -> str:
        """The arm of a document, `outside` where the trial does not know it."""
        return self.arms.get(document, OUTSIDE)

    def permits(self, document: str, language: str, transfer: bool) -> bool:
        """Whether a document may be trained on in a language; bridge documents feed transfer streams only."""
        arm = self.arm(document)
        return language in PERMITTED[arm] and (arm != "bridge" or transfer)


def write_trial(table: pa.Table, folder: epath.PathLike) -> epath.Path:
    """Stores a trial beside its corpus."""
    path = epath.Path(folder) / "trial.parquet"
    write_table(path, table)
    return path
