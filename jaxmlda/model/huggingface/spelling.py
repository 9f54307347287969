"""Rotary positions as `config.json` spells them. In: its old or new fields; out: our base, scaling and local base."""

from collections.abc import Mapping
from typing import Any

from jaxmlda.errors import UserError
from jaxmlda.model.config import ModelConfig
from jaxmlda.model.huggingface.family import FULL, SLIDING, Family

_ORIGINAL = {"original_positions": "original_max_position_embeddings"}
# Kind → our number → their key.
KINDS: dict[str, dict[str, str]] = {
    "linear": {"factor": "factor"},
    "dynamic": {"factor": "factor"},
    "llama3": {"factor": "factor", "low_factor": "low_freq_factor", "high_factor": "high_freq_factor"} | _ORIGINAL,
    "yarn": {
        "factor": "factor",
        "fast": "beta_fast",
        "slow": "beta_slow",
        "attention_factor": "attention_factor",
        "truncate": "truncate",
    }
    | _ORIGINAL,
}
NEEDED = {"llama3": {"factor", "low_factor", "high_factor"}}
NEUTRAL = {"rope_type", "type", "rope_theta", "original_max_position_embeddings"}


def read_rope(path: str, stored: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """Our rope fields; the parameters win over the fields beside them, as in transformers."""
    given = _mapping(path, "rope_scaling", stored) or _mapping(path, "rope_parameters", stored)
    apart = bool({FULL, SLIDING} & given.keys())
    local = family.local_rope_theta is not None
    if (apart and not local) or (local and stored.get("rope_parameters") and not apart):
        raise UserError(
            f"{path}: rope_parameters is {given!r}; understood is one set of parameters for "
            f"{'each kind of layer' if local else 'all layers'} of a {family.architecture}"
        )
    name = "rope_scaling" if stored.get("rope_scaling") else "rope_parameters"
    everywhere = _mapping(f"{path}: {name}", FULL, given) if apart else given
    found = {
        "rope_theta": _first(everywhere.get("rope_theta"), stored.get("rope_theta"), family.rope_theta),
        "rope_scaling": _scaling(f"{path}: {name}", everywhere, stored["max_position_embeddings"]),
    }
    if not local:
        return found
    near = _mapping(f"{path}: {name}", SLIDING, given) if apart else {}
    kind = _kind(f"{path}: {name}.{SLIDING}", near)
    if kind != "default":
        raise UserError(f"{path}: {name}.{SLIDING}.rope_type is {kind!r}; understood are 'default'")
    base = _first(near.get("rope_theta"), stored.get("rope_local_base_freq"), family.local_rope_theta)
    return found | {"local_rope_theta": base}


def _first(*values: Any) -> Any:
    """The first that is given; 0 is given, and refused where it cannot be."""
    return next(value for value in values if value is not None)


def _mapping(where: str, name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    found = given.get(name)
    if found is not None and not isinstance(found, Mapping):
        raise UserError(f"{where}: {name} is {found!r}; what works is a mapping of rope_type and its numbers, or null")
    return found or {}


def _kind(where: str, given: Mapping[str, Any]) -> str:
    told = {name: given[name] for name in ("rope_type", "type") if given.get(name) is not None}
    for name, kind in told.items():
        if not isinstance(kind, str):
            raise UserError(f"{where}.{name} is {kind!r}; understood are 'default', {', '.join(map(repr, KINDS))}")
    if len(set(told.values())) > 1:
        raise UserError(
            f"{where}: rope_type is {told['rope_type']!r} and type is {told['type']!r}; take out the one that is wrong"
        )
    return next(iter(told.values()), "default")


def _scaling(where: str, given: Mapping[str, Any], positions: int) -> dict[str, Any] | None:
    kind = _kind(where, given)
    if kind != "default" and kind not in KINDS:
        raise UserError(f"{where}.rope_type is {kind!r}; understood are 'default', {', '.join(map(repr, KINDS))}")
    keys = KINDS.get(kind, {})
    if given.get("partial_rotary_factor") not in (None, 1.0):
        raise UserError(
            f"{where}.partial_rotary_factor is {given['partial_rotary_factor']!r}; understood are 1.0, None"
        )
    unknown = sorted(given.keys() - NEUTRAL - {"partial_rotary_factor"} - set(keys.values()))
    if unknown:
        raise UserError(
            f"{where}.{unknown[0]} is {given[unknown[0]]!r}; of kind {kind!r} understood are "
            f"{', '.join(keys.values()) or 'no numbers'}"
        )
    if kind == "default":
        return None
    numbers = {ours: given[theirs] for ours, theirs in keys.items() if given.get(theirs) is not None}
    missing = sorted(keys[ours] for ours in NEEDED.get(kind, {"factor"}) - numbers.keys())
    if missing:
        raise UserError(f"{where}.{missing[0]} is needed where the kind is {kind!r}")
    if "original_positions" in keys:
        numbers.setdefault("original_positions", positions)
    return {"kind": kind} | numbers


def write_rope(config: ModelConfig, family: Family) -> dict[str, Any]:
    """The older spelling, which every version of transformers reads."""
    scaling = None
    if config.rope_scaling is not None:
        numbers = config.rope_scaling.model_dump()
        keys = KINDS[config.rope_scaling.kind]
        told = {theirs: numbers[ours] for ours, theirs in keys.items() if numbers[ours] is not None}
        scaling = {"rope_type": config.rope_scaling.kind} | told
    local = {"rope_local_base_freq": config.local_rope_theta or family.local_rope_theta}
    return {"rope_theta": config.rope_theta, "rope_scaling": scaling} | (local if family.local_rope_theta else {})
