"""Checkpoints and digests: bit for bit, torn ones passed over, strange ones refused, donated buffers not in the way."""

import functools
import itertools
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlda.errors import UserError
from jaxmlda.training.checkpoints import Checkpoints, params_digest, read_meta, read_params, steps_in

# Orbax leaves a coroutine behind where it meets a torn array.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def params(seed=0, width=24):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((9, width)).astype(np.float32)
    return {
        "embedding": jnp.array(matrix, jnp.bfloat16),
        "layers": {"mlp": {"up": jnp.array(rng.standard_normal((2, 40, width)).astype(np.float32))}},
        "norm": {"scale": jnp.array(rng.standard_normal(width).astype(np.float32))},
    }


def like(tree):
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), tree)


def same_bits(found, expected):
    def one(a, b):
        assert a.dtype == b.dtype
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()

    jax.tree.map(one, found, expected)


def with_bits(leaf, place, change):
    """The leaf with one element's bits changed."""
    bits = np.asarray(leaf).view(np.uint16 if leaf.dtype == jnp.bfloat16 else np.uint32).copy()
    bits.flat[place] = change(bits.flat[place])
    return jnp.asarray(bits.view(leaf.dtype).reshape(leaf.shape))


@pytest.mark.parametrize("bit", [0, 1, 15])
@pytest.mark.parametrize("place", [0, 5, 215])
def test_the_digest_sees_a_single_bit(bit, place):
    whole = params()
    changed = whole | {"embedding": with_bits(whole["embedding"], place, lambda x: x ^ (1 << bit))}
    assert params_digest(changed) != params_digest(whole)
    assert params_digest(params()) == params_digest(whole)


def test_the_digest_sees_any_two_swapped_values():
    whole, digests = params()["norm"]["scale"].reshape(2, 3, 4), set()
    for a, b in itertools.combinations(range(24), 2):
        order = np.arange(24)
        order[[a, b]] = b, a
        digests.add(params_digest({"scale": whole.reshape(24)[order].reshape(2, 3, 4)}))
    assert len(digests | {params_digest({"scale": whole})}) == 24 * 23 // 2 + 1


def test_the_digest_sees_names_shapes_and_formats():
    zeros = {"a": jnp.zeros((2, 3))}
    others = [{"b": jnp.zeros((2, 3))}, {"a": jnp.zeros((3, 2))}, {"a": jnp.zeros((2, 3), jnp.bfloat16)}]
    assert len({params_digest(tree) for tree in [zeros, *others]}) == 4
    assert params_digest({"a": jnp.zeros((2, 3))}) != params_digest({"a": -jnp.zeros((2, 3))})


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


def test_what_science_keeps_comes_back_bit_for_bit(run):
    kept = Checkpoints(run, 2)
    for step in (0, 3):
        kept.save_science(step, params(step), {"step": step, "digest": params_digest(params(step))})
    kept.close()
    assert steps_in(run) == [0, 3]
    for step in (0, 3):
        folder = run / "checkpoints" / str(step)
        found = read_params(folder, like(params()))
        same_bits(found, params(step))
        assert read_meta(folder) == {"step": step, "digest": params_digest(found)}


def test_a_science_step_that_is_there_is_left_as_it_is_and_an_earlier_one_can_still_be_added(run):
    kept = Checkpoints(run, 2)
    for step, seed in ((5, 1), (5, 2), (3, 3)):
        kept.save_science(step, params(seed), {"step": step})
    kept.close()
    assert steps_in(run) == [3, 5]
    same_bits(read_params(run / "checkpoints" / "5", like(params())), params(1))


def test_what_resuming_needs_comes_back_bit_for_bit_and_old_ones_go(run):
    kept = Checkpoints(run, 2)
    for step in (1, 2, 3):
        kept.save_resume(step, params(step), {"mu": params(10 + step), "count": jnp.int32(step)}, {"step": step})
    kept.close()
    assert sorted(path.name for path in (run / "resume").iterdir()) == ["2", "3"]
    step, found, optimizer = Checkpoints(run, 2).latest(like(params()), like({"mu": params(), "count": jnp.int32(0)}))
    assert step == 3
    same_bits(found, params(3))
    same_bits(optimizer, {"mu": params(13), "count": jnp.int32(3)})


def test_nothing_to_resume_from_is_none(run):
    assert Checkpoints(run, 2).latest(like(params()), like(params())) is None


def test_science_is_on_disk_before_a_run_can_resume_beyond_it(run):
    kept = Checkpoints(run, 2)
    kept.save_science(4, params(4), {"step": 4})
    kept.save_resume(5, params(5), params(5), {"step": 5})
    assert steps_in(run) == [4]
    kept.close()


def largest(folder):
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


TEARS = {
    "parameters cut short": lambda step: cut_short(largest(step / "params")),
    "parameters deleted": lambda step: largest(step / "params").unlink(),
    "optimizer emptied": lambda step: largest(step / "optimizer").write_bytes(b""),
    "optimizer's folder gone": lambda step: shutil.rmtree(step / "optimizer"),
    "list of arrays cut short": lambda step: cut_short(step / "params" / "manifest.ocdbt"),
    "names of arrays cut short": lambda step: cut_short(step / "params" / "_METADATA"),
}


def two_of_which_the_newer_is_torn(run, tear):
    kept = Checkpoints(run, 3)
    for step in (10, 20):
        kept.save_resume(step, params(step), params(step + 1), {"step": step})
    kept.close()
    tear(run / "resume" / "20")
    return Checkpoints(run, 3)


@pytest.mark.parametrize("tear", TEARS.values(), ids=TEARS.keys())
def test_a_torn_resume_checkpoint_is_named_and_the_one_before_taken(run, tear, caplog):
    kept = two_of_which_the_newer_is_torn(run, tear)
    step, found, optimizer = kept.latest(like(params()), like(params()))
    assert step == 10
    same_bits(found, params(10))
    same_bits(optimizer, params(11))
    assert "resume checkpoint 20 cannot be read" in caplog.text
    assert "taking the one before" in caplog.text


@pytest.mark.parametrize("again", [15, 20])
def test_a_run_that_went_back_past_a_torn_checkpoint_can_save_again(run, again):
    kept = two_of_which_the_newer_is_torn(run, TEARS["parameters cut short"])
    assert kept.latest(like(params()), like(params()))[0] == 10
    kept.save_resume(again, params(15), params(16), {"step": again})
    kept.close()
    step, found, _ = Checkpoints(run, 3).latest(like(params()), like(params()))
    assert step == again
    same_bits(found, params(15))


def test_saving_where_one_resumed_leaves_the_checkpoint_as_it_is(run):
    kept = Checkpoints(run, 2)
    kept.save_resume(7, params(7), params(8), {"step": 7})
    kept.close()
    again = Checkpoints(run, 2)
    again.latest(like(params()), like(params()))
    again.save_resume(7, params(0), params(0), {"step": 7})
    again.close()
    same_bits(Checkpoints(run, 2).latest(like(params()), like(params()))[1], params(7))


def test_the_checkpoint_of_another_model_is_refused_by_the_name_that_differs(run):
    kept = Checkpoints(run, 2)
    kept.save_science(0, params(), {"step": 0})
    kept.close()
    other = params() | {"norm": {"scale": jnp.ones(48)}}
    with pytest.raises(UserError, match=r"another model: norm/scale is \(24,\) there, \(48,\) in the model"):
        read_params(run / "checkpoints" / "0", like(other))
    with pytest.raises(UserError, match=r"another model: head is missing there, \(3,\) in the model"):
        read_params(run / "checkpoints" / "0", like(params() | {"head": jnp.ones(3)}))


def test_folders_without_checkpoints_are_refused_by_name(tmp_path):
    with pytest.raises(UserError, match="no checkpoints/ in this folder"):
        steps_in(tmp_path)
    with pytest.raises(UserError, match=r"never finished \(no meta\)"):
        read_meta(tmp_path)


@pytest.mark.parametrize("tear", [tear for name, tear in TEARS.items() if "optimizer" not in name])
def test_a_torn_science_checkpoint_is_refused_by_name_and_says_nothing_of_a_healthy_one(run, tear, caplog):
    kept = Checkpoints(run, 2)
    for step in (0, 1):
        kept.save_science(step, params(), {"step": step})
    kept.close()
    tear(run / "checkpoints" / "1")
    with pytest.raises(UserError, match=r"checkpoints/1 cannot be read, its files are torn or gone"):
        read_params(run / "checkpoints" / "1", like(params()))
    caplog.clear()
    same_bits(read_params(run / "checkpoints" / "0", like(params())), params())
    assert not caplog.records


def test_a_torn_meta_is_refused_by_name(run):
    kept = Checkpoints(run, 2)
    kept.save_science(0, params(), {"step": 0, "model": {"layers": 2}})
    kept.close()
    cut_short(run / "checkpoints" / "0" / "meta" / "metadata")
    with pytest.raises(UserError, match="metadata: not a JSON file"):
        read_meta(run / "checkpoints" / "0")


def test_an_unfinished_checkpoint_is_not_there(run):
    kept = Checkpoints(run, 2)
    kept.save_science(2, params(), {"step": 2})
    kept.close()
    (run / "checkpoints" / "5").mkdir()
    (run / "checkpoints" / "7.orbax-checkpoint-tmp").mkdir()
    assert steps_in(run) == [2]


def test_what_is_on_disk_is_what_was_handed_over_although_training_reused_its_memory(run):
    @functools.partial(jax.jit, donate_argnums=0)
    def train(tree):
        return jax.tree.map(lambda leaf: leaf * 1.5 + 1, tree)

    rng, kept, digests = np.random.default_rng(0), Checkpoints(run, 1), []
    state = {"embedding": jnp.array(rng.standard_normal((1500, 1000)).astype(np.float32))}
    shapes = like(state)
    for step in range(4):
        digests.append(params_digest(state))
        kept.save_science(step, state, {"digest": digests[-1]})
        kept.save_resume(step, state, state, {"step": step})
        for _ in range(5):
            state = train(state)  # nobody waits for the disk here
    kept.close()
    assert len(set(digests)) == 4
    for step in range(4):
        folder = run / "checkpoints" / str(step)
        assert params_digest(read_params(folder, shapes)) == read_meta(folder)["digest"] == digests[step]
    _, found, optimizer = Checkpoints(run, 1).latest(shapes, shapes)
    assert params_digest(found) == params_digest(optimizer) == digests[3]


def test_meta_is_plain_json_that_others_can_read(run):
    kept = Checkpoints(run, 1)
    kept.save_science(1, params(), {"step": 1, "model": {"layers": 2}})
    kept.close()
    assert json.loads((run / "checkpoints" / "1" / "meta" / "metadata").read_text()) == {
        "step": 1,
        "model": {"layers": 2},
    }
