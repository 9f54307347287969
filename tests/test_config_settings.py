"""The settings themselves: a frozen list, the shipped files, and values that are refused."""

from pathlib import Path

import pytest
import yaml

from jaxmlda.config import Phase, Recipe, Run, Stream, configs_dir, describe, find, load
from jaxmlda.errors import UserError
from jaxmlda.model import ModelConfig
from jaxmlda.streams import KINDS

NEEDED = {"name": "a", "corpus": "c", "vocabulary": "v", "recipe": "r", "output": "o"}
STREAM = {"name": "s", "kind": "native", "languages": ["en"], "arms": ["en", "both"], "share": 1.0}


def shipped(folder):
    home = configs_dir() / folder
    return sorted(str(path.relative_to(home)) for path in home.rglob("*.yaml"))


def test_the_list_of_settings_is_frozen():
    """A new, renamed or removed setting, or another default, is a decision: it is made in settings.txt too."""
    rooms = {"run.": Run, "recipe.": Recipe, "recipe.phases.": Phase, "recipe.phases.streams.": Stream}
    listed = [f"{name} {default}" for prefix, room in rooms.items() for name, default, _ in describe(room, prefix)]
    assert listed == Path(__file__).with_name("settings.txt").read_text().splitlines()


@pytest.mark.parametrize("name", shipped("runs"))
def test_a_shipped_run_loads_with_its_recipe_and_its_model(name):
    run = load(Run, configs_dir() / "runs" / name)
    recipe = load(Recipe, find(run.recipe, "recipes"))
    assert recipe.counts_tokens == (run.rows.total_tokens is not None)
    if run.model:
        assert load(ModelConfig, find(run.model, "models")).max_positions >= run.rows.sequence_length


@pytest.mark.parametrize("name", shipped("recipes"))
def test_a_shipped_recipe_loads_and_its_kinds_exist(name):
    recipe = load(Recipe, configs_dir() / "recipes" / name)
    assert {stream.kind for phase in recipe.phases for stream in phase.streams} <= KINDS.keys()


@pytest.mark.parametrize("name", shipped("models"))
def test_a_shipped_model_loads(name):
    assert load(ModelConfig, configs_dir() / "models" / name).vocab_size > 0


def test_something_of_every_kind_is_shipped():
    assert shipped("runs")
    assert shipped("recipes")
    assert shipped("models")


@pytest.mark.parametrize(
    ("setting", "value", "fault"),
    [
        ("training.schedule.peak", 0, "greater than 0"),
        ("training.schedule.peak", 1.01, "less than or equal to 1"),
        ("training.schedule.peak", -1e-3, "greater than 0"),
        ("training.schedule.peak", float("nan"), "less than or equal to 1"),
        ("training.schedule.warmup_steps", -1, "greater than or equal to 0"),
        ("training.schedule.name", "cosin", "'constant', 'cosine', 'linear' or 'wsd'"),
        ("training.batch_size", 0, "greater than 0"),
        ("training.batch_size", 1.5, "valid integer"),
        ("training.accumulate", 5, r"accumulate \(5\) must divide batch_size \(32\)"),
        ("training.optimizer.b2", 1, "less than 1"),
        ("training.optimizer.clip", 0, "greater than 0"),
        ("training.precision.compute", "float16", "'float32' or 'bfloat16'"),
        ("training.steps", 0, "greater than 0"),
        ("rows.sequence_length", 0, "greater than 0"),
        ("rows.packing", "best", "'cut' or 'whole'"),
        ("rows.seed", -1, "greater than or equal to 0"),
        ("rows.total_tokens", 0, "greater than 0"),
        ("mesh.data", 0, "an axis has at least one device"),
        ("mesh.tensor", -2, "greater than or equal to -1"),
        ("checkpoints.resume_minutes", 0, "greater than 0"),
        ("checkpoints.resume_keep", 0, "greater than 0"),
        ("init.from", "hf", "init.path is needed for hf"),
        ("init.path", "somewhere", "must be null for random"),
        ("name", "../a", "should match pattern"),
        ("model", "", "model must be a name"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(tmp_path, setting, value, fault):
    (tmp_path / "run.yaml").write_text("".join(f"{key}: {text}\n" for key, text in NEEDED.items()))
    with pytest.raises(UserError, match=rf"(?s){setting.split('.')[0]}.*{fault}"):
        load(Run, tmp_path / "run.yaml", {setting: value})


def recipe(*phases, **rest):
    """A recipe whose phases are (streams, share) pairs."""
    written = [
        {"name": f"p{number}", "streams": streams} | ({} if share is None else {"share": share})
        for number, (streams, share) in enumerate(phases)
    ]
    return {"name": "r", "native_languages": ["en"], "phases": written} | rest


def named(name, **changed):
    given = STREAM | {"name": name} | changed
    return {key: value for key, value in given.items() if value is not None}


EPOCHS = {"share": None, "epochs": 1}


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (recipe(([named("a", share=0.5), named("b", share=0.4)], None)), "p0: the shares of its streams sum to 0.9"),
        (recipe(([named("a", share=0.5), named("b", share=0.6)], None)), "p0: the shares of its streams sum to 1.1"),
        (recipe(([named("a")], 0.5), ([named("b")], 0.4)), "shares of the phases must sum to 1"),
        (recipe(([named("a")], None), ([named("b")], None)), "shares of the phases must sum to 1"),
        (recipe(([named("a", share=0)], None)), "share: Input should be greater than 0"),
        (recipe(([named("a", epochs=1)], None)), "p0: give every stream a share, or every stream its epochs"),
        (recipe(([named("a", share=None)], None)), "p0: give every stream a share, or every stream its epochs"),
        (recipe(([named("a"), named("b", **EPOCHS)], None)), "p0: give every stream a share, or every stream its"),
        (recipe(([named("a")], 1.0), ([named("b", **EPOCHS)], None)), "all phases must have shares"),
        (recipe(([named("a", **EPOCHS)], 0.5)), "a phase has a share only where its streams have shares"),
        (recipe(([named("a", **EPOCHS, repeat=True)], None)), "stream a: repeat belongs to a share"),
        (recipe(([named("a", share=None, epochs=0)], None)), "epochs: Input should be greater than 0"),
        (recipe(([named("a", **EPOCHS)], None), ([named("a", **EPOCHS)], None)), "given twice: a"),
        (recipe(([named("a", languages=["en", "en"])], None)), "languages: each may be named once"),
        (recipe(([named("a", arms=["ja", "ja"])], None)), "arms: each may be named once"),
        (recipe(([named("a", arms=["north"])], None)), "arms.0: Input should be 'en', 'ja', 'both', 'bridge' or"),
        (recipe(([named("a", arms=["en", "none"])], None)), "arm none are the control: no stream may train on them"),
        (
            recipe(([named("a", corpus="other")], None)),
            "another corpus stands outside the trial; its arms are [outside]",
        ),
        (recipe(([named("a", languages=["fr"])], None)), "languages.0: Input should be 'en' or 'ja'"),
        (recipe(([named("a", languages=[])], None)), "languages: List should have at least 1 item"),
        (recipe(([named("A b")], None)), "name: String should match pattern"),
        (recipe(([named("a", weight=-1)], None)), "weight: Input should be greater than or equal to 0"),
        (recipe(), "phases: List should have at least 1 item"),
        (recipe(([], None)), "streams: List should have at least 1 item"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused_by_name(tmp_path, values, fault):
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(UserError) as caught:
        load(Recipe, tmp_path / "recipe.yaml")
    assert fault in str(caught.value)


def test_shares_of_thirds_sum_to_one():
    values = recipe(([named(name, share=1 / 3) for name in "abc"], None))
    assert Recipe.model_validate(values).counts_tokens
