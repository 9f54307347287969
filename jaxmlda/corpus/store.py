"""The stored corpus: a TFDS dataset in array_record files, which `tfds.data_source` reads.

In: a stream of documents; out: a folder with the dataset (`documents/1.0.0`) and its card (`card.json`).
Neither writing nor reading imports TensorFlow, and a process that does neither does not import TFDS.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from etils import epath

from jaxmlda.corpus.document import Document
from jaxmlda.errors import UserError
from jaxmlda.storage import digest, read_json, write_json

NAME, VERSION, SPLIT = "documents", "1.0.0", "train"
DOCUMENTS_A_SHARD = 20_000
PAIRED = ("en", "ja")


def _features() -> Any:
    import tensorflow_datasets as tfds

    text, texts = tfds.features.Text(), tfds.features.Sequence(tfds.features.Text())
    plain = ("id", "en", "ja", "title_en", "title_ja", "source", "licence", "cluster")
    return tfds.features.FeaturesDict(
        dict.fromkeys(plain, text)
        | dict.fromkeys(("keywords_en", "keywords_ja", "subjects"), texts)
        | dict.fromkeys(("qa_language", "qa_question", "qa_answer"), texts)
        | {"year": tfds.features.Scalar(dtype=np.int64)}
    )


def _encode(document: Document) -> dict[str, Any]:
    languages, questions, answers = zip(*document.qa, strict=True) if document.qa else ((), (), ())
    return {
        "id": document.id,
        "en": document.en,
        "ja": document.ja,
        "title_en": document.titles.get("en", ""),
        "title_ja": document.titles.get("ja", ""),
        "keywords_en": document.keywords.get("en", []),
        "keywords_ja": document.keywords.get("ja", []),
        "subjects": document.subjects,
        "qa_language": list(languages),
        "qa_question": list(questions),
        "qa_answer": list(answers),
        "source": document.source,
        "licence": document.licence,
        "cluster": document.cluster,
        "year": document.year,
    }


def _decode(record: dict[str, Any]) -> Document:
    def texts(name: str) -> list[str]:
        return [item.decode() for item in record[name]]

    def text(name: str) -> str:
        return record[name].decode()

    return Document(
        id=text("id"),
        en=text("en"),
        ja=text("ja"),
        titles={language: text(f"title_{language}") for language in PAIRED if record[f"title_{language}"]},
        keywords={
            language: texts(f"keywords_{language}") for language in PAIRED if len(record[f"keywords_{language}"])
        },
        subjects=texts("subjects"),
        year=int(record["year"]),
        source=text("source"),
        licence=text("licence"),
        cluster=text("cluster"),
        qa=list(zip(texts("qa_language"), texts("qa_question"), texts("qa_answer"), strict=True)),
    )


def write(documents: Iterable[Document], folder: epath.PathLike, source: dict[str, Any]) -> dict[str, Any]:
    """Writes a corpus and its card; ids must be unique. The card is written last: a folder without one is torn."""
    import tensorflow_datasets as tfds

    home = epath.Path(folder)
    data = home / NAME / VERSION
    (home / "card.json").unlink(missing_ok=True)
    if data.exists():
        data.rmtree()
    data.mkdir(parents=True)
    features = _features()
    identity = tfds.core.DatasetIdentity(
        name=NAME, version=tfds.core.Version(VERSION), data_dir=str(data), module_name=__name__
    )
    info = tfds.core.DatasetInfo(
        builder=identity, features=features, description="A bilingual corpus.", disable_shuffling=True
    )
    writer = tfds.core.SequentialWriter(info, DOCUMENTS_A_SHARD, file_format="array_record")
    writer.initialize_splits([SPLIT])
    card = {
        "source": source,
        "documents": 0,
        "languages": {"en": 0, "ja": 0},
        "pairs": 0,
        "characters": {"en": 0, "ja": 0},
    }
    seen: set[str] = set()
    state = ""
    for document in documents:
        if document.id in seen:
            raise UserError(f"document id {document.id} stands twice in {source}; ids must be unique")
        seen.add(document.id)
        record = _encode(document)
        state = digest([state, record])
        _count(card, document)
        try:
            writer.add_examples({SPLIT: [record]})
        except RuntimeError as error:
            raise UserError(f"document {document.id}: cannot be stored ({error}); mend it or leave it out") from error
    if not seen:
        raise UserError(f"{home}: no document came from {source}; a corpus needs one at least")
    writer.close_all()
    card["digest"] = state
    write_json(home / "card.json", card)
    return card


def _count(card: dict[str, Any], document: Document) -> None:
    card["documents"] += 1
    card["pairs"] += len(document.languages) == len(PAIRED)
    for language in document.languages:
        card["languages"][language] += 1
        card["characters"][language] += len(document.text(language))


def _short(error: Exception) -> str:
    """The first line of what a library says."""
    return str(error).strip().partition("\n")[0]


class Corpus:
    """A stored corpus, read by number; iterating yields its documents in their stored order."""

    def __init__(self, folder: epath.PathLike) -> None:
        import tensorflow_datasets as tfds

        self.folder = epath.Path(folder)
        if not (self.folder / "card.json").exists():
            raise UserError(f"{self.folder}: holds no corpus (no card.json); make one with `jaxmlda corpus`")
        self.card = read_json(self.folder / "card.json")
        try:
            builder = tfds.builder_from_directory(str(self.folder / NAME / VERSION))
            self._records = builder.as_data_source(SPLIT)
        except (ValueError, RuntimeError, OSError) as error:
            raise UserError(f"{self.folder}: cannot be opened ({_short(error)}); make it again") from error
        if len(self._records) != self.card["documents"]:
            raise UserError(
                f"{self.folder}: {len(self._records)} documents stored, {self.card['documents']} on the card; "
                "make it again"
            )

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, number: int) -> Document:
        try:
            return _decode(self._records[number])
        except (RuntimeError, ValueError) as error:
            raise UserError(
                f"{self.folder}: document number {number} cannot be read ({_short(error)}); make it again"
            ) from error

    def __iter__(self) -> Iterator[Document]:
        return (self[number] for number in range(len(self)))

    @property
    def digest(self) -> str:
        """Digest of every document in order."""
        return self.card["digest"]

    def check(self) -> None:
        """Reads every document again and compares the digest with the card's."""
        state = ""
        for document in self:
            state = digest([state, _encode(document)])
        if state != self.digest:
            raise UserError(
                f"{self.folder}: its documents have digest {state}, its card says {self.digest}; make it again"
            )
