"""Tokenizers without TensorFlow: SentencePiece models and Hugging Face `tokenizer.json`, with character offsets.

In: a file, or a folder that holds one; out: ids, spans of characters, special ids, and a digest of the file.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import sentencepiece
import tokenizers
from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.rows.surfaces import Surfaces
from jaxmlda.storage import digest, file_digest, read_json, replacing

Spans = list[tuple[int, int]]


class Encoded(NamedTuple):
    """Many texts, flat: ids, for each the character at which it ends, and the number of tokens of each text."""

    ids: np.ndarray
    ends: np.ndarray
    counts: np.ndarray


class Vocabulary(Protocol):
    """What every tokenizer here can do; encoding adds no special token."""

    size: int
    bos_id: int | None
    eos_id: int
    pad_id: int
    digest: str

    def encode(self, text: str) -> list[int]:
        """Ids of a text."""

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """Ids of many texts."""

    def encode_with_offsets(self, text: str) -> tuple[list[int], Spans]:
        """Ids, and for each the characters (from, to) that it stands for."""

    def encode_many(self, texts: list[str]) -> Encoded:
        """Ids of many texts with the characters at which they end, as arrays; on one thread."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids."""

    def piece(self, number: int) -> str:
        """The piece of an id as the tokenizer spells it."""


class SentencePiece:
    """A SentencePiece model file."""

    def __init__(self, path: epath.PathLike) -> None:
        self.digest = file_digest(path)
        model = epath.Path(path).read_bytes()
        try:
            self._model = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise UserError(f"{path}: not a SentencePiece model ({error})") from error
        self._surfaces = Surfaces.of(model)
        self.size = self._model.vocab_size()
        self.eos_id = _needed(_real(self._model.eos_id()), str(path))
        # Without a BOS the end of the text before is what a text begins after.
        bos = _real(self._model.bos_id())
        self.bos_id = self.eos_id if bos is None else bos
        pad = _real(self._model.pad_id())
        self.pad_id = self.eos_id if pad is None else pad

    def encode(self, text: str) -> list[int]:
        return self._model.encode(text)

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return self._model.encode(texts)

    def encode_with_offsets(self, text: str) -> tuple[list[int], Spans]:
        found = self._model.encode(text, return_type="offset_mapping")
        return found["ids"], found["offsets"]

    def encode_many(self, texts: list[str]) -> Encoded:
        if self._surfaces is None:
            return _joined([self.encode_with_offsets(text) for text in texts])
        found = self._model.encode(texts, return_type="numpy", num_threads=1)
        counts = np.array([len(ids) for ids in found], np.int64)
        ids = np.concatenate([*found, np.zeros(0, np.int32)])
        return Encoded(ids, self._surfaces.ends(ids, counts), counts)

    def decode(self, ids: Sequence[int]) -> str:
        return self._model.decode([int(number) for number in ids])

    def piece(self, number: int) -> str:
        return self._model.id_to_piece(number)


class HuggingFace:
    """A `tokenizer.json`, its special ids taken from the files beside it."""

    def __init__(self, path: epath.PathLike) -> None:
        source = epath.Path(path)
        text = source.read_text()
        try:
            self._model = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare Exception for every fault of the file
            raise UserError(f"{source}: not a tokenizer.json ({error})") from error
        self._model.no_truncation()
        self._model.no_padding()
        # A text that spells a special token, such as </s>, holds its letters and not the token.
        self._model.encode_special_tokens = True
        special = self._special(source.parent)
        self.digest = digest([text, special])
        # Not the number of tokens: some files leave ids out.
        self.size = max(self._model.get_vocab(with_added_tokens=True).values()) + 1
        self.bos_id = special["bos"]
        self.eos_id = _needed(special["eos"], str(source))
        self.pad_id = self.eos_id if special["pad"] is None else special["pad"]

    def _special(self, folder: epath.Path) -> dict[str, int | None]:
        settings = {}
        for name in ("special_tokens_map.json", "tokenizer_config.json"):
            if (folder / name).exists():
                settings |= {key: value for key, value in read_json(folder / name).items() if value is not None}
        found = {}
        for role in ("bos", "eos", "pad"):
            token = settings.get(f"{role}_token")
            token = token["content"] if isinstance(token, dict) else token
            found[role] = self._model.token_to_id(token) if token else None
        return found

    def encode(self, text: str) -> list[int]:
        return self._model.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [one.ids for one in self._model.encode_batch(texts, add_special_tokens=False)]

    def encode_with_offsets(self, text: str) -> tuple[list[int], Spans]:
        one = self._model.encode(text, add_special_tokens=False)
        return one.ids, one.offsets

    def encode_many(self, texts: list[str]) -> Encoded:
        found = self._model.encode_batch(texts, add_special_tokens=False)
        return _joined([(one.ids, one.offsets) for one in found])

    def decode(self, ids: Sequence[int]) -> str:
        return self._model.decode([int(number) for number in ids], skip_special_tokens=False)

    def piece(self, number: int) -> str:
        return self._model.id_to_token(number)


def _joined(found: list[tuple[list[int], Spans]]) -> Encoded:
    """Texts that were encoded one by one."""
    counts = np.array([len(ids) for ids, _ in found], np.int64)
    ids = np.fromiter(itertools.chain.from_iterable(ids for ids, _ in found), np.int32, counts.sum())
    ends = np.fromiter((stop for _, spans in found for _, stop in spans), np.int32, counts.sum())
    return Encoded(ids, ends, counts)


def _real(number: int) -> int | None:
    return None if number < 0 else number


def _needed(number: int | None, source: str) -> int:
    if number is None:
        raise UserError(f"{source}: the tokenizer has no end-of-document token (EOS), which closes every document")
    return number


def load(path: epath.PathLike) -> Vocabulary:
    """Opens a vocabulary: a `.model` file, a `tokenizer.json`, or a folder with one of them."""
    source = epath.Path(path)
    if source.is_dir():
        for name in ("tokenizer.json", "tokenizer.model", "spiece.model"):
            if (source / name).exists():
                return load(source / name)
        raise UserError(f"{source}: holds no tokenizer.json, tokenizer.model or spiece.model")
    if not source.exists():
        raise UserError(f"{source}: there is no such vocabulary")
    return HuggingFace(source) if source.suffix == ".json" else SentencePiece(source)


def train(texts: Iterable[str], size: int, path: epath.PathLike) -> None:
    """Trains a SentencePiece BPE model that gives every text back: no normalisation, bytes for rare characters.

    Only U+2581, by which SentencePiece itself marks a space, comes back as a space.
    """
    with replacing(path) as neighbour, neighbour.open("wb") as stream:
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(texts),
                model_writer=stream,
                vocab_size=size,
                model_type="bpe",
                normalization_rule_name="identity",
                remove_extra_whitespaces=False,
                byte_fallback=True,
                character_coverage=1.0,
                split_digits=True,
                unk_id=0,
                bos_id=-1,
                eos_id=1,
                pad_id=2,
                num_threads=1,
                minloglevel=2,
                max_sentence_length=1 << 20,
            )
        except RuntimeError as error:
            raise UserError(f"a vocabulary of {size} pieces cannot be trained on this text: {error}") from error
