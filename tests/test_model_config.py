"""The configuration's own arithmetic: parameters and FLOPs against a count, shapes that cannot be."""

import jax
import numpy as np
import pytest
from model_case import FAMILIES, config, small_decoder
from pydantic import ValidationError

from jaxmlda.config import configs_dir, load
from jaxmlda.model import Decoder, ModelConfig

VARIANTS = [{}, {"tied_embeddings": True}, {"kv_heads": 4, "layers": 5}, {"head_size": 10, "kv_heads": 1}]
# As their model cards count them.
PUBLISHED = {
    "smollm2-135m": 134_515_008,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.1-8b": 8_030_261_248,
    "qwen2.5-1.5b": 1_543_714_304,
    "qwen3-8b": 8_190_735_360,
    "llm-jp-3-1.8b": 407_896_064 + 1_459_718_144,
    "llm-jp-3-13b": 1_019_740_160 + 12_688_184_320,
}
SHIPPED = sorted((configs_dir() / "models").glob("*.yaml"))


@pytest.mark.parametrize("changes", VARIANTS + list(FAMILIES.values()))
def test_parameters_are_as_many_as_the_arrays_hold(changes):
    decoder = small_decoder(**changes)
    assert decoder.config.parameters() == sum(leaf.size for leaf in jax.tree.leaves(decoder.abstract()))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_parameters_of_shipped_models_are_as_many_as_their_arrays_hold(path):
    model = load(ModelConfig, path)
    assert model.parameters() == sum(leaf.size for leaf in jax.tree.leaves(Decoder(model).abstract()))


@pytest.mark.parametrize("name", PUBLISHED)
def test_shipped_models_have_the_parameters_that_their_cards_say(name):
    assert load(ModelConfig, configs_dir() / "models" / f"{name}.yaml").parameters() == PUBLISHED[name]


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


@pytest.mark.parametrize("length", [8, 40])
def test_a_window_saves_what_lies_beyond_it(length):
    model = config(window=10, full_layers=[2], layers=3)
    steps = (np.arange(1000 * length) + 0.5) / 1000
    saved = steps.mean() - np.minimum(steps, 10).mean()
    spent = config(layers=3).flops_per_token(length) - model.flops_per_token(length)
    assert spent == pytest.approx(2 * 12 * model.heads * model.head_size * saved, rel=1e-6)


def test_every_layer_has_its_window():
    assert config(window=9, full_layers=[1, 2], layers=4).windows() == [9, None, None, 9]
    assert config().windows() == [None, None]


def test_windows_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="full_layers and local_rope_theta need a window"):
        config(full_layers=[0])
    with pytest.raises(ValidationError, match="full_layers and local_rope_theta need a window"):
        config(local_rope_theta=10.0)
    with pytest.raises(ValidationError, match=r"full_layers \[0, 2\] must rise and be below layers \(2\)"):
        config(window=4, full_layers=[0, 2])


def test_shapes_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match=r"heads \(4\) must be a multiple of kv_heads \(3\)"):
        config(kv_heads=3)
    with pytest.raises(ValidationError, match=r"head_size \(5\) must be even"):
        config(head_size=5)
    with pytest.raises(ValidationError, match="greater than 0"):
        config(layers=0)
    with pytest.raises(ValidationError, match="dropout"):
        config(dropout=0.1)
