"""The positive control: where the second language is the first, letter for letter, asking in either is the same."""

import jax
import numpy as np
import pyarrow.parquet as pq
import pytest
from demo_case import demo

from jaxmlda import dynamics
from jaxmlda.model import Decoder, ModelConfig
from jaxmlda.probe.evaluate import Evaluator
from jaxmlda.rows import vocabulary
from jaxmlda.storage import read_json, read_table
from jaxmlda.training import checkpoints
from jaxmlda.verbs.sets import read_sets

FORMS = ("memorization", "generalization")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clone")
    demo(folder, "--clone")
    return folder


@pytest.fixture(scope="module")
def scored(home, tmp_path_factory):
    """The run's checkpoints scored with a template that holds no word of either language."""
    run, out = home / "native", tmp_path_factory.mktemp("scored")
    steps = checkpoints.steps_in(run)
    model = ModelConfig.model_validate(checkpoints.read_meta(run / "checkpoints" / "0")["model"])
    decoder = Decoder(model)
    pieces = vocabulary.load(home / "vocabulary.model")
    evaluator = Evaluator(decoder, pieces, read_sets([str(home / "questions")]), template="published")
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=one), decoder.abstract())
    for step in (steps[0], steps[-1]):
        folder = run / "checkpoints" / str(step)
        evaluator(step, checkpoints.read_params(folder, like), checkpoints.read_meta(folder)["digest"], out)
    return out


@pytest.mark.parametrize("form", FORMS)
def test_a_question_has_the_same_scores_in_both_languages(scored, form):
    for step in sorted(path.name for path in (scored / "scores").glob("step_*")):
        en, ja = (
            pq.read_table(scored / "scores" / step / f"{language}_knowledge_{form}.parquet")
            for language in ("en", "ja")
        )
        assert en["question"].equals(ja["question"])
        for column in ("sum_logp", "sum_logp_rest", "sum_logp_alone", "n_tok", "gold"):
            assert en[column].equals(ja[column]), column


def test_every_cell_of_train_language_by_ask_language_is_the_same_in_either_ask_language(home, scored):
    info = read_json(home / "native" / "run.json")
    study = dynamics.study(
        "clone",
        dynamics.load(scored),
        read_table(home / "target" / "trial.parquet"),
        info["native_languages"],
        info["tokens_per_step"],
        draws=200,
    )
    rows = dynamics.analyse(study)[0]["effects"]
    cells = {}
    for row in rows:
        if row["measure"] in ("accuracy", "change", "acquisition", "transfer", "both") and row["step"] > 0:
            kind = "effect" if row["measure"] in ("acquisition", "transfer", "both") else row["measure"]
            cells[kind, row["train"], row["form"], row["step"], row["ask"]] = row["estimate"]
    pairs = [(value, cells[(*key[:-1], "ja")]) for key, value in cells.items() if key[-1] == "en"]
    assert len(pairs) >= 8
    for en, ja in pairs:
        np.testing.assert_array_equal(en, ja)
