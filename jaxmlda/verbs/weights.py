"""Where the weights of a run come from: a Hugging Face folder, one checkpoint, a run folder, or chance."""

from typing import Any

import jax
import jax.numpy as jnp
from etils import epath

from jaxmlda.config import Run, find, load
from jaxmlda.errors import UserError
from jaxmlda.model import Decoder, ModelConfig, huggingface
from jaxmlda.training.checkpoints import SCIENCE, read_meta, read_params, steps_in


def checkpoint_of(run: Run) -> epath.Path:
    """The folder of the checkpoint that `init` names."""
    home = epath.Path(run.init.path)
    if run.init.from_ == "orbax":
        return home
    steps = steps_in(home)
    if not steps:
        raise UserError(f"init.path: {home} holds no finished checkpoint yet")
    step = steps[-1] if run.init.step is None else run.init.step
    if step not in steps:
        raise UserError(f"init.step: {home} has no checkpoint of step {step}; it has {steps}")
    return home / SCIENCE / str(step)


def model_of(run: Run) -> ModelConfig:
    """The model that the run names, which must be the weights' own where both are known."""
    named = load(ModelConfig, find(run.model, "models")) if run.model else None
    if run.init.from_ == "random":
        if named is None:
            raise UserError("model: is needed where init.from is random")
        return named
    if run.init.from_ == "hf":
        stored = huggingface.read_config(run.init.path)
    else:
        stored = ModelConfig.model_validate(read_meta(checkpoint_of(run))["model"])
    if named is not None and named != stored:
        wrong = [name for name in ModelConfig.model_fields if getattr(named, name) != getattr(stored, name)]
        told = ", ".join(
            f"{name} is {getattr(stored, name)} there and {getattr(named, name)} in {run.model}" for name in wrong
        )
        raise UserError(
            f"init.path: {run.init.path} is a checkpoint of another model ({told}); set model to null or to its own"
        )
    return stored


def trained_vocabulary(run: Run) -> str | None:
    """Digest of the vocabulary that the weights were trained with, where they say so."""
    return read_meta(checkpoint_of(run)).get("vocabulary") if run.init.from_ in ("orbax", "run") else None


def weights_of(run: Run, decoder: Decoder, like: Any) -> Any:
    """The parameters, in the shardings and formats of `like`."""
    shardings = jax.tree.map(lambda leaf: leaf.sharding, like)
    if run.init.from_ == "random":
        dtype = jax.tree.leaves(like)[0].dtype

        def fresh(key: jax.Array) -> Any:
            return jax.tree.map(lambda leaf: leaf.astype(dtype), decoder.init(key))

        return jax.jit(fresh, out_shardings=shardings)(jax.random.key(run.init.seed))
    if run.init.from_ == "hf":
        return huggingface.read_params(run.init.path, decoder.config, like)
    return jax.tree.map(jnp.copy, read_params(checkpoint_of(run), like))
