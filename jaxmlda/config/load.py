"""Reading settings: YAML, `--a.b=v` on top, and errors that name the file, the line and the nearest key."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from etils import epath
from pydantic import BaseModel, ValidationError

from jaxmlda.errors import UserError

Model = TypeVar("Model", bound=BaseModel)
Keys = tuple[str | int, ...]


def configs_dir() -> Path:
    """The shipped configurations: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "configs", package.parent / "configs"):
        if (place / "models").is_dir():
            return place
    raise UserError(f"{package}: the shipped configurations are missing; install jaxmlda again")


def find(name: str, folder: str) -> epath.Path:
    """A file given by path, or by name among the shipped ones of a folder (`models`, `recipes`, `runs`)."""
    shipped = configs_dir() / folder
    for candidate in (epath.Path(name), epath.Path(shipped / name), epath.Path(shipped / f"{name}.yaml")):
        if candidate.is_file():
            return candidate
    known = sorted(str(path.relative_to(shipped).with_suffix("")) for path in shipped.rglob("*.yaml"))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; shipped are {', '.join(known)}"
    raise UserError(f"{name}: no such file, nor a name in configs/{folder}{hint}")


def load(model: type[Model], path: epath.PathLike, overrides: dict[str, Any] | None = None) -> Model:
    """Reads one YAML file into a settings class, overrides laid over it."""
    source = epath.Path(path)
    try:
        text = source.read_text()
        values, node = yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader)
    except FileNotFoundError as error:
        raise UserError(f"{source}: there is no such file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{source}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{source}: holds no settings; a mapping of keys to values is needed")
    places = _places(node, str(source), overrides or {})
    for dotted, value in (overrides or {}).items():
        _set(values, dotted, value)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(explain(error, model, str(source), places)) from None


def with_overrides(words: list[str]) -> dict[str, Any]:
    """`--a.b=v` (or `--a.b v`) words to {"a.b": value}, values read as YAML."""
    overrides, waiting = {}, list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--"):
            raise UserError(f"{word}: not understood; settings are given as --training.batch_size=64")
        key, equals, text = word[2:].partition("=")
        if not equals:
            if not waiting or waiting[0].startswith("--"):
                raise UserError(f"{word}: has no value; settings are given as {word}=VALUE")
            text = waiting.pop(0)
        try:
            overrides[key.replace("-", "_")] = _scalar(text)
        except yaml.YAMLError as error:
            raise UserError(f"{word}: the value is not YAML") from error
    return overrides


def _scalar(text: str) -> Any:
    """YAML, but 1e-3 is a number as people write it."""
    value = yaml.safe_load(text)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def dump(settings: BaseModel) -> str:
    """The settings as YAML, every default written out."""
    return yaml.safe_dump(settings.model_dump(by_alias=True, mode="json"), sort_keys=False, allow_unicode=True)


def describe(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yields (dotted name, default, meaning) of every setting."""
    for name, field in model.model_fields.items():
        dotted = f"{prefix}{field.alias or name}"
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from describe(inner, f"{dotted}.")
            continue
        default = "(needed)" if field.is_required() else yaml.safe_dump(field.get_default(), default_flow_style=True)
        yield dotted, default.replace("\n...", "").strip(), field.description or ""


def explain(error: ValidationError, model: type[BaseModel], source: str, places: dict[Keys, str]) -> str:
    """One line a fault: where it stands, what is wrong, and the nearest key for an unknown one."""
    faults = []
    for fault in error.errors():
        unknown = fault["type"] == "extra_forbidden"
        *path, last = fault["loc"] or ("",)
        keys = tuple(part for part in path if not _is_choice(part))
        keys += (last,) if unknown or not _is_choice(last) else ()
        dotted = ".".join(str(part) for part in keys)
        where = next((places[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in places), source)
        if unknown:
            known = [name for name, _, _ in describe(model)]
            known += sorted({name.rpartition(".")[0] for name in known if "." in name})
            faults.append(f"{where}: {dotted} is not a setting{_nearest(dotted, known)}")
        elif fault["type"] == "missing":
            faults.append(f"{where}: {dotted} is needed")
        else:
            given = "" if isinstance(fault["input"], dict | BaseModel) else f" (given: {fault['input']!r})"
            faults.append(f"{where}: {dotted or 'settings'}: {fault['msg'].removeprefix('Value error, ')}{given}")
    return "\n".join(faults)


def _is_choice(part: Any) -> bool:
    """Pydantic puts the tried member of a union into a path; it is no key of the file."""
    return isinstance(part, str) and (part[:1].isupper() or "[" in part)


def _nearest(dotted: str, known: list[str]) -> str:
    near = difflib.get_close_matches(dotted, known, n=1, cutoff=0.4)
    last = {name.rsplit(".", 1)[-1]: name for name in known}
    near = near or [last[key] for key in difflib.get_close_matches(dotted.rsplit(".", 1)[-1], last, n=1)]
    return f"; the nearest is {near[0]}" if near else ""


def _places(node: yaml.Node | None, source: str, overrides: dict[str, Any]) -> dict[Keys, str]:
    """Where every setting was given: a line of the file, or the command line; a key that stands twice is an error."""
    given = {tuple(dotted.split(".")): "command line" for dotted in overrides}
    lines: dict[Keys, int] = {}
    for keys, line in _lines(node):
        if keys in lines:
            dotted = ".".join(str(part) for part in keys)
            raise UserError(f"{source}, line {line}: {dotted} stands in line {lines[keys]} too; keep one of the two")
        lines[keys] = line
    hidden = {keys for keys in lines if any(keys[:n] in given for n in range(1, len(keys) + 1))}
    return {keys: f"{source}, line {line}" for keys, line in lines.items() if keys not in hidden} | given


def _set(values: dict[str, Any], dotted: str, value: Any) -> None:
    *groups, last = dotted.split(".")
    for group in groups:
        if not isinstance(values.get(group), dict):
            values[group] = {}
        values = values[group]
    values[last] = value


def _lines(node: yaml.Node | None, keys: Keys = ()) -> Iterator[tuple[Keys, int]]:
    """Yields (path of keys, line number) of everything in a YAML document."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*keys, key.value), key.start_mark.line + 1
            yield from _lines(value, (*keys, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield (*keys, number), value.start_mark.line + 1
            yield from _lines(value, (*keys, number))
