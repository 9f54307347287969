"""`jaxmlda probe --model PATH --questions FILE_OR_DIR...`: question sets scored at every checkpoint of PATH.

In: a run folder, one checkpoint, or a Hugging Face folder; out: `scores/step_XXXXXXXX/SET.parquet` and `summary.json`.
Finished checkpoints are skipped; a torn one is named and the exit status says so.
"""

import argparse
import logging
from typing import Any

import yaml
from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.model import Decoder, ModelConfig, huggingface
from jaxmlda.parallel import cluster, make_mesh, param_shardings, placed
from jaxmlda.probe import sweep
from jaxmlda.probe.evaluate import Evaluator
from jaxmlda.probe.scorer import DTYPES
from jaxmlda.rows.vocabulary import load as load_vocabulary
from jaxmlda.storage import digest, file_digest, read_json
from jaxmlda.training import checkpoints
from jaxmlda.verbs.command import FAULT, parser
from jaxmlda.verbs.sets import read_sets

PURPOSE = "Score question sets at every checkpoint of a run, at one checkpoint, or with a Hugging Face model."
log = logging.getLogger("jaxmlda.probe")


def arguments_of(words: list[str]) -> argparse.Namespace:
    """The command line."""
    made = parser("probe", PURPOSE)
    made.add_argument("--model", required=True, help="run folder, checkpoint folder, or Hugging Face folder")
    made.add_argument("--questions", required=True, nargs="+", help="question files, or folders of them")
    made.add_argument(
        "--rule",
        choices=("joint", "harness", "published"),
        default="joint",
        help="how an option's span is found",
    )
    made.add_argument("--dtype", choices=("fp32", "bf16"), default="fp32", help="number format of the scoring pass")
    made.add_argument("--vocabulary", help="tokenizer; default: the run's own, or the one in the Hugging Face folder")
    made.add_argument("--out", required=True, help="folder of scores/ and summary.json")
    return made.parse_args(words)


class Model:
    """What PATH holds: a configuration, a vocabulary, and checkpoints that can be loaded one by one."""

    def __init__(self, config: ModelConfig, vocabulary: str | None, places: dict[int, epath.Path], hf: bool) -> None:
        self.config, self.vocabulary, self.places, self.hf = config, vocabulary, places, hf

    def digest(self, step: int) -> str:
        """Digest of a checkpoint's weights; of a Hugging Face folder, of its weight files."""
        if self.hf:
            return digest([file_digest(path) for path in sorted(self.places[step].glob("*.safetensors"))])
        return checkpoints.read_meta(self.places[step])["digest"]

    def trained_vocabulary(self, step: int) -> str | None:
        """Digest of the vocabulary that a checkpoint was trained with, where it says so."""
        return None if self.hf else checkpoints.read_meta(self.places[step]).get("vocabulary")

    def params(self, step: int, like: Any) -> Any:
        """The weights of a checkpoint."""
        if self.hf:
            return huggingface.read_params(self.places[step], self.config, like)
        return checkpoints.read_params(self.places[step], like)


def find_model(path: str) -> Model:
    """Tells a Hugging Face folder, a run folder and a checkpoint apart by what is in them."""
    home = epath.Path(path)
    if not home.exists():
        raise UserError(f"--model: {home}: there is no such folder")
    if (home / "config.json").exists():
        return Model(huggingface.read_config(home), str(home), {0: home}, hf=True)
    if (home / "run.json").exists():
        places = {step: home / checkpoints.SCIENCE / str(step) for step in checkpoints.steps_in(home)}
        if not places:
            raise UserError(f"{home}: no finished checkpoint yet; wait for the run, or probe another")
        return Model(_config(next(iter(places.values()))), _vocabulary(home), places, hf=False)
    meta = checkpoints.read_meta(home)
    return Model(_config(home), None, {meta["step"]: home}, hf=False)


def _config(checkpoint: epath.Path) -> ModelConfig:
    return ModelConfig.model_validate(checkpoints.read_meta(checkpoint)["model"])


def _vocabulary(run: epath.Path) -> str:
    return yaml.safe_load((run / "config.yaml").read_text())["vocabulary"]


def probe(arguments: argparse.Namespace) -> sweep.Outcome:
    """Scores every checkpoint that is not finished."""
    model = find_model(arguments.model)
    named = arguments.vocabulary or model.vocabulary
    if named is None:
        raise UserError(f"{arguments.model}: one checkpoint says nothing of its tokenizer; give --vocabulary")
    vocabulary = load_vocabulary(named)
    if vocabulary.size > model.config.vocab_size:
        raise UserError(
            f"{named}: {vocabulary.size} pieces, the model embeds {model.config.vocab_size}; "
            "they do not belong together"
        )
    trained = {model.trained_vocabulary(step) for step in model.places} - {None, vocabulary.digest}
    if trained:
        raise UserError(
            f"{named}: has digest {vocabulary.digest}, but {arguments.model} was trained with the vocabulary "
            f"{trained.pop()}; give that one as --vocabulary"
        )
    mesh = make_mesh({"fsdp": -1})
    decoder = Decoder(model.config)
    evaluator = Evaluator(
        decoder,
        vocabulary,
        read_sets(arguments.questions),
        rule=arguments.rule,
        mesh=mesh,
        dtype=arguments.dtype,
    )
    abstract = decoder.abstract(DTYPES[arguments.dtype])
    like = placed(abstract, param_shardings(mesh, abstract))
    todo = [
        sweep.Checkpoint(step, model.digest(step), lambda step=step: model.params(step, like))
        for step in sorted(model.places)
    ]
    return sweep.run(evaluator, todo, arguments.out)


def run(words: list[str]) -> int:
    """The verb."""
    arguments = arguments_of(words)
    cluster.join()
    outcome = probe(arguments)
    summary = read_json(epath.Path(arguments.out) / "summary.json")
    for checkpoint in summary["checkpoints"]:
        told = ", ".join(f"{name} {values['accuracy']['token']:.1%}" for name, values in checkpoint["sets"].items())
        log.info("step %d: %s", checkpoint["step"], told)
    return FAULT if outcome.failed else 0
