"""Names of accelerators, collectives in the text of a program, floors by formula, and who joins which process group."""

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmlda.config import Run
from jaxmlda.errors import UserError
from jaxmlda.model import ModelConfig
from jaxmlda.parallel import cluster, floors, hlo, topology
from jaxmlda.parallel.floors import GIB, Sizes

MODEL = ModelConfig(
    vocab_size=1000, hidden_size=256, mlp_size=512, layers=4, heads=8, kv_heads=4, head_size=32, max_positions=128
)


def run(**training):
    return Run.model_validate(
        {"name": "r", "corpus": "c", "vocabulary": "v", "recipe": "r", "output": "o", "model": "m"}
        | {"rows": {"sequence_length": 128}, "training": {"batch_size": 16, "attention": "splash"} | training}
    )


@pytest.mark.parametrize(
    ("name", "kind", "grid"),
    [
        ("v5p-32", "v5p", (2, 2, 4)),
        ("v5p-8", "v5p", (2, 2, 1)),
        ("v4-64", "v4", (2, 4, 4)),
        ("v5litepod-64", "v5e", (8, 8)),
        ("v5litepod-8", "v5e", (2, 4)),
        ("v5e:4x4", "v5e", (4, 4)),
        ("v6e-64", "v6e", (8, 8)),
        ("v5p:2x2x4", "v5p", (2, 2, 4)),
        ("gpu:h200x8", "h200", (8,)),
        ("cpu", "cpu", (1,)),
    ],
)
def test_names_of_users_and_grids_of_chips_are_read(name, kind, grid):
    found = topology.read(name)
    assert (found.kind, found.grid) == (kind, grid)


@given(st.integers(3, 9))
def test_a_slice_named_by_its_cores_has_half_as_many_chips(power):
    assert topology.read(f"v4-{2**power}").chips == 2 ** (power - 1)
    assert topology.read(f"v5litepod-{2 ** min(power, 8)}").chips == 2 ** min(power, 8)


@pytest.mark.parametrize(
    "name", ["v7-8", "v5p", "v5p-31", "v5p:2x2", "v5p:2x2xa", "gpu:h200", "gpu:v4x8", "tpu", "", "v5p-²", "v5e:0x4"]
)
def test_what_is_no_accelerator_is_refused_with_an_example(name):
    with pytest.raises(UserError, match=r"--topology .*(v5p:2x2x4|v5e:4x4)"):
        topology.read(name)


@pytest.mark.parametrize(
    ("name", "ports"), [("v5e:4x4", 2), ("v5e:16x16", 4), ("v5e:4x16", 3), ("v5p:2x2x4", 3), ("v4:4x4x4", 6)]
)
def test_an_axis_that_wraps_around_has_two_links(name, ports):
    assert topology.read(name).ports() == ports


def test_a_grid_that_the_compiler_does_not_know_is_refused_with_those_that_are_usual(monkeypatch):
    def unknown(**_):
        raise jax.errors.JaxRuntimeError("INVALID_ARGUMENT: raw words")

    monkeypatch.setenv("TPU_LIBRARY_PATH", "nowhere")
    monkeypatch.setattr(topology, "ALONE", {})
    monkeypatch.setattr(topology.topologies, "get_topology_desc", unknown)
    with pytest.raises(UserError, match=r"knows no slice v5e:3x5; usual are v5e:2x2, v5e:2x4, v5e:4x4, .*v5e:16x16$"):
        topology.devices(topology.read("v5e:3x5"))


def test_without_the_compiler_of_tpus_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(topology.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("TPU_LIBRARY_PATH", raising=False)
    with pytest.raises(UserError, match=r"pip install 'jaxmlda\[plan\]'"):
        topology.devices(topology.read("v5p-32"))


PROGRAM = """HloModule step

%body (p: (s32[], bf16[8,4])) -> (s32[], bf16[8,4]) {
  %gathered = bf16[32,4]{1,0:T(8,128)(2,1)} all-gather(%x), channel_id=1, replica_groups=mesh['a'=2,'b'=4] {'b'}
  %start = (bf16[8,4], bf16[8,4]{1,0}, u32[], u32[]) collective-permute-start(%x), channel_id=2
  %done = bf16[8,4] collective-permute-done(%start)
  %inner = (s32[], bf16[8,4]) while(%t), condition=%inner_condition, body=%inner_body
}

%condition (p: (s32[], bf16[8,4])) -> pred[] {
  %bound = s32[]{:T(128)} constant(40)
  ROOT %less = pred[] compare(%i, %bound), direction=LT
}

%inner_body (p: (s32[], bf16[8,4])) -> (s32[], bf16[8,4]) {
  %scattered = f32[4]{0} reduce-scatter(%y), channel_id=3, replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
}

%inner_condition (p: (s32[], bf16[8,4])) -> pred[] {
  %bound = u32[] constant(99)
}

%part_one (p: bf16[8,4]) -> bf16[8,4] {
  %g = bf16[16]{0} all-gather(%p), channel_id=4, replica_groups=[4,2]<=[8]
}

%part_two (p: bf16[8,4]) -> bf16[8,4] {
  %g = bf16[16]{0} all-gather(%p), channel_id=4, replica_groups=[4,2]<=[8]
}

ENTRY %main (p: bf16[8,4]) -> bf16[8,4] {
  %loop = (s32[], bf16[8,4]) while(%t), condition=%condition, body=%body
  %a = bf16[8,4] fusion(%p), kind=kCustom, calls=%part_one
  %b = bf16[8,4] fusion(%a), kind=kCustom, calls=%part_two
  %summed = (f32[10]{0}, /*index=1*/f32[]) all-reduce(%c, %d), channel_id=5, to_apply=%add
}
"""
KNOWN = PROGRAM.replace("body=%inner_body", 'body=%inner_body, backend_config={"known_trip_count":{"n":"3"}}')


def test_collectives_in_loops_count_as_often_as_the_loop_runs_and_parts_of_one_count_once():
    found = hlo.collectives(KNOWN, 8)
    assert found == {
        "all-gather": (40 + 1, 40 * 32 * 4 * 2 + 16 * 2),
        "collective-permute": (40, 40 * 8 * 4 * 2),
        "reduce-scatter": (40 * 3, 40 * 3 * 4 * 4 * 4),
        "all-reduce": (1, 10 * 4 + 4),
    }
    assert hlo.received(found) == sum(sent.bytes for sent in found.values()) + 44


def test_where_the_compiler_does_not_say_how_often_a_loop_runs_its_bound_does():
    assert hlo.collectives(PROGRAM, 8)["reduce-scatter"].count == 40 * 99


def test_the_state_of_training_is_ten_or_twelve_bytes_a_parameter_over_the_cuts():
    for stored, width in {"float32": 4, "bfloat16": 2}.items():
        settings = run(precision={"parameters": stored})
        found = floors.memory(settings, MODEL, Sizes(rows=8, fsdp=4, tensor=2))
        assert found["parameters"] * GIB == pytest.approx(width * MODEL.parameters() / 8)
        assert found["optimizer"] * GIB == pytest.approx(8 * MODEL.parameters() / 8)


def test_full_remat_keeps_one_state_a_layer_and_less_remat_keeps_more():
    kept = [
        floors.memory(run(remat=remat), MODEL, Sizes(4, 4, 1))["activations"] * GIB
        for remat in ("full", "qkv", "dots", "none")
    ]
    assert kept[0] == pytest.approx(4 * (16 / 4 * 128) * 256 * 2)
    assert kept == sorted(kept)


def test_the_floor_of_arithmetic_is_the_formula_over_the_peak_and_full_remat_adds_less_than_a_third():
    place = topology.read("v5p:2x2x1")
    bare, full = (
        floors.seconds(run(remat=remat), MODEL, place, Sizes(4, 4, 1), 0.0)["compute"] for remat in ("none", "full")
    )
    assert bare == pytest.approx(16 * 128 * MODEL.flops_per_token(128) / (4 * 459e12))
    assert bare < full < 4 / 3 * bare


def test_the_range_of_speeds_lies_between_published_figures_and_under_every_floor():
    place, least = topology.read("v5p:2x2x1"), {"compute": 1e-9, "memory": 1e-9, "network": 1e-9}
    whole = 4 * 459e12 / MODEL.flops_per_token(128)
    assert floors.speed(run(), MODEL, place, 4, least) == pytest.approx((0.33 * whole, 0.715 * whole))
    tied = least | {"compute": 0.5, "network": 1.0}
    assert floors.speed(run(), MODEL, place, 4, tied) == pytest.approx((16 * 128 / 1.5, 16 * 128))
    assert floors.sources(run(), MODEL, place, 4, tied) == "low: the sum of the floors; high: the floor of network"
    assert floors.sources(run(), MODEL, place, 4, least) == (
        "low: EasyLM, OpenLLaMA 7B on v4-512: 33 %; high: MaxText 32B and Llama 2 70B on v5p: 71.5%"
    )


def test_the_bytes_of_the_network_grow_with_the_cuts_that_need_them():
    def alone(**sizes):
        return floors.received_by_formula(run(), MODEL, Sizes(**sizes))

    assert alone(rows=1, fsdp=1, tensor=1) == 0
    assert alone(rows=2, fsdp=1, tensor=1) == pytest.approx(2 * 2 * MODEL.parameters() / 2)
    assert alone(rows=2, fsdp=2, tensor=1) == pytest.approx(4 * 2 * MODEL.parameters() / 2)


def said(**variables):
    return {f"JAXMLDA_{name.upper()}": value for name, value in variables.items()}


def test_three_variables_name_a_process_group():
    found = cluster.by_hand(said(coordinator="host:1234", processes="4", process="3"))
    assert found == {"coordinator_address": "host:1234", "num_processes": 4, "process_id": 3}
    assert cluster.by_hand({}) is None
    assert cluster.by_hand(said(processes="1")) == {"num_processes": 1}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"coordinator": "host:1", "processes": "2"}, "JAXMLDA_PROCESS: not set"),
        ({"coordinator": "host:1", "processes": "2", "process": "2"}, "numbered from 0 to 1"),
        ({"coordinator": "host:1", "processes": "two", "process": "0"}, "JAXMLDA_PROCESSES=two: must be a whole"),
        ({"coordinator": "host", "processes": "2", "process": "0"}, "HOST:PORT"),
    ],
)
def test_a_process_group_that_is_half_named_is_refused(variables, words):
    with pytest.raises(UserError, match=words):
        cluster.by_hand(said(**variables))


@pytest.fixture
def joined(monkeypatch):
    """What jax.distributed.initialize was called with, on a machine that says nothing."""
    calls = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda **given: calls.append(given))
    monkeypatch.setattr(cluster, "on_tpu", lambda: False)
    for name in (*cluster.SLURM, cluster.COORDINATOR, cluster.PROCESSES, cluster.PROCESS):
        monkeypatch.delenv(name, raising=False)
    return calls


def slurm(monkeypatch, tasks):
    for name in cluster.SLURM:
        monkeypatch.setenv(name, tasks if name == "SLURM_NTASKS" else "0")


def test_one_machine_joins_nobody(joined, monkeypatch):
    cluster.join()
    slurm(monkeypatch, "1")
    cluster.join()
    monkeypatch.setenv(cluster.PROCESSES, "1")
    cluster.join()
    assert joined == []


def test_a_job_step_of_slurm_and_a_tpu_pod_are_left_to_jax_and_variables_come_first(joined, monkeypatch):
    slurm(monkeypatch, "4")
    cluster.join()
    for name, value in said(coordinator="host:1", processes="2", process="1").items():
        monkeypatch.setenv(name, value)
    cluster.join()
    assert joined == [{}, {"coordinator_address": "host:1", "num_processes": 2, "process_id": 1}]
    for name in (*cluster.SLURM, *said(coordinator="", processes="", process="")):
        monkeypatch.delenv(name)
    monkeypatch.setattr(cluster, "on_tpu", lambda: True)
    cluster.join()
    assert joined[2:] == [{}]


def test_a_machine_with_tpus_has_their_devices_and_their_library(tmp_path, monkeypatch):
    (tmp_path / "accel0").touch()
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: name)
    assert cluster.on_tpu(tmp_path)
    assert not cluster.on_tpu(tmp_path / "elsewhere")
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: None)
    assert not cluster.on_tpu(tmp_path)
