"""What chance gave each arm of a trial: how many documents of what kind, and how far from the control they are.

In: documents and their trial; out: a table with one row an arm, which is stored and shown.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa

from jaxmlda.corpus.document import Document
from jaxmlda.corpus.trial import ARMS, OUTSIDE

SUBJECTS = 10
LARGE = 0.25
MEAN, DIFFERENCE = "mean ", "d "
REFERENCE = "none"


class Moments:
    """Number, mean and sum of squared deviations of values as they come (Welford 1962)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        self.count += 1
        step = value - self.mean
        self.mean += step / self.count
        self.squares += step * (value - self.mean)

    def merged(self, other: "Moments") -> "Moments":
        """Moments of both."""
        found = Moments()
        found.count = self.count + other.count
        if found.count:
            step = other.mean - self.mean
            found.mean = self.mean + step * other.count / found.count
            found.squares = self.squares + other.squares + step * step * self.count * other.count / found.count
        return found

    @property
    def variance(self) -> float:
        return self.squares / (self.count - 1) if self.count > 1 else math.nan


def difference(one: Moments, other: Moments) -> float | None:
    """Standardised mean difference d = (m1 - m2) / sqrt((s1² + s2²) / 2), s² with n - 1; None where it has no value.

    Austin 2009, Statistics in Medicine 28: 3083.
    """
    pooled = math.sqrt((one.variance + other.variance) / 2)
    if math.isnan(pooled):
        return None
    if pooled == 0:
        return 0.0 if one.mean == other.mean else None
    return (one.mean - other.mean) / pooled


class _Arm:
    """What is counted of the documents of one arm."""

    def __init__(self) -> None:
        self.clusters: set[str] = set()
        self.characters = {"en": 0, "ja": 0}
        self.measured = {name: Moments() for name in ("characters en", "characters ja", "year", "cluster size")}
        self.subjects: Counter[str] = Counter()
        self.documents = 0

    def add(self, document: Document, cluster: str, size: int) -> None:
        self.documents += 1
        self.clusters.add(cluster)
        self.subjects.update(set(document.subjects))
        for language in document.languages:
            self.characters[language] += len(document.text(language))
            self.measured[f"characters {language}"].add(len(document.text(language)))
        if document.year:
            self.measured["year"].add(document.year)
        self.measured["cluster size"].add(size)

    def moments(self, subjects: list[str]) -> dict[str, Moments]:
        """The moments of every variable; a subject counts 1 where a document has it, else 0."""
        found = dict(self.measured)
        for subject in subjects:
            share = found[f"subject {subject}"] = Moments()
            share.count, held = self.documents, self.subjects[subject]
            share.mean = held / self.documents
            share.squares = held * (1 - share.mean)
        return found


def _counted(documents: Iterable[Document], table: pa.Table) -> dict[str, _Arm]:
    ids, names, arms = (table[name].to_pylist() for name in ("document", "cluster", "arm"))
    placed = dict(zip(ids, zip(names, arms, strict=True), strict=True))
    sizes = Counter(names)
    found = {arm: _Arm() for arm in (*ARMS, OUTSIDE) if arm in set(arms)}
    for document in documents:
        cluster, arm = placed[document.id]
        found[arm].add(document, cluster, sizes[cluster])
    return found


def _reference(arm: str, moments: dict[str, dict[str, Moments]], variable: str) -> Moments | None:
    """What an arm is held against: the control arm, or without one all others that chance assigned."""
    others = [name for name in moments if name not in (arm, OUTSIDE)]
    if arm in (REFERENCE, OUTSIDE) or not others:
        return None
    merged = Moments()
    for name in [REFERENCE] if REFERENCE in others else others:
        merged = merged.merged(moments[name][variable])
    return merged


def balance(documents: Iterable[Document], table: pa.Table) -> pa.Table:
    """Counts of each arm, the mean of every variable (`mean VARIABLE`), and its standardised difference (`d VARIABLE`).

    Differences are against the arm none, or against all other arms where there is none; documents outside were not
    placed by chance, so they have no difference. Variables: characters of each language, year where known, size of
    the document's cluster, and the shares of the ten most frequent subjects.
    """
    arms = _counted(documents, table)
    frequent = sum((arm.subjects for name, arm in arms.items() if name != OUTSIDE), Counter())
    subjects = [name for name, _ in sorted(frequent.items(), key=lambda item: (-item[1], item[0]))[:SUBJECTS]]
    moments = {name: arm.moments(subjects) for name, arm in arms.items()}
    rows = []
    for name, arm in arms.items():
        row: dict[str, object] = {"arm": name, "clusters": len(arm.clusters), "documents": arm.documents}
        row |= {f"characters_{language}": arm.characters[language] for language in ("en", "ja")}
        for variable, one in moments[name].items():
            other = _reference(name, moments, variable)
            row[MEAN + variable] = one.mean if one.count else None
            row[DIFFERENCE + variable] = None if other is None else difference(one, other)
        rows.append(row)
    schema = [("arm", pa.string()), *((name, pa.int64()) for name in list(rows[0])[1:5])] if rows else []
    floats = [(name, pa.float64()) for name in list(rows[0])[5:]] if rows else []
    return pa.Table.from_pylist(rows, schema=pa.schema([*schema, *floats]))


def shown(table: pa.Table) -> str:
    """The balance as text: a column an arm; a mean, and in brackets its standardised difference."""
    rows = table.to_pylist()
    names = [name.removeprefix(MEAN) for name in table.column_names if name.startswith(MEAN)]
    lines = [["", *(row["arm"] for row in rows)]]
    lines += [[name, *(f"{row[name]:,}" for row in rows)] for name in ("documents", "clusters")]
    lines += [[name, *(_cell(row[MEAN + name], row[DIFFERENCE + name]) for row in rows)] for name in names]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(zipped))
        for zipped in (list(zip(line, widths, strict=True)) for line in lines)
    )


def _cell(mean: float | None, d: float | None) -> str:
    if mean is None:
        return "-"
    plain = f"{mean:.1f}" if abs(mean) >= 10 else f"{mean:.2f}"
    return plain if d is None else f"{plain} ({d:+.2f})"


def large(table: pa.Table) -> Iterator[str]:
    """What is out of balance: every variable with |d| above 0.25, by arm."""
    for row in table.to_pylist():
        for name, value in row.items():
            if name.startswith(DIFFERENCE) and value is not None and abs(value) > LARGE:
                yield f"{row['arm']}: {name.removeprefix(DIFFERENCE)} {value:+.2f}"
