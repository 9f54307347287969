"""`jaxmlda convert FROM TO`: a Hugging Face folder becomes a checkpoint, a checkpoint or run a Hugging Face folder."""

import argparse
import logging

import jax
import yaml
from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.model import Decoder, ModelConfig, huggingface
from jaxmlda.parallel import make_mesh, param_shardings
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.storage import write_json
from jaxmlda.training import checkpoints
from jaxmlda.verbs.command import parser

PURPOSE = "Convert between a Hugging Face folder and a checkpoint; parameters stay as they are, bit for bit."
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
)
log = logging.getLogger("jaxmlda.convert")


def arguments_of(words: list[str]) -> argparse.Namespace:
    """The command line."""
    made = parser("convert", PURPOSE)
    made.add_argument("source", metavar="FROM", help="Hugging Face folder, run folder, or checkpoint folder")
    made.add_argument("target", metavar="TO", help="folder to make; it must not exist")
    made.add_argument("--step", type=int, help="checkpoint of a run folder; default: its last")
    made.add_argument("--vocabulary", help="tokenizer to export beside the weights; default: the run's own")
    made.add_argument(
        "--dtype", choices=("float32", "bfloat16"), default="float32", help="number format of the parameters"
    )
    return made.parse_args(words)


def to_checkpoint(source: epath.Path, target: epath.Path, dtype: str) -> None:
    """Hugging Face → checkpoint."""
    config = huggingface.read_config(source)
    params = huggingface.read_params(source, config, _like(config, dtype))
    digest = checkpoints.params_digest(params)
    meta = {"run": source.name, "model": config.model_dump(), "step": 0, "digest": digest}
    checkpoints.write_one(target, params, meta)


def to_folder(source: epath.Path, target: epath.Path, arguments: argparse.Namespace) -> None:
    """Run or checkpoint → Hugging Face."""
    place, vocabulary = source, arguments.vocabulary
    if (source / "run.json").exists():
        steps = checkpoints.steps_in(source)
        step = arguments.step if arguments.step is not None else max(steps, default=None)
        if step not in steps:
            raise UserError(f"{source}: no finished checkpoint of step {step}; there are {steps}")
        place = source / checkpoints.SCIENCE / str(step)
        vocabulary = vocabulary or yaml.safe_load((source / "config.yaml").read_text())["vocabulary"]
    config = ModelConfig.model_validate(checkpoints.read_meta(place)["model"])
    params = checkpoints.read_params(place, _like(config, arguments.dtype))
    special: dict[str, int | None] = {}
    if vocabulary:
        pieces = vocabularies.load(vocabulary)
        special = {"bos": pieces.bos_id, "eos": pieces.eos_id, "pad": pieces.pad_id}
    huggingface.write(target, config, params, special)
    if vocabulary:
        copy_tokenizer(epath.Path(vocabulary), target, pieces)


def copy_tokenizer(vocabulary: epath.Path, target: epath.Path, pieces: vocabularies.Vocabulary) -> None:
    """The tokenizer's own files; a lone SentencePiece model gets the settings that transformers needs to read it."""
    folder = vocabulary if vocabulary.is_dir() else vocabulary.parent
    if vocabulary.suffix == ".model":
        vocabulary.copy(target / "tokenizer.model", overwrite=True)
        tokens = {
            f"{role}_token": pieces.piece(number) for role, number in (("bos", pieces.bos_id), ("eos", pieces.eos_id))
        }
        settings = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "legacy": False}
        write_json(target / "tokenizer_config.json", settings | tokens)
        return
    for name in TOKENIZER_FILES:
        if (folder / name).exists():
            (folder / name).copy(target / name, overwrite=True)


def _like(config: ModelConfig, dtype: str) -> jax.ShapeDtypeStruct:
    mesh = make_mesh({"fsdp": -1})
    abstract = Decoder(config).abstract(dtype)
    cut = param_shardings(mesh, abstract)
    return jax.tree.map(lambda leaf, one: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=one), abstract, cut)


def run(words: list[str]) -> int:
    """The verb."""
    arguments = arguments_of(words)
    source, target = epath.Path(arguments.source), epath.Path(arguments.target)
    if not source.exists():
        raise UserError(f"{source}: there is no such folder")
    if target.exists():
        raise UserError(f"{target}: exists already; choose another folder, or delete it")
    if (source / "config.json").exists():
        to_checkpoint(source, target, arguments.dtype)
    else:
        to_folder(source, target, arguments)
    log.info("%s: written", target)
    return 0
