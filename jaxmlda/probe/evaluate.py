"""The evaluator: question sets made ready once, then scored at any number of checkpoints.

In: a decoder, a vocabulary, question sets. Out: `scores/step_XXXXXXXX/SET.parquet` and accuracies. The training
loop and the sweep over finished checkpoints use the same object, so the same weights have the same scores
in both.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyarrow as pa
from etils import epath
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from jaxmlda import model, questions, storage
from jaxmlda.errors import UserError
from jaxmlda.model import Decoder
from jaxmlda.probe import accuracy, rules, tables, templates
from jaxmlda.probe.prepare import prepare
from jaxmlda.probe.scorer import Params, Scorer
from jaxmlda.questions import Question, baselines
from jaxmlda.rows.vocabulary import Vocabulary

log = logging.getLogger(__name__)

Accuracies = dict[str, dict[str, float | None]]
GUESSERS = (baselines.chance, baselines.longest, baselines.shortest, baselines.options_classifier)
KEY, COST = b"jaxmlda.key", b"jaxmlda.cost"


class Evaluator:
    """Scores its sets at a checkpoint: `evaluator(step, params, digest, out_dir)`; finished sets are
    skipped.
    """

    def __init__(
        self,
        decoder: Decoder,
        vocabulary: Vocabulary,
        sets: Mapping[str, Sequence[Question]],
        *,
        rule: str = "joint",
        template: str | None = None,
        mesh: Mesh | None = None,
        dtype: str = "fp32",
        rows_per_batch: int | None = None,
        row_length: int | None = None,
    ) -> None:
        if not sets or not all(sets.values()):
            raise UserError("probe.questions: no question to score; name at least one file of questions.")
        self.sets = {name: list(of) for name, of in sets.items()}
        self.rule, self.share_ties = rule, rules.shares_ties(rule)
        self.template = templates.load(template or ("published" if rule == "published" else "adaxeval"))
        self.tokenizer = vocabulary.digest
        self.scorer = Scorer(decoder, mesh, rows_per_batch, dtype)
        self.dtype = self.scorer.dtype
        self.ready = prepare(
            self.sets,
            vocabulary,
            rules.by_name(rule),
            self.template,
            self.scorer,
            split=rule == "joint",
            row_length=row_length,
        )
        self._baselines: dict[str, dict[str, float | None]] = {}
        self.question_digests = {name: questions.digest(of) for name, of in self.sets.items()}

    def __call__(self, step: int, params: Params, digest: str, out_dir: epath.PathLike) -> Accuracies:
        """Score the sets that `out_dir` does not hold yet, write their tables, return accuracies of all
        sets.
        """
        pending = self.pending(step, digest, out_dir)
        if pending:
            option_sums = self._sums(params, None, step)
            for name in pending:
                self._score(name, step, params, digest, out_dir, option_sums=option_sums)
        return {name: self._accuracies(name, step, out_dir) for name in self.sets}

    def pending(self, step: int, digest: str, out_dir: epath.PathLike) -> list[str]:
        """Sets without a finished table of this checkpoint, tokenizer, questions, template, rule, dtype and
        code.
        """
        open_ = [not self._done(name, step, digest, out_dir) for name in self.sets]
        if jax.process_count() > 1:
            # Processes that disagreed would wait for each other for ever; the first one's view holds.
            open_ = list(multihost_utils.broadcast_one_to_all(np.array(open_)))
        return [name for name, still in zip(self.sets, open_, strict=True) if still]

    def compile(self, params_abstract: Params | None = None) -> Any:
        """Compile before any weight is there; all sets share one executable."""
        return self.scorer.compile(params_abstract or self.scorer.decoder.abstract(), self.ready.options)

    @property
    def n_questions(self) -> int:
        """Questions in all sets."""
        return sum(len(of) for of in self.sets.values())

    def key(self, name: str, digest: str) -> dict[str, str]:
        """What a table depends on; a table with another key is scored again."""
        return {
            "checkpoint": digest,
            "tokenizer": self.tokenizer,
            "questions": self.question_digests[name],
            "template": self.template.digest,
            "rule": self.rule,
            "dtype": self.dtype,
            "code": code_version(),
        }

    def baselines(self, name: str) -> dict[str, float | None]:
        """What a guesser without a model reaches on a set; worked out when it is first asked for."""
        if name not in self._baselines:
            of = self.sets[name]
            self._baselines[name] = {guess.__name__: guess(of) for guess in GUESSERS}
        return self._baselines[name]

    def table(self, name: str, step: int, out_dir: epath.PathLike) -> pa.Table | None:
        """A set's finished table, None if there is none."""
        path = path_of(out_dir, step, name)
        return storage.read_table(path) if path.exists() else None

    def _score(
        self, name: str, step: int, params: Params, digest: str, out_dir: Any, *, option_sums: np.ndarray
    ) -> None:
        begun = time.perf_counter()
        sums = self._sums(params, name, step)
        cost = {
            "seconds": time.perf_counter() - begun,
            "questions": len(self.sets[name]),
            "tokens": self.ready.plans[name].n_tokens,
        }
        table = tables.build(self.ready.items[name], step, digest, sums, option_sums)
        metadata = {KEY: json.dumps(self.key(name, digest)).encode(), COST: json.dumps(cost).encode()}
        if jax.process_index() == 0:
            storage.write_table(path_of(out_dir, step, name), table.replace_schema_metadata(metadata))
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"scores of {name} at step {step}")

    def _sums(self, params: Params, name: str | None, step: int) -> np.ndarray:
        plan = self.ready.options if name is None else self.ready.plans[name]
        sums = self.scorer.score(params, plan)
        if not np.isfinite(sums).all():
            raise UserError(
                f"Step {step}: scores are not finite; its weights hold NaN or are torn, probe another step."
            )
        return sums

    def _done(self, name: str, step: int, digest: str, out_dir: epath.PathLike) -> bool:
        path = path_of(out_dir, step, name)
        if not path.exists():
            return False
        held = metadata_of(path)
        return held is not None and held[0] == self.key(name, digest)

    def _accuracies(self, name: str, step: int, out_dir: epath.PathLike) -> dict[str, float | None]:
        table, base = self.table(name, step, out_dir), self.table(name, 0, out_dir)
        return accuracy.accuracies(table, share=self.share_ties, base=base)


def path_of(out_dir: epath.PathLike, step: int, name: str) -> epath.Path:
    """Where the table of a set at a step lies."""
    return epath.Path(out_dir) / "scores" / f"step_{step:08d}" / f"{name}.parquet"


def metadata_of(path: epath.PathLike) -> tuple[dict[str, str], dict[str, float]] | None:
    """Key and cost of a finished table; None if the file cannot be read or was not written by the probe."""
    try:
        held = storage.read_table(path, columns=["step"]).schema.metadata or {}
    except UserError as error:
        log.warning("%s; it is scored again", error)
        return None
    return (json.loads(held[KEY]), json.loads(held[COST])) if KEY in held and COST in held else None


@functools.cache
def code_version() -> str:
    """Digest of the source that decides a score: the probe and the model."""
    folders = [Path(__file__).parent, Path(model.__file__).parent]
    state = hashlib.sha256()
    for source in sorted(path for folder in folders for path in folder.glob("[a-z]*.py")):
        state.update(source.name.encode() + source.read_bytes())
    return state.hexdigest()[: len(storage.digest(b""))]
