"""Puts the page together and writes it with its data files.

In: runs. Out: a folder with index.html (whole in itself, no request to anywhere), summary.json,
effects.parquet, curves.csv.
"""

import csv
import io
import json
from importlib import resources
from typing import Any

import jinja2
from etils import epath
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from jaxmlda.dynamics import effects, flag_rules
from jaxmlda.dynamics.registry import Row
from jaxmlda.dynamics.study import DRAWS
from jaxmlda.dynamics.table_flags import identical_between
from jaxmlda.errors import UserError
from jaxmlda.report import browse, figures, safe, tables, words
from jaxmlda.report.data import Analysed, RunData, analyse
from jaxmlda.report.verdict import verdict
from jaxmlda.storage import write_json, write_table, write_text

CURVE_COLUMNS = [
    *("run", "measure", "train", "against", "ask", "form", "step", "tokens"),
    *("estimate", "low", "high", "band_low", "band_high", "n_questions", "n_documents"),
    *("against_questions", "against_documents"),
]


def build(
    runs: list[RunData],
    out: epath.PathLike,
    *,
    title: str = "What was learned, and did it cross?",
    draws: int = DRAWS,
    seed: int = 0,
) -> epath.Path:
    """Writes the report of one or several runs into the folder `out` and returns the path of its page."""
    names = [run.name for run in runs]
    if not runs or len(set(names)) != len(names):
        raise UserError("a report needs at least one run, and runs of different names; rename the doubled run")
    analysed = [analyse(run, draws, seed) for run in runs]
    folder = epath.Path(out)
    rows = [row for run in analysed for row in run.results["effects"]]
    write_table(folder / "effects.parquet", effects.table(rows))
    write_text(folder / "curves.csv", curves_csv(rows))
    write_json(folder / "summary.json", summary(analysed))
    write_text(folder / "index.html", render(analysed, title))
    return folder / "index.html"


def render(runs: list[Analysed], title: str) -> str:
    """The whole page as text."""
    drawn: dict[str, Any] = {}
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jaxmlda.report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else safe.text(value),
    )
    views = [_view(run, number, drawn) for number, run in enumerate(runs)]
    own = resources.files("jaxmlda.report") / "page"
    return environment.get_template("page.html.j2").render(
        title=title,
        runs=views,
        shared_flags=_flag_groups(identical_between([run.study for run in runs])),
        comparison=tables.comparison(runs) if len(runs) > 1 else None,
        styles=Markup((own / "page.css").read_text(encoding="utf-8")),
        script=Markup((own / "page.js").read_text(encoding="utf-8")),
        plotly=Markup(get_plotlyjs()),
        figure_data=Markup(safe.script_json(drawn)),
        question_data=Markup(safe.script_json({**browse.questions(runs), "groups": words.GROUPS})),
    )


def _view(run: Analysed, number: int, drawn: dict[str, Any]) -> dict[str, Any]:
    def place(figure: figures.Figure) -> dict[str, Any]:
        key = f"figure-{len(drawn)}"
        traces = [{k: v for k, v in trace.items() if k != "plain"} for trace in figure["data"]]
        drawn[key] = {"data": traces, "layout": figure["layout"]}
        return {"key": key, "legend": figures.legend(figure), **{k: figure[k] for k in ("title", "caption")}}

    cells = [
        {"title": words.cell(c.language, c.form), "figures": [place(f) for f in figures.cell_figures(run, c)]}
        for c in run.study.cells()
    ]
    loss = figures.loss_figure(run)
    forms = list(dict.fromkeys(row["form"] for row in run.summary if row["against"] == "none"))
    return {
        "key": f"run-{number}",
        "number": number,
        "name": run.name,
        "facts": _facts(run),
        "verdict": verdict(run),
        "flags": _flag_groups(run.flags),
        "cells": cells,
        "effects": tables.effects_table(run),
        "matrices": [tables.matrix(run, form) for form in forms],
        "change": tables.change_table(run),
        "life": tables.life_table(run),
        "others": tables.other_tables(run),
        "loss": place(loss) if loss else None,
        "reproduce": _reproduce(run),
    }


def _facts(run: Analysed) -> str:
    scores = run.study.scores
    last = int(scores.steps[-1])
    native = ", ".join(words.language(code) for code in run.study.native) or "none"
    return (
        f"Trained natively in: {native}. {len(scores.steps)} checkpoints, step {int(scores.steps[0])} to "
        f"{last} "
        f"({words.tokens(last * run.study.tokens_per_step)} tokens). {len(scores.ids):,} questions."
    )


def _flag_groups(flags: list[Any]) -> list[dict[str, Any]]:
    meanings = {name: rule.meaning for name, rule in flag_rules().items()}
    grouped: dict[str, list[Any]] = {}
    for flag in flags:
        grouped.setdefault(flag.rule, []).append(flag)
    return [{"rule": rule, "meaning": meanings[rule], "flags": found} for rule, found in grouped.items()]


def _reproduce(run: Analysed) -> dict[str, str]:
    return {
        "info": json.dumps(safe.plain(dict(run.data.info)), ensure_ascii=False, indent=2),
        "config": json.dumps(safe.plain(dict(run.data.config)), ensure_ascii=False, indent=2),
    }


def curves_csv(rows: list[Row]) -> str:
    """The primary outcome's rows as CSV, one line for each contrast and step."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CURVE_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        if row["outcome"] == "token":
            writer.writerow({name: "" if row[name] is None else safe.text(row[name]) for name in CURVE_COLUMNS})
    return stream.getvalue()


def summary(runs: list[Analysed]) -> dict[str, Any]:
    """The page's figures for machines: by run, contrasts at the last checkpoint, flags, item life,
    digests.
    """
    return {
        "runs": [
            safe.plain(
                {
                    "name": run.name,
                    "draws": run.study.draws,
                    "seed": run.study.seed,
                    "effects": run.summary,
                    "life": run.results["life"],
                    "flags": [vars(flag) for flag in run.flags],
                    "digests": run.data.info.get("digests", {}),
                }
            )
            for run in runs
        ],
        "shared_flags": [safe.plain(vars(flag)) for flag in identical_between([run.study for run in runs])],
    }
