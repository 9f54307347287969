"""The configuration's own arithmetic: parameters and FLOPs against a count, shapes that cannot be."""

import jax
import numpy as np
import pytest
from model_case import config, small_decoder
from pydantic import ValidationError

from jaxmlda.config import configs_dir, load
from jaxmlda.model import Decoder, ModelConfig

VARIANTS = [{}, {"tied_embeddings": True}, {"kv_heads": 4, "layers": 5}, {"head_size": 10, "kv_heads": 1}]
SHIPPED = sorted((configs_dir() / "models").glob("*.yaml"))


@pytest.mark.parametrize("changes", VARIANTS)
def test_parameters_are_as_many_as_the_arrays_hold(changes):
    decoder = small_decoder(**changes)
    assert decoder.config.parameters() == sum(leaf.size for leaf in jax.tree.leaves(decoder.abstract()))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_parameters_of_shipped_models_are_as_many_as_their_arrays_hold(path):
    model = load(ModelConfig, path)
    assert model.parameters() == sum(leaf.size for leaf in jax.tree.leaves(Decoder(model).abstract()))


def products(jaxpr, times=1):
    """(multiplications of every matrix product, whether both its sides are activations)."""
    for equation in jaxpr.eqns:
        inner = times * equation.params.get("length", 1) if equation.primitive.name == "scan" else times
        for value in equation.params.values():
            if hasattr(value, "jaxpr") or hasattr(value, "eqns"):
                yield from products(getattr(value, "jaxpr", value), inner)
        if equation.primitive.name == "dot_general":
            left, right = (variable.aval.shape for variable in equation.invars)
            (contracted, _), (batched, _) = equation.params["dimension_numbers"]
            size = np.prod(equation.outvars[0].aval.shape) * np.prod([left[axis] for axis in contracted])
            yield times * int(size), bool(batched) and len(left) == len(right) > 2


@pytest.mark.parametrize("changes", VARIANTS)
def test_flops_a_token_are_counted_from_the_matrix_products(changes):
    decoder, batch, length = small_decoder(**changes), 3, 32
    grid = jax.ShapeDtypeStruct((batch, length), np.int32)
    traced = jax.make_jaxpr(lambda p, *row: decoder.logits(p, decoder.hidden(p, *row)))(decoder.abstract(), *[grid] * 3)
    found = list(products(traced.jaxpr))
    dense = 2 * sum(size for size, attention in found if not attention)
    attention = 2 * sum(size for size, attention in found if attention)
    assert dense > 0
    assert attention == 4 * batch * length**2 * decoder.config.layers * decoder.config.heads * decoder.config.head_size
    # The backward pass is twice the forward one; half of the attention lies above the diagonal.
    expected = 3 * (dense + attention / 2) / (batch * length)
    norms = 6 * decoder.config.hidden_size * (2 * decoder.config.layers + 1)
    assert decoder.config.flops_per_token(length) - norms == expected


def test_shapes_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match=r"heads \(4\) must be a multiple of kv_heads \(3\)"):
        config(kv_heads=3)
    with pytest.raises(ValidationError, match=r"head_size \(5\) must be even"):
        config(head_size=5)
    with pytest.raises(ValidationError, match="greater than 0"):
        config(layers=0)
    with pytest.raises(ValidationError, match="dropout"):
        config(dropout=0.1)
