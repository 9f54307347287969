"""Records that share an id become one document. They wait on the disk: memory does not grow with the input.

In: parts one at a time; out: what became of each, and at the end the documents in the order of their first record.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jaxmlda.corpus.clean import LANGUAGES, Part
from jaxmlda.corpus.document import Document
from jaxmlda.corpus.formats.base import Place
from jaxmlda.errors import UserError

CACHE_KIB = 64 * 1024
SETTINGS = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", f"cache_size = -{CACHE_KIB}")
TABLES = (
    "CREATE TABLE documents (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, parts TEXT NOT NULL)",
    # Of ids whose newer version was filtered, that version: an older one that comes later does not hold.
    "CREATE TABLE floors (id TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
)
RAISED = "INSERT INTO floors VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET version = max(version, excluded.version)"


class Join:
    """The documents so far, in a file of their own that goes when the join is closed.

    `parts` counts the records that documents are made of, `documents` the documents, `identical` the records that
    brought no new text, `superseded` those that a newer version replaced, were it a filtered one, or a deletion
    withdrew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.documents = self.parts = self.identical = self.superseded = 0
        with self._storing():
            self._store = sqlite3.connect(path, isolation_level=None)
            for setting in SETTINGS:
                self._store.execute(f"PRAGMA {setting}")
            for table in TABLES:
                self._store.execute(table)
            self._store.execute("BEGIN")

    @contextlib.contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UserError(f"{self.path}: cannot be written ({error}); free space or choose another folder") from error

    def close(self) -> None:
        """Lets the file go."""
        self._store.close()
        self.path.unlink(missing_ok=True)

    @property
    def merged(self) -> int:
        """Records that joined a document which was there."""
        return self.identical + self.parts - self.documents

    def add(self, part: Part) -> Place | None:
        """Takes a record in; where it contradicts an earlier one, it is not taken and that one's place is given.

        Languages that are new join. A higher version replaces, as the later of two equal versions does; a lower one
        is superseded at once. Without versions another text in a language that is there is a contradiction.
        """
        with self._storing():
            if part.version and part.version < self._floor(part.id):
                self.superseded += 1
                return None
            known = self._parts(part.id)
            if known is None:
                self._store.execute("INSERT INTO documents (id, parts) VALUES (?, ?)", (part.id, _dump([part])))
                self.documents += 1
                self.parts += 1
                return None
            return self._join(known, part)

    def _parts(self, identity: str) -> list[Part] | None:
        row = self._store.execute("SELECT parts FROM documents WHERE id = ?", (identity,)).fetchone()
        return None if row is None else _load(row[0])

    def _floor(self, identity: str) -> int:
        row = self._store.execute("SELECT version FROM floors WHERE id = ?", (identity,)).fetchone()
        return row[0] if row else 0

    def _join(self, known: list[Part], part: Part) -> Place | None:
        if any(part.content == other.content for other in known):
            self.identical += 1
            return None
        if part.version and any(other.version > part.version for other in known):
            self.superseded += 1
            return None
        kept = [other for other in known if not (part.version and other.version)]
        there = {language: (text, other) for other in kept for language, text in other.texts.items()}
        for language, text in part.texts.items():
            if language in there and there[language][0] != text:
                return Place(there[language][1].file, there[language][1].line)
        if set(part.texts) <= set(there) and len(kept) == len(known):
            self.identical += 1
            return None
        self._replace(known, [*kept, part])
        return None

    def _replace(self, known: list[Part], now: list[Part]) -> None:
        """Writes a document's parts anew; those that are there no longer are superseded."""
        self.superseded += sum(part not in now for part in known)
        self.parts += len(now) - len(known)
        self.documents += bool(now) - bool(known)
        identity = (now or known)[0].id
        self._store.execute("UPDATE documents SET parts = ? WHERE id = ?", (_dump(now), identity))

    def delete(self, identity: str) -> None:
        """Withdraws every record of an id that was read so far."""
        with self._storing():
            known = self._parts(identity)
            if known:
                self._replace(known, [])
            self._store.execute("DELETE FROM floors WHERE id = ?", (identity,))

    def supersede(self, identity: str, version: int) -> None:
        """A filtered record of an id and version: it takes the place of this version and of lower ones.

        Records without a version stay, as a translation does.
        """
        with self._storing():
            if version > 1:
                self._store.execute(RAISED, (identity, version))
            known = self._parts(identity) or []
            kept = [part for part in known if not 0 < part.version <= version]
            if len(kept) < len(known):
                self._replace(known, kept)

    def __iter__(self) -> Iterator[Document]:
        """The documents in the order in which their ids came."""
        with self._storing():
            for (parts,) in self._store.execute("SELECT parts FROM documents ORDER BY number"):
                if known := _load(parts):
                    yield document_of(known)


def _dump(parts: list[Part]) -> str:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _load(text: str) -> list[Part]:
    return [Part(*fields) for fields in json.loads(text)]


def document_of(parts: list[Part]) -> Document:
    """One document of its parts. The first to say something holds; subjects, sources and licences are gathered."""

    def gathered(name: str) -> dict[str, Any]:
        return {language: value for part in reversed(parts) for language, value in getattr(part, name).items()}

    def in_our_languages(values: dict[str, Any]) -> dict[str, Any]:
        return {language: values[language] for language in LANGUAGES if language in values}

    texts = gathered("texts")
    return Document(
        id=parts[0].id,
        en=texts.get("en", ""),
        ja=texts.get("ja", ""),
        titles=in_our_languages(gathered("titles")),
        keywords=in_our_languages(gathered("keywords")),
        subjects=_once(word for part in parts for word in part.subjects),
        year=next((part.year for part in parts if part.year), 0),
        source="; ".join(_once(part.source for part in parts if part.source)),
        licence="; ".join(_once(part.licence for part in parts if part.licence)),
        qa=[(language, question, answer) for part in parts for language, question, answer in part.qa],
        paraphrases=in_our_languages(gathered("paraphrases")),
        cluster=next((part.cluster for part in parts if part.cluster), ""),
    )


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
