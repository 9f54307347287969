"""Mesh sizes, the sharding table, and compiling ahead: what fits, what is refused, and in which words."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import AbstractMesh, AxisType, PartitionSpec
from model_case import small_decoder

from jaxmlda.config import configs_dir, load
from jaxmlda.errors import UserError
from jaxmlda.model import Decoder, ModelConfig
from jaxmlda.parallel import (
    AXES,
    TooLarge,
    compile_for,
    local_batch,
    make_mesh,
    param_shardings,
    placing,
    replicated,
    sharded_kernel,
    sharing,
    spec_for,
)
from jaxmlda.parallel.kernels import _enough
from jaxmlda.parallel.mesh import sizes

SHIPPED = sorted((configs_dir() / "models").glob("*.yaml"))


def abstract_mesh(**wanted):
    shape = tuple(wanted.get(axis, 1) for axis in AXES)
    return AbstractMesh(shape, AXES, axis_types=(AxisType.Auto,) * 4)


@given(st.permutations([2, 3, -1, 1]), st.integers(1, 7))
def test_the_rest_is_what_makes_the_product_the_number_of_devices(numbers, rest):
    found = sizes(dict(zip(AXES, numbers, strict=True)), 6 * rest)
    assert np.prod(found) == 6 * rest
    assert found == tuple(rest if number == -1 else number for number in numbers)


def test_an_axis_that_is_not_named_has_one_device():
    assert sizes({"tensor": 4, "fsdp": -1}, 8) == (1, 1, 2, 4)


def test_two_rests_are_refused_by_their_names():
    with pytest.raises(UserError, match=r"only one of data, fsdp can be -1"):
        sizes({"data": -1, "fsdp": -1}, 8)


def test_too_few_or_too_many_devices_are_refused_with_both_numbers():
    with pytest.raises(UserError, match=r"mesh\.fsdp=2, mesh\.tensor=3 makes 6, there are 8 devices.*-1"):
        sizes({"fsdp": 2, "tensor": 3}, 8)
    with pytest.raises(UserError, match="makes 16, there are 8"):
        sizes({"fsdp": 16}, 8)


def test_a_rest_that_cannot_be_whole_is_refused_with_the_sizes_that_would_work():
    with pytest.raises(UserError, match=r"mesh\.tensor=3: .*make 3, .*8 devices.*can be 1, 2, 4, 8"):
        sizes({"fsdp": -1, "tensor": 3}, 8)


def test_an_axis_of_no_device_is_refused():
    with pytest.raises(UserError, match=r"mesh\.data=0.*at least one device"):
        sizes({"data": 0, "fsdp": -1}, 8)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_parameter_of_a_shipped_model_has_a_row_in_the_table(path):
    abstract = Decoder(load(ModelConfig, path)).abstract()
    cut = param_shardings(abstract_mesh(), abstract)
    for (keys, leaf), sharding in zip(jax.tree_util.tree_leaves_with_path(abstract), jax.tree.leaves(cut), strict=True):
        assert len(sharding.spec) in (0, leaf.ndim)
        assert (keys[-1].key == "scale") == (sharding.spec == PartitionSpec())


def test_matrices_are_cut_along_both_axes_and_norms_are_not_cut():
    assert spec_for("embedding") == PartitionSpec("tensor", "fsdp")
    assert spec_for("layers/mlp/down") == PartitionSpec(None, "tensor", "fsdp")
    assert spec_for("layers/attention/k") == PartitionSpec(None, "fsdp", "tensor")
    assert spec_for("layers/mlp_norm/scale") == PartitionSpec()


def test_a_parameter_without_a_row_is_refused_by_its_name():
    with pytest.raises(UserError, match=r"'layers/attention/gate' has no row"):
        spec_for("layers/attention/gate")


def test_a_dimension_that_cannot_be_divided_is_refused_by_field_name_and_size():
    with pytest.raises(UserError, match=r"mesh: tensor=3 does not divide embedding .*40.*mesh\.tensor can be 1, 2, 4$"):
        # 40 pieces, 4 heads of 6, 2 key heads of 6, 24 in the MLP: 4 is their greatest common divisor.
        param_shardings(abstract_mesh(tensor=3), small_decoder(vocab_size=40).abstract())


def device(number, slice_index):
    return types.SimpleNamespace(id=number, slice_index=slice_index, platform="tpu")


def test_devices_of_several_slices_need_a_slice_axis_of_their_number():
    devices = [device(number, number // 2) for number in range(4)]
    with pytest.raises(UserError, match=r"mesh\.slice=1, but the devices stand in 2 slices; set mesh\.slice to 2"):
        make_mesh({"fsdp": -1}, devices)


def test_the_devices_that_share_a_batch_are_all_but_the_tensor_axis():
    assert sharing(abstract_mesh(slice=2, data=3, fsdp=4, tensor=5)) == 24


def test_activations_have_a_row_each_and_what_an_axis_does_not_divide_is_left_to_the_compiler(monkeypatch):
    seen = []
    monkeypatch.setattr(jax.lax, "with_sharding_constraint", lambda x, sharding: seen.append(sharding.spec) or x)
    place = placing(abstract_mesh(fsdp=2, tensor=4))
    rows, free = ("slice", "data", "fsdp"), PartitionSpec.UNCONSTRAINED
    for name, shape in {"hidden": (4, 6, 8), "heads": (4, 6, 2, 8), "mlp": (4, 6, 12), "logits": (3, 8)}.items():
        place(np.zeros(shape), name)
    assert seen == [
        PartitionSpec(rows, None, None),
        PartitionSpec(rows, None, free, None),
        PartitionSpec(rows, free, "tensor"),
        PartitionSpec(free, "tensor"),
    ]


def test_one_device_places_nothing():
    x = np.ones(3)
    assert placing(abstract_mesh())(x, "no name of the table") is x


def test_a_kernel_that_the_devices_cannot_run_is_refused_with_those_that_they_can():
    with pytest.raises(UserError, match=r"training\.attention: cudnn runs on gpu, and the mesh is of cpu.*plain"):
        sharded_kernel(make_mesh({"fsdp": -1}), "cudnn")


def test_heads_that_the_tensor_axis_does_not_divide_are_refused_with_the_sizes_that_would_work():
    heads = jnp.zeros((1, 2, 4, 6))
    assert _enough(abstract_mesh(tensor=8), heads, 16).shape[2] == 8
    assert _enough(abstract_mesh(tensor=2), heads, 16) is heads
    with pytest.raises(UserError, match=r"tensor=3 does not divide .*16 heads over 4 key heads.*1, 2, 4, 8, 16$"):
        _enough(abstract_mesh(tensor=3), heads, 16)


def test_what_the_compiler_says_of_a_program_that_is_too_large_is_read():
    said = "RESOURCE_EXHAUSTED: the total memory required for HLO temporaries (21.50G) exceeds available HBM (15.75G)."
    assert TooLarge(said).needed_bytes == int(21.5 * 2**30)
    assert TooLarge("RESOURCE_EXHAUSTED: Used 512.00M of 1.00M hbm").needed_bytes == 512 * 2**20
    assert TooLarge("RESOURCE_EXHAUSTED").needed_bytes is None


def test_a_batch_keeps_its_numbers_on_the_devices():
    mesh, rows = make_mesh({"fsdp": -1}), np.arange(12).reshape(4, 3)
    np.testing.assert_array_equal(local_batch(mesh, {"rows": rows}, replicated(mesh))["rows"], rows)


def test_compiling_ahead_tells_the_bytes_and_gives_a_function_that_runs():
    a, b = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((64, 32), (32, 16)))
    compiled = compile_for(lambda x, y: jnp.tanh(x @ y).sum(axis=0), (a, b), make_mesh({"fsdp": -1}))
    assert compiled.argument_bytes == 4 * (64 * 32 + 32 * 16)
    assert compiled.output_bytes == 4 * 16
    assert compiled.peak_bytes >= compiled.argument_bytes + compiled.output_bytes + compiled.temporary_bytes
    x, y = np.full((64, 32), 0.1, np.float32), np.full((32, 16), 0.1, np.float32)
    np.testing.assert_allclose(compiled.run(x, y), np.full(16, 64 * np.tanh(0.32)), rtol=1e-5)


def test_a_donated_argument_is_not_counted_twice():
    a = jax.ShapeDtypeStruct((1000,), jnp.float32)
    kept, given = (compile_for(lambda x: x + 1, (a,), make_mesh({"fsdp": -1}), donate=d) for d in ((), (0,)))
    assert kept.peak_bytes - given.peak_bytes == 4000
