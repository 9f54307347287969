"""Templates: how a question and one of its options become text.

In: a YAML file of configs/templates/ by name, or any path. Out: `Template`, which splits the text of an
option into prompt, answer and rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import Any

import yaml
from etils import epath

from jaxmlda import storage
from jaxmlda.config import configs_dir
from jaxmlda.errors import UserError
from jaxmlda.questions.record import FORMS, LANGUAGES, Question

_NAMES = {"mem": {"before", "after", "option"}, "gen": {"question", "option"}, "neutral": {"option"}}


@dataclass(frozen=True)
class Template:
    """`texts[kind][language]` holds `{option}` once; kinds are `mem`, `gen` and `neutral`."""

    name: str
    texts: dict[str, dict[str, str]]

    @property
    def digest(self) -> str:
        """Digest of the texts: two templates that write the same have the same."""
        return storage.digest(self.texts)

    def split(self, question: Question, option: str) -> tuple[str, str, str]:
        """Prompt, answer and rest of a question answered with `option`."""
        prompt, rest = self.texts[question.form][question.language].split("{option}")
        before, after = question.cloze if question.form == "mem" else ("", "")
        values = {"question": question.question, "before": before, "after": after}
        return prompt.format(**values), option, rest.format(**values)

    def neutral(self, language: str, option: str) -> tuple[str, str, str]:
        """Prompt, answer and rest of an option after a text that asks nothing."""
        prompt, rest = self.texts["neutral"][language].split("{option}")
        return prompt.format(), option, rest.format()


def load(name: str | epath.PathLike) -> Template:
    """Load a template by the name of a file in configs/templates/, or by the path of a YAML file."""
    path = epath.Path(name) if str(name).endswith((".yaml", ".yml")) else configs_dir() / "templates" / f"{name}.yaml"
    if not path.exists():
        known = sorted(p.stem for p in (configs_dir() / "templates").glob("*.yaml"))
        raise UserError(f"Template {str(name)!r}: no file {path}; known names are {', '.join(known)}.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path}: is not valid YAML ({error}).") from error
    if not isinstance(content, dict) or set(content) != {"name", *_NAMES}:
        raise UserError(f"{path}: a template has the keys name, {', '.join(_NAMES)} and no others.")
    return Template(str(content["name"]), {kind: _texts(content[kind], kind, path) for kind in (*FORMS, "neutral")})


def _texts(value: Any, kind: str, path: Any) -> dict[str, str]:
    texts = dict.fromkeys(LANGUAGES, value) if isinstance(value, str) else value
    if not isinstance(texts, dict) or set(texts) != set(LANGUAGES):
        raise UserError(f"{path}: {kind} is one text, or one for each of {', '.join(LANGUAGES)}.")
    for language, text in texts.items():
        _check(str(text), kind, f"{path}: {kind}.{language}")
    return {language: str(text) for language, text in texts.items()}


def _check(text: str, kind: str, where: str) -> None:
    try:
        fields = [name for _, name, *_ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise UserError(f"{where}: has an unpaired brace ({error}); write a literal brace twice.") from error
    unknown = set(fields) - _NAMES[kind]
    if unknown:
        names = ", ".join(f"{{{name}}}" for name in sorted(_NAMES[kind]))
        raise UserError(f"{where}: unknown name {{{sorted(unknown)[0]}}}; known here are {names}.")
    if fields.count("option") != 1 or text.count("{option}") != 1:
        raise UserError(f"{where}: {{option}} must stand in it exactly once, plainly.")
