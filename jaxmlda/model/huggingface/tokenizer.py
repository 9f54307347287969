"""A folder's tokenizer against the embedding. In: a Hugging Face folder, a model; out: a refusal, or nothing."""

from typing import Any

import sentencepiece
import tokenizers
from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.model.config import ModelConfig
from jaxmlda.model.huggingface.config import CONFIG, special_ids


def check_tokenizer(folder: epath.PathLike, config: ModelConfig) -> None:
    """Refuses ids beyond the embedding table; a special token that nothing makes may lie there."""
    home = epath.Path(folder)
    highest = _highest(home)
    if highest is None:
        return
    if highest >= config.vocab_size:
        raise UserError(
            f"{home}: the tokenizer makes ids up to {highest}, the embedding has {config.vocab_size} rows; they do "
            "not belong together, copy the tokenizer of this model"
        )
    for role, ids in special_ids(home).items():
        beyond = max(ids if isinstance(ids, list) else [ids or 0], default=0)
        if beyond >= config.vocab_size:
            raise UserError(
                f"{home / CONFIG}: {role}_token_id is {ids}, the embedding has {config.vocab_size} rows; give an id "
                f"below {config.vocab_size}, or null"
            )


def _highest(home: epath.Path) -> int | None:
    """The highest id that a text or the tokens put around it can get; None without a tokenizer."""
    if (home / "tokenizer.json").exists():
        model = _loaded(home / "tokenizer.json", tokenizers.Tokenizer.from_file)
        special = {number for number, token in model.get_added_tokens_decoder().items() if token.special}
        around = model.encode("", add_special_tokens=True).ids
        return max({*model.get_vocab(with_added_tokens=True).values()} - special | {*around}, default=0)
    if (home / "tokenizer.model").exists():
        load = sentencepiece.SentencePieceProcessor
        return _loaded(home / "tokenizer.model", lambda path: load(model_file=path)).vocab_size() - 1
    return None


def _loaded(path: epath.Path, load: Any) -> Any:
    try:
        return load(str(path))
    except Exception as error:  # the libraries raise bare Exception or RuntimeError for every fault of the file
        raise UserError(f"{path}: cannot be read as a tokenizer ({error}); copy it again") from error
