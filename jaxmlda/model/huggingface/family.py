"""What a family of models calls its fields and tensors. In: a file of families/; out: the register of families."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax

from jaxmlda.model.config import ModelConfig
from jaxmlda.model.huggingface.fields import FIELDS, HARMLESS, READ, UNDERSTOOD

Stored = Mapping[str, Any]
FULL, SLIDING = "full_attention", "sliding_attention"


class Tensor(NamedTuple):
    """One of our arrays in their words: `{layer}` means one tensor a layer, `turned` that theirs is transposed."""

    theirs: str
    turned: bool = False

    def names(self, layers: int) -> list[str]:
        """All their names."""
        return [self.theirs.format(layer=layer) for layer in range(layers)] if self.stacked else [self.theirs]

    @property
    def stacked(self) -> bool:
        """Whether ours has a leading axis of layers."""
        return "{layer}" in self.theirs


def _layer(name: str, *, turned: bool = False) -> Tensor:
    return Tensor(f"model.layers.{{layer}}.{name}", turned)


# Our path → their tensor; a decoder uses those of the paths that it has.
TENSORS = {
    "embedding": Tensor("model.embed_tokens.weight"),
    "head": Tensor("lm_head.weight"),
    "norm/scale": Tensor("model.norm.weight"),
    **{f"layers/attention/{name}": _layer(f"self_attn.{name}_proj.weight", turned=True) for name in "qkvo"},
    **{f"layers/attention/{name}_bias": _layer(f"self_attn.{name}_proj.bias") for name in "qkv"},
    **{f"layers/attention/{name}_norm/scale": _layer(f"self_attn.{name}_norm.weight") for name in "qk"},
    **{f"layers/mlp/{name}": _layer(f"mlp.{name}_proj.weight", turned=True) for name in ("gate", "up", "down")},
}


def norms(**names: str) -> dict[str, Tensor]:
    """Our norm → their norm, as tensors."""
    return {f"layers/{ours}/scale": _layer(f"{theirs}.weight") for ours, theirs in names.items()}


@dataclass(frozen=True)
class Family:
    """A model class of transformers: what all its models have, and how `config.json` and tensors spell the rest."""

    architecture: str
    model_type: str
    norms: Mapping[str, Tensor]
    always: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    defaults: Stored = field(default_factory=dict)
    understood: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()
    # Whether a layer has no window, from its number and config.json; None where the family knows no windows.
    sees_all: Callable[[int, Stored], bool] | None = None
    window_fields: frozenset[str] = frozenset()
    has_layer_types: bool = False
    written: Callable[[ModelConfig], Stored] = lambda config: {}
    rope_theta: float = 10_000.0
    local_rope_theta: float | None = None

    def all_fields(self) -> dict[str, str]:
        """Our field → their field."""
        return FIELDS | dict(self.fields)

    def all_understood(self) -> dict[str, tuple[Any, ...]]:
        """Their field → values that work."""
        return UNDERSTOOD | dict(self.understood)

    def ignored(self, name: str) -> bool:
        """Whether a field is read elsewhere or changes nothing."""
        local = {"rope_local_base_freq"} if self.local_rope_theta else set()
        read = {*self.all_fields().values(), *READ, *local, *self.window_fields}
        return name in read or name in HARMLESS or name in self.harmless

    def tensors(self, abstract: Any) -> Iterator[tuple[tuple[str, ...], Tensor, Any]]:
        """(path, their tensor, our leaf) of every parameter."""
        table = TENSORS | dict(self.norms)
        for keys, leaf in jax.tree_util.tree_leaves_with_path(abstract):
            path = tuple(key.key for key in keys)
            yield path, table["/".join(path)], leaf


FAMILIES: dict[str, Family] = {}


def register(family: Family) -> Family:
    """Makes a family known under the name of its class."""
    FAMILIES[family.architecture] = family
    return family
