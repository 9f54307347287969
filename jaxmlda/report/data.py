"""What the report is given for each run, and the same run once it is analysed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from jaxmlda import dynamics
from jaxmlda.dynamics.registry import Results, Row
from jaxmlda.dynamics.summary import summarise
from jaxmlda.errors import UserError


@dataclass
class RunData:
    """One run as read from its folder.

    `config` is config.yaml, `info` is run.json (native_languages and tokens_per_step are needed), `questions`
    are plain records (id, set, question, options, answers, language, form, document, sentence), `metrics` the
    lines of metrics.jsonl, `exposures` how often each (set, id) was trained on, `baselines` by set: chance,
    longest, shortest, options_model, options_classifier.
    """

    name: str
    config: Mapping[str, Any]
    info: Mapping[str, Any]
    scores: dynamics.Scores
    trial: pa.Table | None
    questions: list[Mapping[str, Any]]
    metrics: list[Mapping[str, Any]] = field(default_factory=list)
    exposures: Mapping[tuple[str, str], int] | None = None
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Analysed:
    """A run with every measure's rows, its flags, and one summary row for each contrast."""

    data: RunData
    study: dynamics.Study
    results: Results
    flags: list[dynamics.Flag]
    summary: list[Row]

    @property
    def name(self) -> str:
        return self.data.name


def analyse(data: RunData, draws: int, seed: int) -> Analysed:
    """Joins scores and trial and works out every registered measure."""
    for key in ("native_languages", "tokens_per_step"):
        if key not in data.info:
            raise UserError(f"run.json of {data.name}: {key} is missing; train or probe the run again")
    study = dynamics.study(
        data.name,
        data.scores,
        data.trial,
        data.info["native_languages"],
        data.info["tokens_per_step"],
        baselines=data.baselines,
        draws=draws,
        seed=seed,
        leaks=data.info.get("allow_leak", False),
    )
    results, flags = dynamics.analyse(study)
    return Analysed(data, study, results, flags, summarise(study, results["effects"]))
