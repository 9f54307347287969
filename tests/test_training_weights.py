"""Where weights come from: a checkpoint of a run, one checkpoint, or chance; and what is refused on the way."""

import jax
import pytest
import training_case as case
import yaml

from jaxmlda.config import Run
from jaxmlda.errors import UserError
from jaxmlda.model import Decoder, ModelConfig, huggingface
from jaxmlda.training.checkpoints import Checkpoints, params_digest
from jaxmlda.verbs.weights import checkpoint_of, model_of, weights_of

LIKE = jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(
        leaf.shape, leaf.dtype, sharding=jax.sharding.SingleDeviceSharding(jax.devices()[0])
    ),
    case.decoder().abstract(),
)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run folder with checkpoints of steps 0 and 5, and a model file beside it."""
    home = tmp_path_factory.mktemp("run")
    kept = Checkpoints(home, 1)
    for step in (0, 5):
        kept.save_science(step, jax.device_put(case.params(step)), {"step": step, "model": case.MODEL})
    kept.close()
    (home / "model.yaml").write_text(yaml.safe_dump(case.MODEL))
    (home / "other.yaml").write_text(yaml.safe_dump(case.MODEL | {"layers": 3, "mlp_size": 48}))
    return home


def asking(home, init, model=None):
    return Run.model_validate(case.settings(home) | {"init": init, "model": model})


@pytest.mark.parametrize(("step", "seed"), [(None, 5), (0, 0), (5, 5)])
def test_a_run_folder_gives_the_step_asked_for_or_its_last(run_folder, step, seed):
    run = asking(run_folder, {"from": "run", "path": str(run_folder), "step": step})
    assert params_digest(weights_of(run, case.decoder(), LIKE)) == params_digest(case.params(seed))
    assert model_of(run) == ModelConfig(**case.MODEL)


def test_one_checkpoint_gives_its_own(run_folder):
    run = asking(run_folder, {"from": "orbax", "path": str(run_folder / "checkpoints" / "0")})
    assert params_digest(weights_of(run, case.decoder(), LIKE)) == params_digest(case.params(0))


def test_weights_come_in_the_format_asked_for(run_folder):
    run = asking(run_folder, {"from": "run", "path": str(run_folder)})
    half = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, "bfloat16", sharding=leaf.sharding), LIKE)
    rounded = jax.tree.map(lambda leaf: leaf.astype("bfloat16"), jax.device_put(case.params(5)))
    assert params_digest(weights_of(run, case.decoder(), half)) == params_digest(rounded)


def test_a_step_that_is_not_there_is_refused_with_those_that_are(run_folder):
    with pytest.raises(UserError, match=r"init\.step: .* no checkpoint of step 3; it has \[0, 5\]"):
        checkpoint_of(asking(run_folder, {"from": "run", "path": str(run_folder), "step": 3}))


def test_a_model_file_that_is_not_the_weights_own_is_refused_by_what_differs(run_folder):
    run = asking(run_folder, {"from": "run", "path": str(run_folder)}, str(run_folder / "other.yaml"))
    with pytest.raises(UserError, match=r"mlp_size is 24 there and 48 in .*layers is 2 there and 3 in"):
        model_of(run)


def test_a_model_file_that_is_the_weights_own_is_taken(run_folder):
    run = asking(run_folder, {"from": "run", "path": str(run_folder)}, str(run_folder / "model.yaml"))
    assert model_of(run) == ModelConfig(**case.MODEL)


def test_chance_needs_a_model(run_folder):
    with pytest.raises(UserError, match=r"model: is needed where init\.from is random"):
        model_of(asking(run_folder, {"from": "random"}))


def test_chance_follows_its_seed(run_folder, tmp_path):
    decoder, model = Decoder(ModelConfig(**case.MODEL)), str(run_folder / "model.yaml")

    def drawn(seed):
        return params_digest(weights_of(asking(run_folder, {"from": "random", "seed": seed}, model), decoder, LIKE))

    with case.compilations_kept(tmp_path):
        assert drawn(1) == params_digest(jax.jit(decoder.init)(jax.random.key(1))) != drawn(2)


def test_a_hugging_face_folder_gives_model_and_weights(tmp_path):
    huggingface.write(tmp_path, case.decoder().config, case.params(), {"eos": 2})
    run = asking(tmp_path, {"from": "hf", "path": str(tmp_path)})
    assert model_of(run) == case.decoder().config
    assert params_digest(weights_of(run, case.decoder(), LIKE)) == params_digest(case.params())
