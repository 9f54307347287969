"""The decoder against plain numpy loops, and what it must not let through: other documents, other branches."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_case import (
    FAMILIES,
    attend,
    close,
    config,
    fresh,
    logits,
    norm,
    sharp,
    slow_logits,
    small_decoder,
    through,
)

from jaxmlda.errors import UserError
from jaxmlda.model import Decoder

WIDE = {"hidden_size": 64, "mlp_size": 96, "vocab_size": 500, "kv_heads": 4}
RNG = np.random.default_rng(3)
TOKENS = RNG.integers(0, 37, 13)
VARIANTS = {
    "grouped": {},
    "multi-head": {"kv_heads": 4},
    "one key head": {"kv_heads": 1},
    "tied": {"tied_embeddings": True},
    "far rotary base and large epsilon": {"rope_theta": 500_000.0, "norm_eps": 1e-2},
}


@pytest.mark.parametrize("changes", (VARIANTS | FAMILIES).values(), ids=(VARIANTS | FAMILIES).keys())
def test_logits_are_those_of_plain_numpy_loops(changes):
    decoder = small_decoder(**changes)
    params = sharp(decoder)
    row = TOKENS, np.arange(13), np.ones(13, int)
    close(logits(decoder, params, *row), slow_logits(decoder.config, params, *row))


@pytest.mark.parametrize("name", ["grouped", "norms around, caps, windows", "windows everywhere"])
def test_packed_and_branched_rows_are_those_of_plain_numpy_loops(name):
    decoder = small_decoder(**(VARIANTS | FAMILIES)[name])
    params = sharp(decoder)
    positions = np.array([0, 1, 2, 3, 4, 3, 4, 0, 1, 2, 2, 0, 0])
    segments = np.array([1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0])
    branches = np.array([0, 0, 0, 1, 1, 2, 2, 0, 0, 1, 2, 0, 0])
    row = TOKENS, positions, segments, branches
    close(logits(decoder, params, *row), slow_logits(decoder.config, params, *row))


def test_a_row_of_two_documents_is_each_document_alone():
    decoder = small_decoder()
    params = sharp(decoder)
    packed = logits(decoder, params, TOKENS, [*range(5), *range(8)], [1] * 5 + [2] * 8)
    first = logits(decoder, params, TOKENS[:5], np.arange(5), np.ones(5, int))
    second = logits(decoder, params, TOKENS[5:], np.arange(8), np.ones(8, int))
    close(packed[:5], first)
    close(packed[5:], second)
    assert np.abs(logits(decoder, params, TOKENS, range(13), [1] * 13)[5:] - second).max() > 0.1 * np.abs(second).max()


def test_each_branch_is_trunk_and_branch_alone():
    decoder = small_decoder()
    params = sharp(decoder)
    trunk, branches = TOKENS[:4], [TOKENS[4:7], TOKENS[7:12], TOKENS[12:]]
    tokens = np.concatenate([trunk, *branches])
    positions = [*range(4), *(4 + i for branch in branches for i in range(len(branch)))]
    numbers = [0] * 4 + [n for n, branch in enumerate(branches, start=1) for _ in branch]
    together, column = logits(decoder, params, tokens, positions, [1] * 13, numbers), 4
    for branch in branches:
        whole = np.concatenate([trunk, branch])
        alone = logits(decoder, params, whole, np.arange(len(whole)), np.ones(len(whole), int))
        close(together[column : column + len(branch)], alone[4:])
        column += len(branch)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 12), st.integers(0, 36))
def test_no_position_sees_what_follows_it(place, other):
    decoder = small_decoder()
    params = sharp(decoder)
    changed = TOKENS.copy()
    changed[place] = other
    row = np.arange(13), np.ones(13, int)
    before, after = logits(decoder, params, TOKENS, *row), logits(decoder, params, changed, *row)
    np.testing.assert_array_equal(before[:place], after[:place])
    assert (changed == TOKENS).all() or not np.allclose(before[place:], after[place:])


def test_only_distances_between_positions_matter():
    decoder = small_decoder()
    params = sharp(decoder)
    near = logits(decoder, params, TOKENS, np.arange(13), np.ones(13, int))
    close(logits(decoder, params, TOKENS, 40 + np.arange(13), np.ones(13, int)), near, 1e-4)


def test_fresh_matrices_have_spread_a_fiftieth_and_norms_are_one():
    decoder = small_decoder(**WIDE)
    for path, leaf in jax.tree_util.tree_leaves_with_path(fresh(decoder, 7)):
        assert leaf.dtype == jnp.float32
        if path[-1].key == "scale":
            np.testing.assert_array_equal(leaf, 1.0)
            continue
        values = np.asarray(leaf, np.float64).ravel()
        error = values.size**-0.5
        assert abs(values.mean()) < 5 * 0.02 * error
        assert abs(values.std() / 0.02 - 1) < 5 * error
        assert abs((values**4).mean() / (3 * 0.02**4) - 1) < 25 * error  # a normal's fourth moment is 3 sigma^4


def test_fresh_weights_follow_the_key_alone_and_no_two_matrices_are_the_same():
    decoder = small_decoder(**WIDE)
    first, other = fresh(decoder), fresh(decoder, 1)
    jax.tree.map(np.testing.assert_array_equal, first, fresh(decoder))
    assert not np.array_equal(first["embedding"], other["embedding"])
    attention = first["layers"]["attention"]
    drawn = [np.asarray(attention[name][layer]).ravel()[:50] for name in "qkvo" for layer in range(2)]
    drawn += [np.asarray(first[name]).ravel()[:50] for name in ("embedding", "head")]
    assert len({tuple(part) for part in drawn}) == len(drawn)


def test_abstract_parameters_are_those_of_init():
    decoder = small_decoder(**WIDE)
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), fresh(decoder))
    assert decoder.config.parameters() == sum(leaf.size for leaf in jax.tree.leaves(fresh(decoder)))
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), decoder.abstract()) == shapes
    assert {leaf.dtype for leaf in jax.tree.leaves(decoder.abstract("bfloat16"))} == {jnp.dtype("bfloat16")}


@functools.cache
def gradient(remat):
    """Of a mean square of logits."""
    decoder = Decoder(config(), remat=remat)
    row = [np.asarray(x)[None] for x in (TOKENS, np.arange(13), np.ones(13, int))]
    loss = jax.jit(jax.grad(lambda p: jnp.square(decoder.logits(p, decoder.hidden(p, *row))).mean()))
    return loss(sharp(small_decoder()))


@pytest.mark.parametrize("remat", ["full", "dots", "qkv"])
def test_computing_again_in_the_backward_pass_changes_no_gradient(remat):
    jax.tree.map(lambda a, b: close(a, np.asarray(b), 1e-5), gradient(remat), gradient("none"))


def test_states_are_those_of_the_layers_one_by_one():
    decoder = small_decoder()
    params, row = sharp(decoder), [np.asarray(x)[None] for x in (TOKENS, np.arange(13), np.ones(13, int))]
    found = decoder.states(params, *row, keep=("hidden", "gate"))
    assert found["hidden"].shape == (3, 1, 13, 16)
    assert found["gate"].shape == (2, 1, 13, 24)
    np.testing.assert_array_equal(found["hidden"][0, 0], params["embedding"][TOKENS])
    close(found["final"], np.asarray(decoder.hidden(params, *row)))
    c, plain = decoder.config, jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    x = np.asarray(found["hidden"][0, 0], np.float64)
    for number in range(2):
        layer = jax.tree.map(lambda leaf, number=number: leaf[number], plain["layers"])
        x = through(layer, x, (np.arange(13), np.ones(13), None), c, None)
        close(found["hidden"][number + 1, 0], x)
    # What comes out of the last layer is x + down(gate · up n), n the normed state in the middle of it.
    middle = halfway(found, layer, c)
    normed = np.stack([norm(m, layer["mlp_norm"]["scale"], c) for m in middle])
    rebuilt = middle + (np.asarray(found["gate"][1, 0]) * (normed @ layer["mlp"]["up"])) @ layer["mlp"]["down"]
    close(rebuilt, x)


def halfway(found, layer, c):
    """The states of the last layer after its attention."""
    x = np.asarray(found["hidden"][1, 0], np.float64)
    normal = np.stack([norm(row, layer["attention_norm"]["scale"], c) for row in x])
    return x + attend(layer["attention"], normal, (np.arange(13), np.ones(13), None), c, None)


def test_activations_are_placed_by_their_names():
    seen = set()
    decoder = Decoder(config(), place=lambda x, name: seen.add((name, x.shape)) or x)
    row = [np.asarray(x)[None] for x in (TOKENS, np.arange(13), np.ones(13, int))]
    decoder.logits(sharp(small_decoder()), decoder.hidden(sharp(small_decoder()), *row))
    shapes = {"hidden": {(1, 13, 16)}, "heads": {(1, 13, 4, 6), (1, 13, 2, 6)}, "mlp": {(1, 13, 24)}}
    assert seen == {(name, shape) for name in shapes for shape in shapes[name]} | {("logits", (1, 13, 37))}


def test_what_cannot_be_kept_or_recomputed_is_refused_by_name():
    with pytest.raises(UserError, match=r"training\.remat: 'most' is no policy; known are dots, full, none, qkv"):
        Decoder(config(), remat="most")
    row = [np.asarray(x)[None] for x in (TOKENS, np.arange(13), np.ones(13, int))]
    with pytest.raises(ValueError, match="keep: heads; known are hidden, gate"):
        small_decoder().states(sharp(small_decoder()), *row, keep=("heads",))


def test_an_unknown_attention_kernel_is_refused_with_the_names_there_are():
    with pytest.raises(UserError, match=r"training\.attention.*'flash'.*plain"):
        Decoder(config(), attention="flash")
