"""Eight simulated devices compute what one does, however parameters and batch are cut."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from devices_case import MESHES, decoder
from model_case import sharp

from jaxmlda.training.checkpoints import params_digest


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    out, program = tmp_path_factory.mktemp("devices") / "told.json", Path(__file__).parent / "devices_case.py"
    # Partitioning is what is looked at; polishing six programs for the processor takes half a minute more.
    flags = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
    subprocess.run(
        [sys.executable, program, out], env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}, check=True
    )
    return json.loads(out.read_text())


@pytest.mark.parametrize("mesh", MESHES)
def test_logits_gradients_and_metrics_on_a_mesh_are_those_of_one_device(told, mesh):
    assert told["devices"] == 8
    assert told["meshes"][mesh]["logits"] <= 1e-5
    assert told["meshes"][mesh]["gradients"] <= 1e-5
    assert told["meshes"][mesh]["metrics"] <= 1e-5


@pytest.mark.parametrize("mesh", MESHES)
def test_weights_on_disk_are_read_to_a_mesh_with_every_bit_and_the_digest_does_not_see_the_cut(told, mesh):
    assert told["digest"] == params_digest(sharp(decoder()))
    assert told["meshes"][mesh]["digest"] == told["digest"]
    assert told["meshes"][mesh]["kept"] == told["digest"]


@pytest.mark.parametrize("mesh", ["fsdp 8", "fsdp 4, tensor 2", "fsdp 2, tensor 4"])
def test_each_device_holds_an_eighth_of_the_matrices(told, mesh):
    model = decoder().config
    norms = 4 * model.hidden_size * (2 * model.layers + 1)
    assert told["meshes"][mesh]["bytes"] == (4 * model.parameters() - norms) // 8 + norms


def test_the_kernel_of_tpus_on_rows_and_heads_of_its_device_is_the_plain_one(told):
    assert told["splash"] <= 1e-5
