"""`jaxmlda plan` where no compiler is asked: by formula, by its words, and by the files that need not be there."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from jaxmlda.errors import UserError
from jaxmlda.verbs import plan_search
from jaxmlda.verbs.plan import run as plan
from jaxmlda.verbs.plan_advice import advice
from jaxmlda.verbs.planning import changed, figures, job_of, room_here

MODEL = {
    "vocab_size": 99584,
    "hidden_size": 5120,
    "mlp_size": 13824,
    "layers": 40,
    "heads": 40,
    "kv_heads": 40,
    "head_size": 128,
    "max_positions": 4096,
}
STREAM = {"name": "n", "kind": "native", "languages": ["en"], "arms": ["en"], "share": 1.0}
RECIPE = {"name": "hand", "native_languages": ["en"], "phases": [{"name": "all", "streams": [STREAM]}]}


@pytest.fixture
def run_file(tmp_path, monkeypatch):
    """A run of 13 billion parameters of which nothing exists but its model and its recipe."""
    monkeypatch.chdir(tmp_path)
    settings = {
        "name": "large",
        "corpus": "nowhere",
        "vocabulary": "nowhere",
        "recipe": "recipe.yaml",
        "rows": {"sequence_length": 4096, "total_tokens": 10**9},
        "model": "model.yaml",
        "init": {"from": "hf", "path": "nowhere"},
        "training": {"batch_size": 32, "attention": "cudnn"},
        "probe": {"questions": ["nowhere"]},
        "output": "nowhere",
    }
    for name, content in (("model", MODEL), ("recipe", RECIPE), ("run", settings)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return "run.yaml"


@pytest.fixture
def told(run_file, capsys, monkeypatch):
    """Status and figures of the verb with some words."""
    monkeypatch.setattr("jaxmlda.verbs.plan.on_cpu", lambda topology: None)

    def ask(*words):
        status = plan([run_file, "--json", *words])
        return status, json.loads(capsys.readouterr().out)

    return ask


def test_gpus_are_told_by_formula_which_it_says(told):
    status, found = told("--topology", "gpu:h200x8")
    assert (status, found["by"], found["fits"], found["collectives"]) == (0, "formula", True, {})
    parameters = 2 * 99584 * 5120 + 40 * (4 * 5120**2 + 3 * 5120 * 13824 + 2 * 5120) + 5120
    assert found["parameters"] == parameters
    assert found["parts_gib"]["parameters"] == pytest.approx(4 * parameters / 8 / 2**30, abs=1e-3)
    assert found["parts_gib"]["optimizer"] == pytest.approx(8 * parameters / 8 / 2**30, abs=1e-3)
    assert found["peak_gib_per_chip"] == pytest.approx(sum(found["parts_gib"].values()), abs=0.01)
    assert found["flops_per_token"] == 6 * (parameters - 99584 * 5120) + 6 * 40 * 40 * 128 * 4096
    assert found["steps"] == -(-(10**9) // (32 * 4096))
    slow, fast = found["tokens_per_second"]
    assert found["days"] == pytest.approx([10**9 / fast / 86400, 10**9 / slow / 86400], abs=1e-3)
    assert slow == pytest.approx(0.33 * 8 * 989e12 / found["flops_per_token"], rel=1e-4)


def test_rows_longer_than_the_model_are_refused_with_the_length_that_works(told):
    with pytest.raises(UserError, match=r"is 4097, the model ends at 4096; set rows\.sequence_length to 4096"):
        told("--topology", "cpu", "--rows.sequence_length=4097")


@pytest.mark.parametrize(
    ("gpus", "settings", "words"),
    [
        (7, ["--training.batch_size=3"], r"must be a multiple of the 7 devices"),
        (7, ["--training.batch_size=7"], r"fsdp=7 does not divide embedding .*mesh\.fsdp can be 1, 2, 4, 5"),
        (16, ["--mesh={fsdp: 1, tensor: 16}"], r"tensor=16 does not divide the model's 40 heads"),
        (8, ["--training.attention=splash"], r"splash runs on cpu or tpu, .* gpu; set it to cudnn or plain"),
        (8, ["--training.precision.compute=float32"], r"cudnn computes in bfloat16"),
    ],
)
def test_what_training_refuses_the_formula_refuses_too(told, gpus, settings, words):
    with pytest.raises(UserError, match=words):
        told("--topology", f"gpu:h200x{gpus}", *settings)


def capped(run_file):
    home = Path(run_file).parent / "model.yaml"
    home.write_text(yaml.safe_dump(MODEL | {"attention_soft_cap": 50.0}))


def test_a_kernel_without_soft_caps_is_refused_and_not_offered_where_the_model_has_them(run_file, told):
    capped(run_file)
    with pytest.raises(UserError, match=r"cudnn knows no soft caps.*set it to plain"):
        told("--topology", "gpu:h200x8")
    _, found = told("--topology", "gpu:h100x2", "--training.attention=plain")
    assert "cudnn" not in " ".join(found["advice"])
    _, found = told("--topology", "gpu:h200x8", "--search", "--training.attention=plain", "--training.remat=full")
    assert {one["settings"]["training.attention"] for one in found} == {"plain"}


def test_the_advice_gives_a_fast_kernel_the_number_format_that_it_needs_and_a_search_leaves_both(told):
    words = ("--training.attention=plain", "--training.precision.compute=float32")
    _, found = told("--topology", "gpu:h100x2", *words)
    line = next(line for line in found["advice"] if "cudnn" in line)
    assert line.startswith("--training.attention=cudnn --training.precision.compute=bfloat16 frees")
    _, found = told("--topology", "gpu:h200x8", "--search", *words)
    assert {one["settings"]["training.attention"] for one in found} == {"plain"}


def test_slices_of_gpus_share_their_number_in_a_search(told):
    status, found = told("--topology", "gpu:h200x8", "--search", "--mesh.slice=2")
    assert status == 0
    assert {math.prod(one["mesh"].values()) for one in found} == {8}
    assert {one["mesh"]["slice"] for one in found} == {2}


def test_a_candidate_that_is_refused_leaves_the_others(told, monkeypatch):
    asked = []

    def first_refused(job, topology):
        asked.append(job)
        if len(asked) == 1:
            raise UserError("not this one")
        return figures(job, topology)

    monkeypatch.setattr(plan_search, "figures", first_refused)
    status, found = told("--topology", "gpu:h200x8", "--search")
    assert (status, len(found), len(asked)) == (0, plan_search.WANTED, plan_search.WANTED + 1)


def test_what_a_search_has_found_is_printed_before_an_interrupt(run_file, capsys, monkeypatch):
    asked = []

    def interrupted(job, topology):
        asked.append(job)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return figures(job, topology)

    monkeypatch.setattr("jaxmlda.verbs.plan.on_cpu", lambda topology: None)
    monkeypatch.setattr(plan_search, "figures", interrupted)
    with pytest.raises(KeyboardInterrupt):
        plan([run_file, "--topology", "gpu:h200x8", "--search"])
    assert [line.count("--mesh.fsdp=") for line in capsys.readouterr().out.splitlines()] == [0, 1, 1]


def device(platform, stats=None):
    return SimpleNamespace(platform=platform, memory_stats=lambda: stats)


def test_a_device_here_gives_what_it_says_and_processors_share_the_memory_of_the_machine(monkeypatch):
    def room(*devices):
        return room_here(SimpleNamespace(devices=np.array(devices), local_devices=devices))

    assert room(device("gpu", {"bytes_limit": 3 * 2**30})) == 3
    assert room(device("tpu")) is None
    monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 2**20, "SC_PAGE_SIZE": 4096}.get)
    assert room(device("cpu"), device("cpu")) == 2


def test_a_run_that_the_compiler_of_this_machine_refuses_gets_advice_without_figures_of_a_chip(run_file):
    from jaxmlda.config import Run, load

    job = job_of(changed(load(Run, run_file), {"training.attention": "plain"}))
    lines = advice(job, {"mesh": dict.fromkeys(("slice", "data", "fsdp", "tensor"), 1), "fits": False}, None)
    assert "--training.accumulate=32" in {line.split()[0] for line in lines}
    assert not any("attention" in line or "chips or more" in line for line in lines)


def test_floors_of_a_small_run_are_not_rounded_away(told):
    _, found = told("--topology", "gpu:h200x8", "--rows.sequence_length=1", "--model=demo-tiny")
    assert all(0 < value < 1e-2 for value in found["floors"].values())
    slow, fast = found["tokens_per_second"]
    assert slow < fast


def test_a_processor_has_no_published_speed(told):
    status, found = told("--topology", "cpu", "--training.attention=plain")
    assert (status, found["fits"], found["tokens_per_second"], found["floors"]) == (0, None, None, {})


def test_what_does_not_fit_ends_in_advice_the_most_effective_first_and_status_1(told):
    status, found = told("--topology", "gpu:h100x2", "--training.attention=plain", "--mesh={data: 2, fsdp: 1}")
    assert (status, found["fits"]) == (1, False)
    settings = [line.split()[0] for line in found["advice"][:-1]]
    freed = [float(line.split(" frees about ")[1].split()[0]) for line in found["advice"][:-1]]
    assert freed == sorted(freed, reverse=True)
    assert {
        "--mesh.data=1",
        "--training.attention=cudnn",
        "--training.accumulate=16",
        "--training.precision.parameters=bfloat16",
    } <= set(settings)
    # 16 bytes a parameter, and 70 % of 74.5 GiB for them.
    assert found["advice"][-1].endswith("take 4 chips or more")


def test_advice_is_about_the_run_as_it_would_be_changed(told):
    words = ("--topology", "gpu:h100x4", "--training.batch_size=64", "--training.remat=none")
    _, before = told(*words)
    advised = next(line.split()[0] for line in before["advice"] if "remat" in line)
    assert advised == "--training.remat=full"
    freed = float(next(line.split()[3] for line in before["advice"] if "remat" in line))
    _, after = told(*words, advised)
    assert before["peak_gib_per_chip"] - after["peak_gib_per_chip"] == pytest.approx(freed, abs=0.06)


def test_weights_that_are_not_there_need_the_name_of_their_model(run_file, told):
    with pytest.raises(UserError, match=r"nowhere is not there.*--model=NAME.*demo-tiny"):
        told("--topology", "cpu", "--model=null")


def test_a_search_ranks_meshes_policies_and_batches_and_each_fits(told):
    status, found = told("--topology", "gpu:h200x8", "--search")
    assert status == 0
    assert len(found) == plan_search.WANTED
    rates = [one["tokens_per_second_without_overlap"] for one in found]
    assert rates == sorted(rates, reverse=True)
    for one in found:
        assert one["fits"]
        assert one["mesh"]["fsdp"] * one["mesh"]["tensor"] == 8
        assert one["settings"]["training.batch_size"] % one["mesh"]["fsdp"] == 0


def test_a_search_where_nothing_fits_says_so(told):
    with pytest.raises(UserError, match=r"by formula no mesh.*take more chips"):
        told("--topology", "gpu:h100x1", "--search")


def test_a_search_needs_an_accelerator(told):
    with pytest.raises(UserError, match="--search: needs --topology"):
        told("--topology", "cpu", "--search")


def test_the_lines_for_people_have_the_same_figures(run_file, capsys, monkeypatch):
    monkeypatch.setattr("jaxmlda.verbs.plan.on_cpu", lambda topology: None)
    assert plan([run_file, "--topology", "gpu:h100x1"]) == 1
    text = capsys.readouterr().out
    assert "\nfits: no\n" in text
    assert "\nparameters: 13,707,924,480\n" in text
    assert "\nadvice:\n  --" in text


def test_a_changed_run_has_the_other_values_and_keeps_the_rest(run_file):
    from jaxmlda.config import Run, load

    before = load(Run, run_file)
    after = changed(before, {"training.loss.chunk": 7, "mesh.fsdp": 2})
    assert (after.training.loss.chunk, after.mesh.fsdp) == (7, 2)
    assert changed(after, {"training.loss.chunk": 1024, "mesh.fsdp": -1}) == before
    assert job_of(before).tokens == 10**9
