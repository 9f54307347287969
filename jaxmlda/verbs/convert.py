"""`jaxmlda convert FROM TO`: a Hugging Face folder becomes a checkpoint, a checkpoint or run a Hugging Face folder."""

import argparse
import contextlib
import logging
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.model import Decoder, ModelConfig, huggingface
from jaxmlda.parallel import make_mesh, param_shardings, placed
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.storage import write_json
from jaxmlda.training import checkpoints
from jaxmlda.verbs.command import parser

PURPOSE = "Convert between a Hugging Face folder and a checkpoint; parameters stay as they are, bit for bit."
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
)
# Where a checkpoint keeps the files of the folder that it was made from.
CARRIED = "huggingface"
log = logging.getLogger("jaxmlda.convert")


class Converted(NamedTuple):
    """Both sides of a conversion, and the format of the parameters between them."""

    folder: epath.Path
    checkpoint: epath.Path
    dtype: str


def arguments_of(words: list[str]) -> argparse.Namespace:
    """The command line."""
    made = parser("convert", PURPOSE)
    made.add_argument("source", metavar="FROM", help="Hugging Face folder, run folder, or checkpoint folder")
    made.add_argument("target", metavar="TO", help="folder to make; it must not exist")
    made.add_argument("--step", type=int, help="checkpoint of a run folder; default: its last")
    made.add_argument("--vocabulary", help="tokenizer to export beside the weights; default: the run's own")
    made.add_argument(
        "--dtype", choices=("float32", "bfloat16"), help="number format of the parameters; default: that of FROM"
    )
    made.add_argument("--check", action="store_true", help="compare logits with transformers afterwards")
    return made.parse_args(words)


def writable(target: epath.Path) -> None:
    """Refuses a place on a local disk where no folder can be made, before anything large is read."""
    if str(target).startswith("gs://"):
        return
    home = next(place for place in target.absolute().parents if place.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".jaxmlda-", dir=str(home)):
            pass
    except OSError as error:
        raise UserError(
            f"{target}: cannot be made, {home} says: {error.strerror}; choose a TO in a folder that can be written"
        ) from error


@contextlib.contextmanager
def whole(target: epath.Path) -> Iterator[epath.Path]:
    """A folder to fill, which becomes `target` once it is complete; one that was left torn is begun anew."""
    if str(target).startswith("gs://"):
        # A bucket cannot rename a folder; Orbax finishes checkpoints there by itself.
        yield target
        return
    neighbour = target.parent / f".{target.name}.unfinished"
    # Orbax gathers a checkpoint under a name of its own.
    for torn in (neighbour, neighbour.parent / f"{neighbour.name}.orbax-checkpoint-tmp"):
        if torn.exists():
            torn.rmtree()
    yield neighbour
    neighbour.rename(target)


def to_checkpoint(source: epath.Path, target: epath.Path, dtype: str | None) -> Converted:
    """Hugging Face → checkpoint."""
    config = huggingface.read_config(source)
    huggingface.check_tokenizer(source, config)
    dtype = dtype or huggingface.stored_dtype(source)
    params = huggingface.read_params(source, config, _like(config, dtype))
    digest = checkpoints.params_digest(params)
    meta = {"run": source.name, "model": config.model_dump(), "step": 0, "digest": digest, "dtype": dtype}
    with whole(target) as folder:
        checkpoints.write_one(folder, params, meta)
        (folder / CARRIED).mkdir()
        _copy(("config.json", *TOKENIZER_FILES), source, folder / CARRIED)
    return Converted(source, target, dtype)


def to_folder(source: epath.Path, target: epath.Path, arguments: argparse.Namespace) -> Converted:
    """Run or checkpoint → Hugging Face."""
    place, vocabulary, dtype = source, arguments.vocabulary, "float32"
    if (source / "run.json").exists():
        steps = checkpoints.steps_in(source)
        step = arguments.step if arguments.step is not None else max(steps, default=None)
        if step not in steps:
            raise UserError(f"{source}: no finished checkpoint of step {step}; there are {steps}")
        place = source / checkpoints.SCIENCE / str(step)
        settings = yaml.safe_load((source / "config.yaml").read_text())
        vocabulary = vocabulary or settings["vocabulary"]
        dtype = settings["training"]["precision"]["parameters"]
    meta = checkpoints.read_meta(place)
    config = ModelConfig.model_validate(meta["model"])
    dtype = arguments.dtype or meta.get("dtype", dtype)
    pieces = vocabularies.load(vocabulary) if vocabulary else None
    with whole(target) as folder:
        special = _special(place, pieces)
        huggingface.write(folder, config, checkpoints.read_params(place, _like(config, dtype)), special)
        if vocabulary:
            copy_tokenizer(epath.Path(vocabulary), folder, pieces)
        else:
            _copy(TOKENIZER_FILES, place / CARRIED, folder)
        huggingface.check_tokenizer(folder, config)
    return Converted(target, place, dtype)


def _special(place: epath.Path, pieces: vocabularies.Vocabulary | None) -> dict[str, Any]:
    """Ids of the special tokens: those of the vocabulary, or of the folder that the checkpoint was made from."""
    if pieces is not None:
        return {"bos": pieces.bos_id, "eos": pieces.eos_id, "pad": pieces.pad_id}
    return huggingface.special_ids(place / CARRIED) if (place / CARRIED).exists() else {}


def copy_tokenizer(vocabulary: epath.Path, target: epath.Path, pieces: vocabularies.Vocabulary) -> None:
    """The tokenizer's own files; a lone SentencePiece model gets the settings that transformers needs to read it."""
    if vocabulary.suffix == ".model":
        vocabulary.copy(target / "tokenizer.model", overwrite=True)
        tokens = {
            f"{role}_token": pieces.piece(number) for role, number in (("bos", pieces.bos_id), ("eos", pieces.eos_id))
        }
        settings = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "legacy": False}
        write_json(target / "tokenizer_config.json", settings | tokens)
        return
    _copy(TOKENIZER_FILES, vocabulary if vocabulary.is_dir() else vocabulary.parent, target)


def _copy(names: tuple[str, ...], source: epath.Path, target: epath.Path) -> None:
    for name in names:
        if (source / name).exists():
            (source / name).copy(target / name, overwrite=True)


def _like(config: ModelConfig, dtype: str) -> Any:
    mesh = make_mesh({"fsdp": -1})
    abstract = Decoder(config).abstract(dtype)
    return placed(abstract, param_shardings(mesh, abstract))


def run(words: list[str]) -> int:
    """The verb."""
    arguments = arguments_of(words)
    source, target = epath.Path(arguments.source), epath.Path(arguments.target)
    if not source.exists():
        raise UserError(f"{source}: there is no such folder")
    if target.exists():
        raise UserError(f"{target}: exists already; choose another folder, or delete it")
    writable(target)
    if arguments.check:
        huggingface.check.needed()
    if (source / "config.json").exists():
        done = to_checkpoint(source, target, arguments.dtype)
    else:
        done = to_folder(source, target, arguments)
    log.info("%s: written", target)
    if arguments.check:
        _compare(done, target)
    return 0


def _compare(done: Converted, target: epath.Path) -> None:
    config = ModelConfig.model_validate(checkpoints.read_meta(done.checkpoint)["model"])
    params = checkpoints.read_params(done.checkpoint, _like(config, done.dtype))
    try:
        log.info("%s", huggingface.check.check(done.folder, Decoder(config), params, done.dtype))
    except UserError as error:
        raise UserError(f"{error}; {target} stays as it was written, delete it") from error
