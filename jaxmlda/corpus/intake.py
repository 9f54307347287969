"""Any user's documents into one stored corpus: read, clean, join by id, count, set aside what is faulty, store.

In: inputs (files with their formats) and rules; out: a corpus folder with its card, and `quarantine.jsonl`.
Records in = read + merged + superseded + filtered + faulty.
"""

import contextlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from etils import epath

from jaxmlda.corpus.clean import Cleaner, Rules
from jaxmlda.corpus.formats.base import Deleted, Faulty, Filtered, Found, Item
from jaxmlda.corpus.formats.compressed import watched
from jaxmlda.corpus.inputs import Input, apart
from jaxmlda.corpus.join import Join
from jaxmlda.corpus.store import write
from jaxmlda.errors import UserError
from jaxmlda.progress import bar
from jaxmlda.storage import lock, replacing

QUARANTINE, WORK = "quarantine.jsonl", ".work"
DEFAULT_BAD = 0.01
# So many faulty records are enough to say, before the end, that something is wrong with the input as a whole.
SURELY_BAD = 10_000
NAMED = 3


@dataclass
class Tally:
    """What became of the records; documents are counted by the join."""

    records: int = 0
    deletions: int = 0
    filtered: Counter[str] = field(default_factory=Counter)
    faulty: Counter[str] = field(default_factory=Counter)
    first: list[Faulty] = field(default_factory=list)

    @property
    def bad(self) -> int:
        """Faulty records."""
        return self.faulty.total()

    @property
    def share(self) -> float:
        """Faulty records of all."""
        return self.bad / max(1, self.records)

    def note(self, faulty: Faulty) -> None:
        """Counts a faulty record and remembers the first few."""
        self.faulty[faulty.reason] += 1
        if len(self.first) < NAMED:
            self.first.append(faulty)


@dataclass
class Gathering:
    """Everything that was read, joined and ready to be stored."""

    join: Join
    tally: Tally
    cleaner: Cleaner

    def counts(self) -> dict[str, Any]:
        """The counts of the contract, with their reasons, largest first."""
        filtered, faulty = self.tally.filtered, self.tally.faulty
        return {
            "records": self.tally.records,
            "read": self.join.documents,
            "merged": self.join.merged,
            "superseded": self.join.superseded,
            "filtered": filtered.total(),
            "quarantined": faulty.total(),
            "reasons": dict(faulty.most_common()),
            "filtered_reasons": dict(filtered.most_common()),
            "filtered_texts": dict(self.cleaner.texts_filtered.most_common()),
            "identical": self.join.identical,
            "deletions": self.tally.deletions,
            "mended": self.cleaner.mended,
        }


def items(inputs: Sequence[Input]) -> Iterator[Item]:
    """Every item of every file; source and licence are filled in where the record has none."""
    for one in inputs:
        for file in one.files:
            for item in one.reader.read(file, one.options):
                if isinstance(item, Found) and (one.source or one.licence):
                    item = item._replace(source=item.source or one.source, licence=item.licence or one.licence)
                yield item


def gather(
    read: Iterator[Item], join: Join, quarantined: Path, rules: Rules, max_bad: float = DEFAULT_BAD
) -> Gathering:
    """Takes items in, to the end or until too many are faulty; the faulty ones go to the file `quarantined`."""
    gathering = Gathering(join, Tally(), Cleaner(rules))
    with quarantined.open("wb") as quarantine:
        for item in read:
            _take(item, gathering, quarantine)
            if gathering.tally.bad >= SURELY_BAD and gathering.tally.share > max_bad:
                break
    return gathering


def _take(item: Item, gathering: Gathering, quarantine: BinaryIO) -> None:
    """One item: joined, counted as filtered, or set aside as faulty."""
    tally, join = gathering.tally, gathering.join
    if isinstance(item, Deleted):
        tally.deletions += 1
        join.delete(gathering.cleaner.identity(item.id))
        return
    tally.records += 1
    taken = gathering.cleaner(item) if isinstance(item, Found) else item
    if isinstance(taken, Filtered):
        tally.filtered[taken.reason] += 1
        if taken.version and (identity := gathering.cleaner.identity(taken.id)):
            join.supersede(identity, taken.version)
        return
    if not isinstance(taken, Faulty):
        before = join.add(taken)
        if before is None:
            return
        detail = f"another text of {taken.id} stands in {before.file}, line {before.line}"
        text = next(iter(taken.texts.values()))
        taken = Faulty("duplicate id", item.place, f"{taken.id}: {text[:400]}", detail)
    tally.note(taken)
    quarantine.write(_line(taken))


def _line(faulty: Faulty) -> bytes:
    """A line of the quarantine file."""
    told = {"reason": faulty.reason, "file": faulty.place.file, "line": faulty.place.line}
    text = json.dumps(told | {"detail": faulty.detail, "record": faulty.record}, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def judge(tally: Tally, max_bad: float, quarantine: epath.Path) -> None:
    """Refuses an input of which too large a share is faulty, naming the first few."""
    if tally.share <= max_bad:
        return
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in tally.faulty.most_common())
    first = "; ".join(
        f"{one.place.file}, line {one.place.line}: {one.reason}{f' ({one.detail})' if one.detail else ''}"
        for one in tally.first
    )
    raise UserError(
        f"{tally.bad:,} of {tally.records:,} records are faulty ({tally.share:.2%}, --max-bad is {max_bad:.2%}): "
        f"{reasons}; the first: {first}; all stand in {quarantine}: mend the input, or raise --max-bad"
    )


@contextlib.contextmanager
def workplace(folder: epath.Path) -> Iterator[Path]:
    """A local folder for what is needed on the way; one that an interrupted run left is emptied."""
    if str(folder).startswith("gs://"):
        place = Path(tempfile.mkdtemp(prefix="jaxmlda-"))
    else:
        place = Path(folder) / WORK
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def read(
    inputs: Sequence[Input], folder: epath.PathLike, rules: Rules | None = None, max_bad: float = DEFAULT_BAD
) -> dict[str, Any]:
    """Reads all inputs into the corpus of a folder and gives its card. Called again, it begins again.

    What is in the folder stays until the new documents are ready to be written.
    """
    home, rules = epath.Path(folder), rules or Rules()
    apart(inputs)
    size = sum(file.stat().length for one in inputs for file in one.every_file)
    with lock(folder), workplace(home) as work:
        quarantined = work / QUARANTINE
        with contextlib.closing(Join(work / "join.sqlite")) as join:
            with bar(total=size, label=f"read {folder}", unit="B") as progress, watched(progress.update):
                gathering = gather(items(inputs), join, quarantined, rules, max_bad)
            with replacing(home / QUARANTINE) as neighbour:
                epath.Path(quarantined).copy(neighbour)
            judge(gathering.tally, max_bad, home / QUARANTINE)
            return _store(gathering, home, inputs, rules)


def _store(gathering: Gathering, home: epath.Path, inputs: Sequence[Input], rules: Rules) -> dict[str, Any]:
    counts = gathering.counts()
    if not counts["read"]:
        raise UserError(f"{home}: none of {counts['records']} records became a document: {_nothing(counts)}")
    asked = {name: value for name, value in rules._asdict().items() if value}
    files = [(one, file) for one in inputs for file in one.every_file]
    with bar(files, label="digests of the input", unit="file") as waiting:
        source = {"read": {"files": [one.described(file) for one, file in waiting], "rules": asked}}
    with bar(gathering.join, total=counts["read"], label=f"write {home}", unit="document") as documents:
        return write(documents, home, source, counts)


def _nothing(counts: dict[str, Any]) -> str:
    told = [f"{reason} {number:,}" for reason, number in (counts["filtered_reasons"] | counts["reasons"]).items()]
    return ", ".join(told) or "the files are empty"
