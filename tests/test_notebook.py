"""The notebook is whole, stores no results, and calls the verbs as they can be called."""

import argparse
import importlib
import json
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import plotly.graph_objects as go
import pytest

from jaxmlda.__main__ import VERBS
from jaxmlda.dynamics import effects
from jaxmlda.storage import write_table

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks/demo.ipynb"
CELLS = json.loads(NOTEBOOK.read_text())["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]
# Lines for the shell or for IPython.
ESCAPE = re.compile(r"^[!%].*$", re.MULTILINE)
PYTHON = [ESCAPE.sub("", text) for text in CODE]


def commands() -> list[list[str]]:
    """The words of every `!jaxmlda VERB ...`, the notebook's variables put in."""
    values: dict[str, str] = dict(re.findall(r'^([A-Z]+) = "(.*)"$', "\n".join(CODE), re.MULTILINE))
    lines = re.findall(r"^!jaxmlda (.*)$", "\n".join(CODE), re.MULTILINE)
    return [shlex.split(line.format(**values)) for line in lines]


class Accepted(Exception):
    """The parser took the command line; the verb need not run."""


def test_it_is_a_notebook_of_at_most_eight_cells_without_results():
    notebook = json.loads(NOTEBOOK.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert set(notebook) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert len(CELLS) <= 8
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)
    for cell in CELLS:
        own = {"outputs", "execution_count"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | own
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("number", range(len(CODE)))
def test_its_code_compiles(number):
    compile(PYTHON[number], f"cell {number}", "exec")


def test_it_walks_the_road_and_probes_a_checkpoint():
    assert [words[0] for words in commands()] == ["demo", "probe"]


@pytest.mark.parametrize("words", commands(), ids=lambda words: words[0])
def test_its_commands_are_accepted_by_the_verbs(words, monkeypatch):
    real = argparse.ArgumentParser.parse_args

    def parse(self: argparse.ArgumentParser, given: list[str]) -> argparse.Namespace:
        real(self, given)
        raise Accepted

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    assert words[0] in VERBS
    verb = importlib.import_module(f"jaxmlda.verbs.{words[0]}").run
    with pytest.raises(Accepted):
        verb(words[1:])
    with pytest.raises(SystemExit):
        verb([*words[1:], "--no-such-option"])


@pytest.mark.parametrize("words", commands(), ids=lambda words: words[0])
def test_help_of_its_verbs_lists_the_options_that_it_uses(words, capsys):
    with pytest.raises(SystemExit) as leaving:
        importlib.import_module(f"jaxmlda.verbs.{words[0]}").run(["--help"])
    told = capsys.readouterr().out
    assert leaving.value.code == 0
    assert [word for word in words if word.startswith("--") and word not in told] == []


def row(**changed) -> dict:
    """One row of effects.parquet."""
    empty = dict.fromkeys(effects.SCHEMA.names)
    first = {"run": "native", "measure": "transfer", "outcome": "token", "train": "en", "ask": "ja", "form": "mem"}
    return empty | first | {"step": 9, "against": "none", "estimate": 0.125, "low": -0.05, "high": 0.3} | changed


def test_its_figures_show_the_losses_and_the_last_effects_against_control(tmp_path, monkeypatch):
    home = tmp_path / "runs/colab"
    for name in ("native", "translation"):
        (home / name).mkdir(parents=True)
        (home / name / "metrics.jsonl").write_text('{"step": 1, "loss": 8.0}\n{"step": 2, "loss": 7.5}\n')
    rows = [
        row(),
        row(step=1),
        row(against="en"),
        row(outcome="sum"),
        row(measure="both", estimate=None),
        row(run="b", step=7),
    ]
    write_table(home / "report/effects.parquet", effects.table(rows))
    (home / "report/index.html").write_text("<p>page</p>")
    figures, links = [], []

    def keep(figure: go.Figure) -> None:
        figures.append(figure)

    display = SimpleNamespace(HTML=str, display=links.append)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(go.Figure, "show", keep)
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    for text in PYTHON:
        exec(compile(text, "cell", "exec"), scope)
    losses, table = figures
    assert [(trace.name, list(trace.x), list(trace.y)) for trace in losses.data] == [
        ("native", [1, 2], [8.0, 7.5]),
        ("translation", [1, 2], [8.0, 7.5]),
    ]
    shown = dict(zip(table.data[0].header.values, table.data[0].cells.values, strict=True))
    assert list(shown["measure"]) == ["transfer", "both", "transfer"]
    assert list(shown["run"]) == ["native", "native", "b"]
    assert list(shown["estimate"]) == ["+12.5", "", "+12.5"]
    assert list(shown["low"]) == ["-5.0"] * 3
    assert "base64,PHA+cGFnZTwvcD4=" in links[0]
