"""The compiler of TPUs, on a machine without one: what fits, what does not, what is sent."""

import importlib.util
import json
import subprocess
import sys

import pytest
import yaml

from jaxmlda.config import load
from jaxmlda.model import ModelConfig

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu: pip install 'jaxmlda[plan]'"),
]
LARGE = (
    "--model=llm-jp-3-13b",
    "--init.path=nowhere",
    "--probe.questions=[nowhere]",
    "--training.attention=splash",
    "--training.precision.parameters=bfloat16",
)
# A slice, a batch, and the most GiB that a chip of it may need.
BARS = (("v5p-32", 32, 16.0), ("v4-64", 32, 9.0), ("v5litepod-64", 64, 7.0), ("v6e-64", 128, 9.0))
MODEL = {
    "vocab_size": 1024,
    "hidden_size": 256,
    "mlp_size": 512,
    "layers": 3,
    "heads": 8,
    "kv_heads": 2,
    "head_size": 128,
    "max_positions": 512,
}
RECIPE = {
    "name": "hand",
    "native_languages": ["en"],
    "phases": [
        {"name": "all", "streams": [{"name": "n", "kind": "native", "languages": ["en"], "arms": ["en"], "epochs": 1}]}
    ],
}


@pytest.fixture
def run_file(tmp_path):
    """A run of a small model; there is no corpus, no vocabulary, no question and no weights."""
    run = {
        "name": "small",
        "corpus": "nowhere",
        "vocabulary": "nowhere",
        "recipe": str(tmp_path / "recipe.yaml"),
        "rows": {"sequence_length": 512},
        "model": str(tmp_path / "model.yaml"),
        "init": {"from": "hf", "path": "nowhere"},
        "training": {"batch_size": 8, "steps": 1000, "attention": "splash", "loss": {"chunk": 512}},
        "probe": {"questions": ["nowhere"]},
        "output": "nowhere",
    }
    for name, content in (("model", MODEL), ("recipe", RECIPE), ("run", run)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return tmp_path / "run.yaml"


def told(run_file, topology, *words):
    """Exit status, figures and what was said beside them."""
    done = subprocess.run(
        [sys.executable, "-m", "jaxmlda", "plan", run_file, "--topology", topology, "--json", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


def large(topology, batch):
    return told("published/bilingual", topology, *LARGE, f"--training.batch_size={batch}")


@pytest.mark.parametrize(("topology", "batch", "most"), BARS, ids=[bar[0] for bar in BARS])
def test_a_model_of_13_billion_parameters_takes_the_memory_that_it_should(topology, batch, most):
    status, found, _ = large(topology, batch)
    assert (status, found["fits"], found["by"]) == (0, True, "compiling")
    assert found["peak_gib_per_chip"] <= most
    parts = (found["parts_gib"][name] for name in ("parameters", "optimizer", "activations", "temporaries"))
    assert sum(parts) == pytest.approx(found["peak_gib_per_chip"], abs=0.01)


def test_sixteen_small_chips_hold_it_and_eight_are_refused_with_advice():
    status, found, _ = large("v5litepod-16", 16)
    assert (status, found["fits"]) == (0, True)
    status, found, _ = large("v5litepod-8", 8)
    assert (status, found["fits"], found["by"]) == (1, False, "compiling")
    assert any("take 16 chips or more" in line for line in found["advice"])


def test_the_state_is_what_the_table_cuts_and_every_weight_is_gathered_at_least_twice(run_file):
    status, found, _ = told(run_file, "v5e:2x4")
    model = load(ModelConfig, run_file.parent / "model.yaml")
    count, norms = model.parameters(), model.hidden_size * (2 * model.layers + 1)
    held = 4 * ((count - norms) / 8 + norms)
    assert status == 0
    assert found["parts_gib"]["parameters"] == pytest.approx(held / 2**30, abs=1e-3)
    assert found["parts_gib"]["optimizer"] == pytest.approx(2 * held / 2**30, abs=1e-3)
    layers = 2 * (count - 2 * model.vocab_size * model.hidden_size) / 2**30
    sent = found["collectives"]
    assert sum(sent[kind]["gib"] for kind in ("all-gather", "collective-permute") if kind in sent) >= 2 * layers * 0.9
    assert found["steps"] == 1000
    slow, fast = found["tokens_per_second"]
    assert 0 < slow <= fast <= found["tokens_per_step"] / max(found["floors"].values()) * 1.001


def test_two_key_heads_stand_on_four_cuts_of_the_heads(run_file):
    status, found, _ = told(run_file, "v5e:2x4", "--mesh.fsdp=2", "--mesh.tensor=4")
    assert (status, found["mesh"]["tensor"]) == (0, 4)
    status, _, said = told(run_file, "v5e:2x4", "--mesh.fsdp=3", "--mesh.tensor=2")
    assert status == 1
    assert "mesh.fsdp=3" in said


def test_two_slices_are_one_mesh(run_file):
    status, found, _ = told(run_file, "v5e:2x2", "--mesh.slice=2")
    assert (status, found["mesh"]) == (0, {"slice": 2, "data": 1, "fsdp": 4, "tensor": 1})


def test_a_search_prints_what_fits_the_fastest_first(run_file):
    status, found, _ = told(run_file, "v5e:2x2", "--search")
    assert status == 0
    assert all(one["fits"] for one in found)
    rates = [one["tokens_per_second_without_overlap"] for one in found]
    assert rates == sorted(rates, reverse=True)
