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
# Fields that count something, and how much at most.
SIZES = [name for name in (*NEEDED, "num_key_value_heads", "head_dim") if name != "rms_norm_eps"]
LARGEST = 2**31 - 1
MOST = {"num_hidden_layers": 10_000}
# Where they are empty they say nothing.
EMPTY = ("auto_map", "quantization_config")


def read_config(folder: epath.PathLike) -> ModelConfig:
    """The model of a folder; every field of `config.json` must be known, and have a value that is understood."""
    path = epath.Path(folder) / CONFIG
    stored = stored_fields(folder)
    return parse(str(path), stored, family_of(path, stored))


def stored_fields(folder: epath.PathLike) -> dict[str, Any]:
    """What `config.json` holds, field → value."""
    path = epath.Path(folder) / CONFIG
    stored = read_json(path)
    if not isinstance(stored, dict):
        raise UserError(f"{path}: is {stored!r:.60}; what works is a mapping of fields; copy the file again")
    return stored


def family_of(path: epath.PathLike, stored: Mapping[str, Any]) -> Family:
    """The family that the file names."""
    names = stored.get("architectures")
    if isinstance(names, list) and len(names) == 1 and isinstance(names[0], str) and names[0] in FAMILIES:
        return FAMILIES[names[0]]
    raise UserError(
        f"{path}: architectures {names!r} is not supported; supported are {', '.join(sorted(FAMILIES))}, "
        "in a list of one"
    )


def special_ids(folder: epath.PathLike) -> dict[str, Any]:
    """Ids of the special tokens as `config.json` has them: role → one id, several, or none."""
    stored = stored_fields(folder)
    found = {role: stored.get(f"{role}_token_id") for role in ("bos", "eos", "pad")}
    for role, ids in found.items():
        listed = isinstance(ids, list) and all(type(one) is int for one in ids)
        if ids is not None and type(ids) is not int and not listed:
            place = epath.Path(folder) / CONFIG
            raise UserError(f"{place}: {role}_token_id is {ids!r}; what works is an id, a list of ids, or null")
    return found


def parse(path: str, stored: Mapping[str, Any], family: Family) -> ModelConfig:
    """The configuration that a family's fields say."""
    _refuse(path, stored, family)
    stored = {**family.defaults, **stored}
    _check_numbers(path, stored)
    try:
        numbers = {ours: stored[theirs] for ours, theirs in family.all_fields().items() if ours != "head_size"}
        if numbers["kv_heads"] is None:
            numbers["kv_heads"] = numbers["heads"]
        width = stored.get("head_dim")
        numbers["head_size"] = numbers["hidden_size"] // numbers["heads"] if width is None else width
        rope = read_rope(path, stored, family)
        windows = _windows(path, stored, family)
        if windows["window"] is None:
            rope.pop("local_rope_theta", None)
        return ModelConfig.model_validate(numbers | dict(family.always) | rope | windows)
    except KeyError as error:
        raise UserError(f"{path}: {error.args[0]} is needed and not there") from None
    except ValidationError as error:
        raise UserError(f"{path}: {'; '.join(_told(fault, family) for fault in error.errors())}") from None


def _check_numbers(path: str, stored: Mapping[str, Any]) -> None:
    """Refuses sizes that are no whole numbers, or so large that nothing could be built of them."""
    for name in NEEDED:
        if not isinstance(stored.get(name), int | float) or isinstance(stored[name], bool):
            raise UserError(f"{path}: {name} is needed, a number, and is {stored.get(name)!r}")
    for name in SIZES:
        value, most = stored.get(name), MOST.get(name, LARGEST)
        if value is not None and not (type(value) is int and 1 <= value <= most):
            raise UserError(f"{path}: {name} is {value!r}; what works is a whole number from 1 to {most}")


def _told(fault: Mapping[str, Any], family: Family) -> str:
    place = ".".join(family.all_fields().get(part, str(part)) for part in fault["loc"])
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
        if name in EMPTY and not value:
            continue
        if name in understood and value not in understood[name]:
            raise UserError(f"{path}: {name} is {value!r}; understood are {', '.join(map(repr, understood[name]))}")
        if name not in understood and not family.ignored(name) and value is not None:
            raise UserError(
                f"{path}: {name} is {value!r}, a field that is not known of a {family.architecture}; what works is "
                "null, or none: take it out if it changes nothing"
            )


def _windows(path: str, stored: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """The window, and the layers without one."""
    layers, told = stored["num_hidden_layers"], stored.get("layer_types")
    window = stored.get("sliding_window") if _switched_on(path, stored) else None
    if told is not None and not (isinstance(told, list) and all(isinstance(kind, str) for kind in told)):
        raise UserError(f"{path}: layer_types is {told!r}; what works is a list of {layers} kinds, or null")
    if family.sees_all is None or window is None:
        window, kinds = None, [FULL] * layers
    else:
        _check_windows(path, stored, family)
        kinds = told if told is not None and family.has_layer_types else _usual(stored, family)
    if told is not None:
        understood = {FULL, SLIDING} if window and family.has_layer_types else set(kinds)
        if len(told) != layers or not set(told) <= understood:
            raise UserError(
                f"{path}: layer_types is {told}; understood are {layers} of {' or '.join(sorted(understood))}"
            )
        kinds = told
    full = [layer for layer, kind in enumerate(kinds) if kind == FULL]
    return {"window": None} if len(full) == layers else {"window": window, "full_layers": full}


def _usual(stored: Mapping[str, Any], family: Family) -> list[str]:
    """The kinds of layers where the file does not list them."""
    return [FULL if family.sees_all(layer, stored) else SLIDING for layer in range(stored["num_hidden_layers"])]


def _switched_on(path: str, stored: Mapping[str, Any]) -> bool:
    value = stored.get("use_sliding_window", True)
    if value not in (True, False, None):
        raise UserError(f"{path}: use_sliding_window is {value!r}; what works is true or false")
    return bool(value)


def _check_windows(path: str, stored: Mapping[str, Any], family: Family) -> None:
    """Refuses numbers by which windows cannot be laid out; a list of kinds makes up for those that are null."""
    listed = stored.get("layer_types") is not None and family.has_layer_types
    for name, least in (("sliding_window", 1), ("max_window_layers", 0), ("sliding_window_pattern", 1)):
        value = stored.get(name)
        if name not in family.window_fields or (listed and value is None):
            continue
        if type(value) is not int or value < least:
            raise UserError(f"{path}: {name} is {value!r}; what works is a whole number from {least} on")


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
