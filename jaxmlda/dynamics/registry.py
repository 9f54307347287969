"""The list of measures and flags. Each file of this room registers what it defines: a new measure, a new
file.

A measure is a function of a study that returns rows; a flag rule is a function of a study and all rows that
returns warnings.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Results = dict[str, list[Row]]


@dataclass(frozen=True)
class Measure:
    """A family of figures: `function(study)` gives its rows, `meaning` is the sentence the report prints
    above them.
    """

    name: str
    title: str
    meaning: str
    function: Callable[[Any], list[Row]]


@dataclass(frozen=True)
class Flag:
    """One warning: the rule that raised it, where, and what it says."""

    rule: str
    where: str
    text: str


@dataclass(frozen=True)
class Rule:
    """A check that may raise flags: `function(study, results)` yields (where, text)."""

    name: str
    meaning: str
    function: Callable[[Any, Results], Any]


_measures: dict[str, Measure] = {}
_rules: dict[str, Rule] = {}


def measure(name: str, title: str, meaning: str) -> Callable:
    """Registers a measure under a name of its own."""

    def register(function: Callable) -> Callable:
        _add(_measures, name, Measure(name, title, meaning, function))
        return function

    return register


def flag(name: str, meaning: str) -> Callable:
    """Registers a flag rule under a name of its own."""

    def register(function: Callable) -> Callable:
        _add(_rules, name, Rule(name, meaning, function))
        return function

    return register


def _add(table: dict[str, Any], name: str, entry: Any) -> None:
    if name in table:
        raise ValueError(f"two entries are called {name!r}")
    table[name] = entry


@functools.cache
def _load_files() -> None:
    package = importlib.import_module("jaxmlda.dynamics")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"jaxmlda.dynamics.{module.name}")


def measures() -> dict[str, Measure]:
    """All measures of this room by name."""
    _load_files()
    return dict(_measures)


def flag_rules() -> dict[str, Rule]:
    """All flag rules of this room by name."""
    _load_files()
    return dict(_rules)


def analyse(study: Any) -> tuple[Results, list[Flag]]:
    """Every measure's rows by name, then the flags that those rows and the tables raise."""
    results = {name: entry.function(study) for name, entry in measures().items()}
    flags = [
        Flag(name, where, text) for name, rule in flag_rules().items() for where, text in rule.function(study, results)
    ]
    return results, flags
