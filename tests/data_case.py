"""What the tests of the data share: tokenizers without training, tokens by a plain loop, documents and recipes."""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from jaxmlda.config import Recipe
from jaxmlda.config.run import Rows as Settings
from jaxmlda.corpus import Document, Trial
from jaxmlda.rows import Rows, build
from jaxmlda.rows import tokens as stored
from jaxmlda.rows.tokens import Block, Tokens
from jaxmlda.rows.vocabulary import Vocabulary
from jaxmlda.streams import KINDS, texts_of

# Spaces, line ends, kana with and without combining marks, kanji, emoji with joiners, full width; not the mark
# by which SentencePiece writes a space, nor the one that stands for bytes that are no character.
CHARACTERS = st.one_of(
    st.sampled_from(" \t\n\r\u3000。、.,-aZ09ｱＡかがカ\u3099亜鉛é\u0301🙂👩🏽\u200d🔬\x00\u2028<>/s"),
    st.characters(exclude_categories=("Cs",), exclude_characters="\u2581\ufffd"),
)
TEXTS = st.text(CHARACTERS, max_size=40)


def byte_alphabet() -> list[str]:
    """The letters by which a byte-level tokenizer writes the 256 bytes, in a fixed order."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def byte_tokenizer(
    folder: Path,
    merges: tuple[tuple[str, str], ...] = (),
    special: str = "</s>",
    *,
    first: str = "!",
    opening: str | None = None,
) -> Path:
    """A folder with a tokenizer.json of bytes and a few merges; `first` has id 0, special tokens come last."""
    pieces = sorted(byte_alphabet(), key=lambda letter: (letter != first, letter))
    pieces += [left + right for left, right in merges]
    model = Tokenizer(models.BPE(vocab={piece: number for number, piece in enumerate(pieces)}, merges=list(merges)))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    model.decoder = decoders.ByteLevel()
    special_tokens = {"eos_token": special} | ({"bos_token": opening} if opening else {})
    model.add_special_tokens(list(special_tokens.values()))
    folder.mkdir(parents=True, exist_ok=True)
    model.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(special_tokens))
    return folder


class TokenText(NamedTuple):
    """One text: its tokens with the end-of-document token last, and the character at which each ends."""

    document: str
    form: str
    tokens: list[int]
    ends: list[int]
    part_stop: list[int]
    part_language: list[str]
    part_from: list[int]


def token_texts(documents: list[Document], kind: str, languages: tuple[str, ...], vocabulary: Vocabulary):
    """The tokens of every text of a stream, one text after the other."""
    for document in documents:
        for text in texts_of(document, kind, languages, {}):
            ids, spans = vocabulary.encode_with_offsets(str(text))
            stops, begin = [], 0
            for part in text.parts:
                begin += len(part.text)
                stops.append(begin)
            yield TokenText(
                text.document,
                text.form,
                [*ids, vocabulary.eos_id],
                [*(stop for _, stop in spans), begin],
                stops,
                [part.language for part in text.parts],
                [-1 if part.from_char is None else part.from_char for part in text.parts],
            )


def block_of(texts: list[TokenText]) -> Block:
    """Texts as one block of flat arrays."""

    def counts(name: str) -> np.ndarray:
        return np.array([len(getattr(text, name)) for text in texts], np.int64)

    def joined(name: str) -> list:
        return [value for text in texts for value in getattr(text, name)]

    return Block(
        [text.document for text in texts],
        [text.form for text in texts],
        counts("tokens"),
        np.array(joined("tokens"), np.int32),
        np.array(joined("ends"), np.int32),
        counts("part_stop"),
        np.array(joined("part_stop"), np.int32),
        joined("part_language"),
        np.array(joined("part_from"), np.int32),
    )


def flat(texts: list[TokenText]) -> Tokens:
    """Tokens of texts, without a file between."""
    block = block_of(texts)
    return stored.joined([stored.table_of(block)], [stored.arrays_of(block)])


def stream(name: str, kind: str, languages: str, arms: str, **rest: object) -> dict[str, object]:
    """A stream as a recipe writes it, languages and arms as words."""
    return {"name": name, "kind": kind, "languages": languages.split(), "arms": arms.split(), **rest}


def recipe_of(*phases: list[dict[str, object]], shares: tuple[float, ...] = ()) -> Recipe:
    """A recipe of phases of streams."""
    given = shares or (1.0,) * len(phases)
    written = [
        {"name": f"phase{number}", "streams": streams, "share": share}
        for number, (streams, share) in enumerate(zip(phases, given, strict=True))
    ]
    return Recipe.model_validate({"name": "case", "native_languages": ["en", "ja"], "phases": written})


class Case(NamedTuple):
    """What rows are made from."""

    documents: list[Document]
    vocabulary: Vocabulary
    trial: Trial = Trial.read(None)


def tokens_of(recipe: Recipe, case: Case) -> dict[str, Tokens]:
    """The tokens of every stream: the documents of its arms."""
    found = {}
    for one in (one for phase in recipe.phases for one in phase.streams):
        drawn = [document for document in case.documents if case.trial.arm(document.id) in one.arms]
        found[one.name] = flat(list(token_texts(drawn, one.kind, tuple(one.languages), case.vocabulary)))
    return found


def build_rows(folder: Path, recipe: Recipe, settings: Settings, case: Case) -> Rows:
    """The rows of a recipe, as `prepare` makes them, without SeqIO."""
    transfer = {one.name: KINDS[one.kind].transfer for phase in recipe.phases for one in phase.streams}
    tokens = tokens_of(recipe, case)
    special = {"pad": case.vocabulary.pad_id, "bos": case.vocabulary.bos_id}
    build.build(folder, recipe, settings, tokens, **special, trial=case.trial, transfer=transfer, meta={})
    return Rows(folder)


def texts_in(rows: Rows) -> dict[tuple[str, str, str], Counter]:
    """What stands in the rows of every text: (stream, document, form) to how often each (from_token, id) is there.

    A row's entries are its tokens with loss, one after the other.
    """
    arrays = rows.batch(0, len(rows))
    found: dict[tuple[str, str, str], Counter] = {}
    row, done = -1, 0
    for entry in rows.ledger().to_pylist():
        row, done = (row, done) if entry["row"] == row else (entry["row"], 0)
        real = arrays["tokens"][row][arrays["loss_mask"][row] > 0]
        ids = real[done : done + entry["tokens"]].tolist()
        places = range(entry["from_token"], entry["to_token"])
        key = entry["stream"], entry["document"], entry["form"]
        found.setdefault(key, Counter()).update(zip(places, ids, strict=True))
        done += entry["tokens"]
    return found
