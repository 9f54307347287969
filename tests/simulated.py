"""A simulated run folder: score tables with planted acquisition and transfer, for tests that need no model.

In: group sizes and planted effects (accuracy). Out: files as the probe writes them, the trial, the question
records.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from jaxmlda.storage import write_table

STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 400)
BASE = 0.32
SCHEMA = pa.schema(
    [
        ("step", pa.int64()),
        *[(name, pa.string()) for name in ("digest", "set", "question")],
        ("option", pa.int32()),
        ("gold", pa.bool_()),
        *[(name, pa.string()) for name in ("document", "cluster", "language", "written_in", "form", "pair")],
        *[(name, pa.float64()) for name in ("sum_logp", "sum_logp_rest")],
        *[(name, pa.int32()) for name in ("n_tok", "n_char", "n_byte")],
        *[(name, pa.float64()) for name in ("sum_logp_neutral", "sum_logp_alone")],
        *[(name, pa.bool_()) for name in ("truncated", "merged")],
    ]
)


@dataclass
class Plan:
    """`effects[group][language]` is the planted final gain in accuracy beyond `style`, which every group
    gains.
    """

    sizes: dict[str, int] = field(default_factory=lambda: {"en": 90, "ja": 90, "both": 60, "none": 80})
    effects: dict[str, dict[str, float]] = field(
        default_factory=lambda: {
            "en": {"en": 0.30, "ja": 0.0},
            "ja": {"en": 0.04, "ja": 0.30},
            "both": {"en": 0.35, "ja": 0.35},
        }
    )
    style: float = 0.03
    per_document: int = 4
    correlation: float = 0.2
    steps: tuple[int, ...] = STEPS
    languages: tuple[str, ...] = ("en", "ja")
    forms: tuple[str, ...] = ("mem", "gen")
    seed: int = 0


WORDS = {
    "en": (
        "Which enzyme does compound {n} inhibit in the renal cortex?",
        "Compound {n} inhibits [BLANK] in the renal cortex.",
    ),
    "ja": ("化合物{n}が腎皮質で阻害する酵素はどれですか。", "化合物{n}は腎皮質で[BLANK]を阻害する。"),
}
OPTIONS = {
    "en": ("kinase A{n}", "lipase B{n}", "protease C{n}", "synthase D{n}"),
    "ja": ("キナーゼA{n}", "リパーゼB{n}", "プロテアーゼC{n}", "シンターゼD{n}"),
}


def documents(plan: Plan) -> tuple[list[str], list[str]]:
    """Document ids and their arms."""
    arms = [arm for arm, size in plan.sizes.items() for _ in range(size)]
    return [f"doc{i:04d}" for i in range(len(arms))], arms


def trial(plan: Plan) -> pa.Table:
    """The trial table of the plan; every document is a cluster of its own."""
    ids, arms = documents(plan)
    return pa.table({"document": ids, "cluster": [f"c-{d}" for d in ids], "arm": arms})


def write(folder: Path, plan: Plan) -> list[dict]:
    """Writes `scores/step_XXXXXXXX/SET.parquet` and returns the questions as plain records."""
    rng = np.random.default_rng(plan.seed)
    ids, arms = documents(plan)
    questions: list[dict] = []
    for language in plan.languages:
        for form in plan.forms:
            records = [_question(language, form, d, k, rng) for d in ids for k in range(plan.per_document)]
            arm = np.repeat(arms, plan.per_document)
            name = records[0]["set"]
            skill = _skill(plan, len(ids), rng)
            for step, table in _tables(plan, records, arm, skill, rng):
                write_table(folder / "scores" / f"step_{step:08d}" / f"{name}.parquet", table)
            questions += records
    return questions


def _question(language: str, form: str, document: str, k: int, rng: np.random.Generator) -> dict:
    number = f"{document[3:]}{k}"
    gen, mem = WORDS[language]
    text = (gen if form == "gen" else mem).format(n=number)
    kind = "generalization" if form == "gen" else "memorization"
    return {
        "id": f"{document}_sentid:{k}",
        "set": f"{language}_knowledge_{kind}",
        "question": text,
        "options": [option.format(n=number) for option in OPTIONS[language]],
        "answers": [int(rng.integers(4))],
        "language": language,
        "form": form,
        "document": document,
        "sentence": mem.format(n=number),
    }


def _skill(plan: Plan, n: int, rng: np.random.Generator) -> np.ndarray:
    shared = np.repeat(rng.standard_normal(n), plan.per_document)
    own = rng.standard_normal(n * plan.per_document)
    return norm.cdf(np.sqrt(plan.correlation) * shared + np.sqrt(1 - plan.correlation) * own)


def _tables(plan, records, arm, skill, rng):
    n, language = len(records), records[0]["language"]
    gold = np.array([r["answers"][0] for r in records])
    tokens = rng.integers(2, 4, (n, 4))
    alone = rng.normal(-4, 1, (n, 4))
    noise = rng.uniform(-0.8, 0, (n, 4))
    planted = np.array([plan.effects.get(a, {}).get(language, 0.0) for a in arm])
    last = np.log1p(plan.steps[-1]) or 1.0
    for step in plan.steps:
        share = np.log1p(step) / last
        right = skill < BASE + (plan.style + planted) * share
        mean = -3.0 + noise + 1e-3 * rng.standard_normal((n, 4))
        mean[np.arange(n), gold] = np.where(right, -2.0, -4.5) - 0.3 * skill
        values = {"n_tok": tokens, "sum_logp": mean * tokens, "sum_logp_alone": alone * tokens}
        yield step, _table(step, records, values)


def _table(step, records, values) -> pa.Table:
    n, tokens = len(records), values["n_tok"]
    gold = [r["answers"][0] for r in records]
    flat = {
        "step": np.full(n * 4, step),
        "digest": [f"digest{step}"] * (n * 4),
        "set": [records[0]["set"]] * (n * 4),
        "question": np.repeat([r["id"] for r in records], 4),
        "option": np.tile(np.arange(4), n).astype(np.int32),
        "gold": np.tile(np.arange(4), n) == np.repeat(gold, 4),
        "document": np.repeat([r["document"] for r in records], 4),
        "cluster": [None] * (n * 4),
        "language": [records[0]["language"]] * (n * 4),
        "written_in": [records[0]["language"]] * (n * 4),
        "form": [records[0]["form"]] * (n * 4),
        "pair": np.repeat([f"{r['document']}/{r['id']}" for r in records], 4),
        "sum_logp": values["sum_logp"].ravel().astype(np.float32).astype(np.float64),
        "sum_logp_rest": [None] * (n * 4),
        "n_tok": tokens.ravel().astype(np.int32),
        "n_char": (tokens.ravel() * 4).astype(np.int32),
        "n_byte": (tokens.ravel() * 5).astype(np.int32),
        "sum_logp_neutral": [None] * (n * 4),
        "sum_logp_alone": values["sum_logp_alone"].ravel().astype(np.float32).astype(np.float64),
        "truncated": [False] * (n * 4),
        "merged": [False] * (n * 4),
    }
    return pa.table(flat, schema=SCHEMA)
