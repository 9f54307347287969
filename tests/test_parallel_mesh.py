"""Mesh sizes, the sharding table, and compiling ahead: what fits, what is refused, and in which words."""

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
from jaxmlda.parallel import AXES, compile_for, local_batch, make_mesh, param_shardings, replicated, spec_for
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
    for leaf, sharding in zip(jax.tree.leaves(abstract), jax.tree.leaves(cut), strict=True):
        assert len(sharding.spec) in (0, leaf.ndim)
        assert (leaf.ndim > 2 or leaf.shape[0] > 100) or sharding.spec == PartitionSpec()


def test_matrices_are_cut_along_both_axes_and_norms_are_not_cut():
    assert spec_for("embedding") == PartitionSpec("tensor", "fsdp")
    assert spec_for("layers/mlp/down") == PartitionSpec(None, "tensor", "fsdp")
    assert spec_for("layers/attention/k") == PartitionSpec(None, "fsdp", "tensor")
    assert spec_for("layers/mlp_norm/scale") == PartitionSpec()


def test_a_parameter_without_a_row_is_refused_by_its_name():
    with pytest.raises(UserError, match=r"'layers/attention/q_bias' has no row"):
        spec_for("layers/attention/q_bias")


def test_a_dimension_that_cannot_be_divided_is_refused_by_field_name_and_size():
    with pytest.raises(UserError, match=r"mesh: tensor=5 does not divide embedding .*37.*divisor of 37"):
        param_shardings(abstract_mesh(tensor=5), small_decoder().abstract())


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
