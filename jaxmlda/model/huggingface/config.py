"""`config.json` as a model configuration and back; what may change the mathematics and is not known is refused."""

from collections.abc import Mapping
from typing import Any

from etils import epath
from pydantic import ValidationError

from jaxmlda.errors import UserError
from jaxmlda.model.config import ModelConfig
from jaxmlda.model.huggingface.family import FAMILIES, FULL, SLIDING, Family
from jaxmlda.model.huggingface.fields import NEEDED
from jaxmlda.model.huggingface.spelling import read_rope, write_rope
from jaxmlda.storage import read_json

CONFIG = "config.json"


def read_config(folder: epath.PathLike) -> ModelConfig:
    """The model of a folder; every field of `config.json` must be known, and have a value that is understood."""
    path = epath.Path(folder) / CONFIG
    stored = read_json(path)
    return parse(str(path), stored, family_of(path, stored))


def family_of(path: epath.PathLike, stored: Mapping[str, Any]) -> Family:
    """The family that the file names."""
    names = stored.get("architectures") or []
    for name in names:
        if name in FAMILIES:
            return FAMILIES[name]
    raise UserError(f"{path}: architectures {names} is not supported; supported are {', '.join(sorted(FAMILIES))}")


def special_ids(folder: epath.PathLike) -> dict[str, Any]:
    """Ids of the special tokens as `config.json` has them: role → one id, several, or none."""
    stored = read_json(epath.Path(folder) / CONFIG)
    return {role: stored.get(f"{role}_token_id") for role in ("bos", "eos", "pad")}


def parse(path: str, stored: Mapping[str, Any], family: Family) -> ModelConfig:
    """The configuration that a family's fields say."""
    _refuse(path, stored, family)
    stored = {**family.defaults, **stored}
    for name in NEEDED:
        if not isinstance(stored.get(name), int | float):
            raise UserError(f"{path}: {name} is needed, a number, and is {stored.get(name)!r}")
    try:
        numbers = {ours: stored[theirs] for ours, theirs in family.all_fields().items() if ours != "head_size"}
        numbers["kv_heads"] = numbers["kv_heads"] or numbers["heads"]
        numbers["head_size"] = stored.get("head_dim") or numbers["hidden_size"] // numbers["heads"]
        rope = read_rope(path, stored, family)
        windows = _windows(path, stored, family)
        if windows["window"] is None:
            rope.pop("local_rope_theta", None)
        return ModelConfig.model_validate(numbers | dict(family.always) | rope | windows)
    except KeyError as error:
        raise UserError(f"{path}: {error.args[0]} is needed and not there") from None
    except ValidationError as error:
        raise UserError(f"{path}: {'; '.join(_told(fault) for fault in error.errors())}") from None


def _told(fault: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg']}" if place else fault["msg"]


def _refuse(path: str, stored: Mapping[str, Any], family: Family) -> None:
    if stored.get("model_type", family.model_type) != family.model_type:
        raise UserError(
            f"{path}: model_type is {stored['model_type']!r}; that of {family.architecture} is {family.model_type!r}"
        )
    if stored.get("auto_map"):
        raise UserError(
            f"{path}: auto_map names code of the folder's own; such code is never run, take it out if the "
            f"model is a plain {family.architecture}"
        )
    if stored.get("quantization_config"):
        raise UserError(
            f"{path}: quantization_config is there: quantised weights are not read; "
            "give the folder of the weights that they were made from"
        )
    understood = family.all_understood()
    for name, value in stored.items():
        if name in understood and value not in understood[name]:
            raise UserError(f"{path}: {name} is {value!r}; understood are {', '.join(map(repr, understood[name]))}")
        if name not in understood and not family.ignored(name) and value is not None:
            raise UserError(
                f"{path}: {name} is {value!r}, a field that is not known of a {family.architecture}; what works is "
                "null, or none: take it out if it changes nothing"
            )


def _windows(path: str, stored: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """The window, and the layers without one."""
    layers = stored["num_hidden_layers"]
    window = stored.get("sliding_window") if stored.get("use_sliding_window", True) else None
    if family.sees_all is None or window is None:
        window, kinds = None, [FULL] * layers
    else:
        kinds = [FULL if family.sees_all(layer, stored) else SLIDING for layer in range(layers)]
    told = stored.get("layer_types")
    if told is not None and told != kinds:
        understood = {FULL, SLIDING} if window and family.has_layer_types else set(kinds)
        if len(told) != layers or not set(told) <= understood:
            raise UserError(
                f"{path}: layer_types is {told}; understood are {layers} of {' or '.join(sorted(understood))}"
            )
        kinds = told
    full = [layer for layer, kind in enumerate(kinds) if kind == FULL]
    return {"window": None} if len(full) == layers else {"window": window, "full_layers": full}


def config_json(config: ModelConfig, dtype: str, special: Mapping[str, Any]) -> dict[str, Any]:
    """The first family's spelling that reads back as the same configuration."""
    for family in FAMILIES.values():
        stored = _spelt(config, family)
        try:
            same = _meaning(parse("", stored, family)) == _meaning(config)
        except UserError:
            continue
        if same:
            return stored | {"torch_dtype": dtype} | {f"{role}_token_id": ids for role, ids in special.items()}
    raise UserError(
        f"no class of transformers has this combination of numbers: {config.model_dump(exclude_defaults=True)}; "
        f"known are those of {', '.join(sorted(FAMILIES))}"
    )


def _meaning(config: ModelConfig) -> ModelConfig:
    """With the number by which scores are divided written out."""
    return config.model_copy(update={"query_scalar": config.query_scalar or config.head_size})


def _spelt(config: ModelConfig, family: Family) -> dict[str, Any]:
    numbers = {theirs: getattr(config, ours) for ours, theirs in family.all_fields().items()}
    if "query_pre_attn_scalar" in numbers:
        numbers["query_pre_attn_scalar"] = config.query_scalar or config.head_size
    stored = {"architectures": [family.architecture], "model_type": family.model_type} | numbers
    stored |= write_rope(config, family) | {"attention_bias": False} | dict(family.written(config))
    stored["hidden_act"] = family.all_understood()["hidden_act"][0]
    if family.has_layer_types:
        stored["layer_types"] = [SLIDING if window else FULL for window in config.windows()]
    return stored
