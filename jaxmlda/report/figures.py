"""Plotly figures as plain dictionaries: acquisition curves, effects over training, training loss.

In: an analysed run. Out: figures with their captions; a figure's caption carries its sizes and caveats.
"""

import math
from typing import Any

from jaxmlda.dynamics.registry import Row
from jaxmlda.dynamics.study import Cell
from jaxmlda.dynamics.summary import by_contrast
from jaxmlda.report import words
from jaxmlda.report.data import Analysed
from jaxmlda.report.safe import label

Figure = dict[str, Any]
DASHES = {
    "solid": "none",
    "dash": "6 4",
    "dot": "2 3",
    "dashdot": "6 3 2 3",
    "longdash": "10 4",
    "longdashdot": "10 3 2 3",
}
BASELINES = {
    "chance": ("chance", "dot"),
    "longest": ("longest option", "dashdot"),
    "shortest": ("shortest option", "longdashdot"),
    "options_model": ("options alone (model)", "dash"),
    "options_classifier": ("options alone (classifier)", "longdash"),
}


def cell_figures(run: Analysed, cell: Cell) -> list[Figure]:
    """Two figures for a cell: accuracy of each group, and the effects."""
    curves = by_contrast(run.results["effects"])
    mine = {key: rows for key, rows in curves.items() if key[2] == cell.language and key[3] == cell.form}
    accuracy = {key[1]: rows for key, rows in mine.items() if key[0] == "accuracy"}
    effects = {key: rows for key, rows in mine.items() if key[0] in ("acquisition", "transfer", "both")}
    figures = [_accuracy(run, cell, accuracy)] if accuracy else []
    if any(row["estimate"] is not None for rows in effects.values() for row in rows):
        figures.append(_effects(effects))
    return figures


def _accuracy(run: Analysed, cell: Cell, curves: dict[str, list[Row]]) -> Figure:
    axis = Axis([row["tokens"] for rows in curves.values() for row in rows])
    traces = []
    for name, rows in curves.items():
        dash = "dash" if name == "none" or name.endswith("*") else "solid"
        traces += _curve(axis, rows, words.group(name), words.COLOURS.get(name, "#CC79A7"), dash)
    traces += [_level(axis, *line) for line in baseline_lines(run, cell)]
    sizes = "; ".join(
        f"{words.group(name)}: {rows[-1]['n_questions']} questions of {rows[-1]['n_documents']} documents"
        for name, rows in curves.items()
    )
    warning = "" if "none" in curves else " There is no control curve: a rise may be style and format, not facts."
    return {
        "title": "Accuracy of each group",
        "caption": f"Accuracy by token. Sizes: {sizes}. Shaded: simultaneous 95 % bands over document "
        "clusters, step 0 left out; "
        f"groups below {run.study.fewest} documents have none.{warning}",
        "data": traces,
        "layout": _layout(axis, "accuracy, %"),
    }


def baseline_lines(run: Analysed, cell: Cell) -> list[tuple[str, float, str]]:
    """(name, level, dash) of what needs no learning: chance, option lengths, options alone, the untouched
    model.
    """
    scores = run.study.scores
    sets = scores.sets[cell.index].tolist()
    levels: dict[str, list[float]] = {"chance": scores.chance[cell.index].tolist()}
    for name in ("longest", "shortest", "options_model", "options_classifier"):
        known = [run.data.baselines.get(one, {}).get(name) for one in sets]
        levels[name] = [value for value in known if value is not None] if None not in known else []
    alone = scores.values["alone"][0, cell.index]
    if not levels["options_model"] and all(math.isfinite(value) for value in alone):
        levels["options_model"] = alone.tolist()
    lines = [(BASELINES[n][0], sum(v) / len(v), BASELINES[n][1]) for n, v in levels.items() if v]
    at = run.study.usable_steps(cell)
    if len(at) and scores.steps[at[0]] == 0:
        lines.append(("untouched model", float(scores.values["token"][at[0], cell.index].mean()), "solid"))
    return lines


def _effects(curves: dict[tuple[str, str, str, str], list[Row]]) -> Figure:
    axis = Axis([row["tokens"] for rows in curves.values() for row in rows])
    traces, sizes = [], []
    for (measure, train, _, _), rows in curves.items():
        if rows[-1]["estimate"] is None:
            continue
        name = {
            "acquisition": f"acquisition ({train})",
            "transfer": f"transfer from {train}",
            "both": "both",
        }[measure]
        traces += _curve(axis, rows, name, words.COLOURS[train], "dashdot" if measure == "transfer" else "solid")
        last = rows[-1]
        sizes.append(
            f"{name}: {words.points(last['estimate'])} [{words.span(last['low'], last['high'])}], "
            f"{last['n_documents']} documents against {last['against_documents']}"
        )
    return {
        "title": "Effect over control",
        "caption": "Change since step 0, minus control's. At the end, in points with 95 % intervals: "
        + "; ".join(sizes)
        + ". Shaded: simultaneous 95 % bands over document clusters; another seed is not covered.",
        "data": traces,
        "layout": _layout(axis, "points over control", zero=True),
    }


def loss_figure(run: Analysed) -> Figure | None:
    """Every loss that the metrics hold, over steps."""
    names = sorted({k for row in run.data.metrics for k, v in row.items() if "loss" in k and _number(v)})
    traces = []
    for name, colour in zip(names, list(words.COLOURS.values()) * len(names), strict=False):
        points = [(row["step"], row[name]) for row in run.data.metrics if _number(row.get(name)) and "step" in row]
        if points:
            x, y = zip(*points, strict=True)
            style = {"color": colour, "width": 1.5}
            head = {"type": "scatter", "mode": "lines", "name": label(name), "plain": name}
            traces.append({**head, "x": x, "y": y, "line": style})
    if not traces:
        return None
    layout = {
        **_layout(Axis([0, 1]), "loss, nats"),
        "xaxis": {"title": {"text": "step"}, "gridcolor": "#e6e6e6"},
    }
    caption = "Loss of the training batches (and of held-out text, if any), as logged. One run, no interval."
    return {"title": "Training loss", "caption": caption, "data": traces, "layout": layout}


def legend(figure: Figure) -> list[dict[str, str]]:
    """The figure's named lines, for a legend beside the plot that wraps on a narrow screen and prints."""
    return [
        {"name": t["plain"], "colour": t["line"]["color"], "dash": DASHES[t["line"].get("dash", "solid")]}
        for t in figure["data"]
        if "plain" in t
    ]


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class Axis:
    """Tokens on a log scale with step 0 at its left end, a third of the first step's place."""

    def __init__(self, tokens: list[float]):
        self.positive = sorted({t for t in tokens if t > 0}) or [1.0]
        self.zero = self.positive[0] / 3.0

    def place(self, tokens: float) -> float:
        return tokens if tokens > 0 else self.zero

    def layout(self) -> Figure:
        first, last = self.positive[0], self.positive[-1]
        ticks = [10.0**p for p in range(math.ceil(math.log10(first)), math.floor(math.log10(last)) + 1)]
        ticks = ticks if len(ticks) >= 2 else [first, last] if last > first else [first]
        return {
            "type": "log",
            "title": {"text": "tokens trained on (log scale)"},
            "tickvals": [self.zero, *ticks],
            "ticktext": ["0", *[words.tokens(t) for t in ticks]],
            "range": [math.log10(self.zero) - 0.05, math.log10(last) + 0.05],
            "gridcolor": "#e6e6e6",
        }


def _curve(axis: Axis, rows: list[Row], name: str, colour: str, dash: str) -> list[Figure]:
    known = [row for row in rows if row["estimate"] is not None]
    banded = [row for row in known if row["band_low"] is not None]
    common = {"type": "scatter", "legendgroup": label(name)}
    edge = {**common, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    x = [axis.place(row["tokens"]) for row in banded]
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    fill = {"fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},0.13)"}
    bands = [
        {**edge, "x": x, "y": [100 * row["band_low"] for row in banded]},
        {**edge, "x": x, "y": [100 * row["band_high"] for row in banded], **fill},
    ]
    hover = [f"step {row['step']}, {words.tokens(row['tokens'])} tokens" for row in known]
    line = {
        **common,
        "mode": "lines+markers",
        "name": label(name),
        "plain": name,
        "x": [axis.place(row["tokens"]) for row in known],
        "y": [100 * row["estimate"] for row in known],
        "text": hover,
        "hovertemplate": "%{text}: %{y:.1f}",
        "line": {"color": colour, "dash": dash, "width": 2},
        "marker": {"size": 5, "color": colour},
    }
    return [*(bands if banded else []), line]


def _level(axis: Axis, name: str, level: float, dash: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{name} {100 * level:.1f} %",
        "plain": f"{name} {100 * level:.1f} %",
        "x": [axis.zero, axis.positive[-1]],
        "y": [100 * level] * 2,
        "line": {"color": "#888888", "dash": dash, "width": 1 if name == "untouched model" else 1.5},
        "hoverinfo": "name",
    }


def _layout(axis: Axis, title: str, zero: bool = False) -> Figure:
    return {
        "xaxis": axis.layout(),
        "yaxis": {
            "title": {"text": title},
            "gridcolor": "#e6e6e6",
            "zeroline": zero,
            "zerolinecolor": "#444444",
        },
        "showlegend": False,
        "margin": {"l": 52, "r": 12, "t": 8, "b": 44},
        "height": 340,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 12, "color": "#222222"},
        "hovermode": "closest",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#bbbbbb", "activecolor": "#555555"},
    }
