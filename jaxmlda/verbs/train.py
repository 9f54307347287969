"""`jaxmlda train CONFIG`: from rows and weights to a run folder, probing at every science checkpoint.

In: a run file whose rows are prepared; out: `OUTPUT/` with configuration, ledger, checkpoints, metrics and scores.
"""

import contextlib
import logging
from typing import Any

import jax
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from etils import epath

from jaxmlda import __version__, questions
from jaxmlda.config import Run, dump
from jaxmlda.errors import UserError
from jaxmlda.model import ModelConfig
from jaxmlda.parallel import cluster, make_mesh
from jaxmlda.probe.evaluate import Evaluator
from jaxmlda.questions import Question
from jaxmlda.rows import Rows
from jaxmlda.rows.vocabulary import Vocabulary
from jaxmlda.rows.vocabulary import load as load_vocabulary
from jaxmlda.storage import lock, write_json, write_table, write_text
from jaxmlda.training.loop import Loop
from jaxmlda.training.setup import decoder_of, plan
from jaxmlda.verbs.command import code_digest, environment, print_config, read_run, run_file_parser
from jaxmlda.verbs.plan_checks import check_length
from jaxmlda.verbs.sets import read_sets
from jaxmlda.verbs.sources import check_source, source_of
from jaxmlda.verbs.weights import model_of, trained_vocabulary, weights_of

PURPOSE = "Train on prepared rows; the same command goes on where an interrupted run was."
MOVABLE = ("mesh", "checkpoints.resume_minutes", "checkpoints.resume_keep")
DONE = "done.json"
log = logging.getLogger("jaxmlda.train")


class LoopProbe:
    """The evaluator as the training loop calls it: tables go to the run's own folder."""

    def __init__(self, evaluator: Evaluator, run: Run) -> None:
        self.evaluator, self.folder = evaluator, epath.Path(run.output)

    def __call__(self, step: int, params: Any, digest: str) -> None:
        self.evaluator(step, params, digest, self.folder)


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted names."""
    found = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def check_folder(run: Run) -> None:
    """A run folder belongs to one configuration; what may change between restarts is left out."""
    path = epath.Path(run.output) / "config.yaml"
    if not path.exists():
        return
    before, now = flat(yaml.safe_load(path.read_text())), flat(yaml.safe_load(dump(run)))
    changed = [
        f"{name}: {before.get(name)!r} there, {now.get(name)!r} now"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name) and not name.startswith(MOVABLE)
    ]
    if changed:
        raise UserError(
            f"{run.output} is the folder of another configuration ({'; '.join(changed)}); "
            "choose another output, or delete it"
        )


def check_fit(run: Run, rows: Rows, vocabulary: Vocabulary, model: ModelConfig) -> None:
    """Configuration, rows, tokenizer and model must fit one another before anything is allocated."""
    check_source(rows.folder, rows.meta["source"], source_of(run))
    trained = trained_vocabulary(run)
    if trained not in (None, vocabulary.digest):
        raise UserError(
            f"init.path: {run.init.path} was trained with the vocabulary {trained}, {run.vocabulary} has digest "
            f"{vocabulary.digest}; give the vocabulary of the weights"
        )
    if vocabulary.size > model.vocab_size:
        raise UserError(
            f"{run.vocabulary}: {vocabulary.size} pieces, the model embeds {model.vocab_size}; "
            "they do not belong together"
        )
    check_length(run, model)


def step_ledger(ledger: pa.Table, batch_size: int, steps: int) -> pa.Table:
    """The row ledger with the step that trains each row: step = row // batch size."""
    step = pc.divide(ledger["row"], batch_size)
    return ledger.add_column(0, "step", step).filter(pc.less(step, steps))


def tell(run: Run, rows: Rows, vocabulary: Vocabulary, sets: dict[str, list[Question]], tokens_per_step: int) -> None:
    """Writes what the run is made from, before it begins."""
    home = epath.Path(run.output)
    digests = dict(rows.meta["source"])
    digests["code"] = code_digest()
    digests["questions"] = {name: questions.digest(asked) for name, asked in sets.items()}
    story = {
        "name": run.name,
        "recipe": rows.meta["recipe"],
        "native_languages": rows.meta["native_languages"],
        "allow_leak": rows.meta["allow_leak"],
        "tokens_per_step": tokens_per_step,
        "digests": digests,
        "environment": environment() | {"jaxmlda": __version__, "devices": [str(device) for device in jax.devices()]},
    }
    write_json(home / "run.json", story)
    write_text(home / "config.yaml", dump(run))


def run_training(run: Run) -> None:
    """Trains a run to its last step."""
    rows = Rows(epath.Path(run.output) / "rows")
    vocabulary = load_vocabulary(run.vocabulary)
    model = model_of(run)
    check_fit(run, rows, vocabulary, model)
    todo = plan(run, rows)
    sets = read_sets(run.probe.questions) if run.probe.questions else {}
    mesh = make_mesh(run.mesh.model_dump())
    settings = run.training
    decoder = decoder_of(run, model, mesh)
    probes = []
    if sets:
        evaluator = Evaluator(decoder, vocabulary, sets, rule=run.probe.rule, mesh=mesh, dtype=run.probe.dtype)
        evaluator.compile(decoder.abstract(settings.precision.parameters))
        probes.append(LoopProbe(evaluator, run))
    home = epath.Path(run.output)
    if cluster.first():
        tell(run, rows, vocabulary, sets, todo.tokens_per_step)
        write_table(home / "steps.parquet", step_ledger(rows.ledger(), settings.batch_size, todo.steps))
    meta = {
        "run": run.name,
        "model": model.model_dump(),
        "vocabulary": vocabulary.digest,
        "tokens_per_step": todo.tokens_per_step,
    }
    Loop(run, decoder, rows, mesh, meta).train(lambda like: weights_of(run, decoder, like), probes)
    if cluster.first():
        write_json(home / DONE, {"step": todo.steps})


def run(words: list[str]) -> int:
    """The verb."""
    arguments, settings = read_run(run_file_parser("train", PURPOSE), words)
    if arguments.print_config:
        return print_config(settings)
    cluster.join()
    with lock(settings.output) if cluster.first() else contextlib.nullcontext():
        check_folder(settings)
        if (epath.Path(settings.output) / DONE).exists():
            log.info("%s is finished: nothing to do", settings.output)
        else:
            run_training(settings)
    return 0
