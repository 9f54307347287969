"""The optimizer: global-norm clipping, then AdamW, decoupled decay of matrices only (Loshchilov and Hutter 2019)."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import NamedSharding

from jaxmlda.config.run import Optimizer, Schedule
from jaxmlda.training.schedule import learning_rate


def decayed(params: Any) -> Any:
    """True for matrices and stacks of matrices; norms and biases are left alone."""

    def one(path: tuple, leaf: Any) -> bool:
        return not str(getattr(path[-1], "key", path[-1])).endswith(("scale", "_bias"))

    return jax.tree_util.tree_map_with_path(one, params)


def optimizer(settings: Optimizer, schedule: Schedule, steps: int) -> optax.GradientTransformation:
    """clip(g), then m, v, and p ← p - lr (m̂ / (√v̂ + eps) + decay · p)."""
    adamw = optax.adamw(
        learning_rate(schedule, steps),
        b1=settings.b1,
        b2=settings.b2,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        mask=decayed,
    )
    rule = adamw if settings.clip is None else optax.chain(optax.clip_by_global_norm(settings.clip), adamw)
    return _in_float32(rule)


def _in_float32(rule: optax.GradientTransformation) -> optax.GradientTransformation:
    """The rule with float32 moments and arithmetic, whatever the parameters are stored in."""

    def wide(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), tree)

    def update(gradient: Any, state: Any, params: Any) -> tuple[Any, Any]:
        return rule.update(wide(gradient), state, wide(params))

    return optax.GradientTransformation(lambda params: rule.init(wide(params)), update)


def state_shardings(rule: optax.GradientTransformation, abstract: Any, shardings: Any, other: NamedSharding) -> Any:
    """Moments are cut like their parameters, counters stand on every device."""
    state = jax.eval_shape(rule.init, abstract)
    return optax.tree_utils.tree_map_params(
        rule, lambda _, sharding: sharding, state, shardings, transform_non_params=lambda _: other
    )
