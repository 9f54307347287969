"""The stored corpus: a TFDS dataset in array_record files, which `tfds.data_source` reads.

In: a stream of documents; out: a folder with the dataset (`documents/1.0.0`) and its card (`card.json`).
Neither writing nor reading imports TensorFlow, and a process that does neither does not import TFDS.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from etils import epath

from jaxmlda.corpus.card import Told
from jaxmlda.corpus.document import Document
from jaxmlda.errors import UserError
from jaxmlda.storage import digest, read_json, write_json

NAME, VERSION, SPLIT = "documents", "1.0.0", "train"
DOCUMENTS_A_SHARD, DOCUMENTS_A_BLOCK = 20_000, 128
PAIRED = ("en", "ja")
LISTS = (
    *("keywords_en", "keywords_ja", "subjects", "paraphrases_en", "paraphrases_ja"),
    *("qa_language", "qa_question", "qa_answer"),
)


def _features() -> Any:
    import tensorflow_datasets as tfds

    text, texts = tfds.features.Text(), tfds.features.Sequence(tfds.features.Text())
    plain = ("id", "en", "ja", "title_en", "title_ja", "source", "licence", "cluster")
    return tfds.features.FeaturesDict(
        dict.fromkeys(plain, text) | dict.fromkeys(LISTS, texts) | {"year": tfds.features.Scalar(dtype=np.int64)}
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
        "paraphrases_en": document.paraphrases.get("en", []),
        "paraphrases_ja": document.paraphrases.get("ja", []),
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

    def by_language(name: str) -> dict[str, list[str]]:
        return {language: texts(f"{name}_{language}") for language in PAIRED if len(record[f"{name}_{language}"])}

    return Document(
        id=text("id"),
        en=text("en"),
        ja=text("ja"),
        titles={language: text(f"title_{language}") for language in PAIRED if record[f"title_{language}"]},
        keywords=by_language("keywords"),
        subjects=texts("subjects"),
        year=int(record["year"]),
        source=text("source"),
        licence=text("licence"),
        cluster=text("cluster"),
        qa=list(zip(texts("qa_language"), texts("qa_question"), texts("qa_answer"), strict=True)),
        paraphrases=by_language("paraphrases"),
    )


def _values(example: Any) -> dict[str, Any]:
    """The fields of a stored record as the features of `_features` give them."""
    found: dict[str, Any] = {}
    for name, feature in example.features.feature.items():
        values = feature.bytes_list.value or feature.int64_list.value
        found[name] = values if name in LISTS else values[0]
    return found


def write(
    documents: Iterable[Document],
    folder: epath.PathLike,
    source: dict[str, Any],
    counts: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes a corpus and its card; ids must be unique. The card is written last: a folder without one is torn.

    `counts` says what became of the records that the documents were read from; who gives them has seen to it that
    no id stands twice, and only then are the ids not kept in memory.
    """
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
    told = Told()
    records = _Records(documents, source, told, unique=counts is not None)
    try:
        # One call for all: at the end of each the writer writes its description of the dataset anew.
        writer.add_examples({SPLIT: records})
    except RuntimeError as error:
        if records.waiting:
            raise
        raise UserError(f"document {records.last}: cannot be stored ({error}); mend it or leave it out") from error
    if not told.documents:
        raise UserError(f"{home}: no document came from {source}; a corpus needs one at least")
    writer.close_all()
    came = {"read": told.documents, "quarantined": 0, "reasons": {}} if counts is None else counts
    card = {"source": source, **came, **told.card(), "digest": records.digest}
    write_json(home / "card.json", card)
    return card


class _Records:
    """The documents as records, counted and digested as they pass; `waiting` while the next document is made."""

    def __init__(self, documents: Iterable[Document], source: dict[str, Any], told: Told, unique: bool) -> None:
        self._documents, self._source, self._told, self._unique = documents, source, told, unique
        self.digest = self.last = ""
        self.waiting = True

    def __iter__(self) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        for document in self._documents:
            self.last, self.waiting = document.id, False
            if not self._unique:
                if document.id in seen:
                    raise UserError(f"document id {document.id} stands twice in {self._source}; ids must be unique")
                seen.add(document.id)
            record = _encode(document)
            self.digest = digest([self.digest, record])
            self._told.add(document)
            yield record
            self.waiting = True


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

    def blocks(self, start: int, stop: int) -> Iterator[list[Document]]:
        """Documents [start, stop) in lists of at most `DOCUMENTS_A_BLOCK`: several times as fast as one by one."""
        from google.protobuf.message import DecodeError
        from tensorflow_datasets.proto import tf_example_pb2

        for begin in range(start, stop, DOCUMENTS_A_BLOCK):
            numbers = list(range(begin, min(begin + DOCUMENTS_A_BLOCK, stop)))
            try:
                stored = self._records.data_source.__getitems__(numbers)
                yield [_decode(_values(tf_example_pb2.Example.FromString(record))) for record in stored]
            except (RuntimeError, ValueError, DecodeError) as error:
                raise UserError(
                    f"{self.folder}: documents {numbers[0]} to {numbers[-1]} cannot be read ({_short(error)}); "
                    "make it again"
                ) from error

    def __iter__(self) -> Iterator[Document]:
        return (self[number] for number in range(len(self)))

    @property
    def digest(self) -> str:
        """Digest of every document in order."""
        return self.card["digest"]

    def check(self) -> None:
        """Reads every document again and compares the digest, and what was counted, with the card's."""
        state, told = "", Told()
        for document in self:
            state = digest([state, _encode(document)])
            told.add(document)
        if state != self.digest:
            raise UserError(
                f"{self.folder}: its documents have digest {state}, its card says {self.digest}; make it again"
            )
        for name, value in told.card().items():
            if self.card.get(name, value) != value:
                raise UserError(f"{self.folder}: {name} is {value}, its card says {self.card[name]}; make it again")
