"""The page's tables as columns and rows of text.

In: analysed runs. Out: `Table`s; every figure stands with its sizes and interval in the same row.
"""

from dataclasses import dataclass, field

from jaxmlda.dynamics import measures
from jaxmlda.dynamics.registry import Row
from jaxmlda.dynamics.summary import by_contrast
from jaxmlda.report import words
from jaxmlda.report.data import Analysed

DRAWN_ELSEWHERE = ("effects", "life")


@dataclass
class Table:
    """`rows` are lists of texts; `claims` (one for each row) colours a row's mark, and may be left out."""

    caption: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)


def effects_table(run: Analysed) -> Table:
    """Effects at the last checkpoint, primary outcome first, the other outcomes beside it."""
    others = [name for name in words.OUTCOMES if name != "token"]
    curves = {name: by_contrast(run.results["effects"], name) for name in others}
    table = Table(
        "Effects at the last checkpoint. Points are percentage points of accuracy; the last columns show the "
        "same effect "
        "under other normalisations and on the probability of the gold option.",
        [
            *("effect", "trained in", "asked in", "form", "points", "95 % interval", "claim", "onset (step)"),
            *("smallest (80 % power)", "questions (documents)", "held against"),
            *[words.OUTCOMES[name].removeprefix("accuracy ") for name in others],
        ],
    )
    for row in run.summary:
        if row["measure"] == "change":
            continue
        key = (row["measure"], row["train"], row["ask"], row["form"])
        table.claims.append(row["claimed"])
        table.rows.append(
            [
                words.MEASURES[row["measure"]],
                *(words.language(row["train"]), words.language(row["ask"]), words.short_form(row["form"])),
                words.points(row["estimate"]),
                words.span(row["low"], row["high"]),
                words.CLAIMS[row["claimed"]],
                "–" if row["onset"] is None else str(row["onset"]),
                words.points(row["smallest_effect"]).removeprefix("+"),
                f"{row['n_questions']} ({row['n_documents']})",
                f"{words.group(row['against']).split(',')[0]}: {row['against_questions']} ({row['against_documents']})",
                *[words.points(curves[name][key][-1]["estimate"]) for name in others],
            ]
        )
    return table


def matrix(run: Analysed, form: str) -> Table:
    """Trained in × asked in: the change against control with its interval, in one form."""
    found = {(row["train"], row["ask"]): row for row in run.summary if row["form"] == form and row["against"] == "none"}
    asks = sorted({ask for _, ask in found})
    table = Table(
        f"{words.form(form)}: change against control at the last checkpoint, points with 95 % intervals "
        "(document clusters; one seed). On the diagonal: acquisition; off it: transfer.",
        ["trained in", *[f"asked in {words.language(ask)}" for ask in asks]],
    )
    for train in ("en", "ja", "both"):
        if any(key[0] == train for key in found):
            cells = [_cell(found.get((train, ask))) for ask in asks]
            table.rows.append([words.group(train).removeprefix("trained in "), *cells])
    return table


def _cell(row: Row | None) -> str:
    if row is None:
        return "–"
    sizes = f"documents {row['n_documents']} : {row['against_documents']}"
    if row["low"] is None:
        return f"too few ({sizes})"
    return f"{words.points(row['estimate'])} [{words.span(row['low'], row['high'])}] ({sizes})"


def change_table(run: Analysed) -> Table:
    """Each group's own change, control first: what happens to documents that were never trained on."""
    table = Table(
        "Change of each group since step 0, not yet held against anything. Control's row is what training "
        "does to documents that "
        "were not trained on: style, format, forgetting.",
        ["group", "asked in", "form", "points", "95 % interval", "questions (documents)"],
    )
    rows = [row for row in run.summary if row["measure"] == "change"]
    for row in sorted(rows, key=_control_first):
        sizes = f"{row['n_questions']} ({row['n_documents']})"
        head = [words.group(row["train"]), words.language(row["ask"]), words.short_form(row["form"])]
        table.claims.append("control" if row["train"] == "none" else "")
        table.rows.append([*head, words.points(row["estimate"]), words.span(row["low"], row["high"]), sizes])
    return table


def _control_first(row: Row) -> tuple[bool, str, bool, str]:
    return row["train"] != "none", row["ask"], row["form"] != "mem", row["form"]


def life_table(run: Analysed) -> Table:
    """Item life of every cell and group; control's rows are marked."""
    table = Table(
        f"{measures()['life'].meaning} Wilson interval and McNemar's p describe questions as if they were "
        "independent, and leave "
        "control out of account.",
        [
            *("group", "asked in", "form", "steps", "questions (documents)"),
            *("acquired", "forgotten", "retained", "unacquired", "acquired, 95 % (Wilson)"),
            *("net, points", "clustered error", "McNemar p"),
        ],
    )
    for row in run.results["life"]:
        table.claims.append("control" if row["group"] == "none" else "")
        table.rows.append(
            [
                *(words.group(row["group"]), words.language(row["ask"]), words.short_form(row["form"])),
                f"{row['from_step']} → {row['to_step']}",
                f"{row['n_questions']} ({row['n_documents']})",
                *[str(row[fate]) for fate in ("acquired", "forgotten", "retained", "unacquired")],
                f"{words.percent(row['acquired_low'])} to {words.percent(row['acquired_high'])}",
                words.points(row["net_share"]),
                f"{100 * row['clustered_error']:.1f}",
                f"{row['mcnemar_p']:.2g}",
            ]
        )
    return table


def other_tables(run: Analysed) -> list[tuple[str, Table]]:
    """A plain table for every registered measure that has no section of its own: (title, table)."""
    tables = []
    for name, measure in measures().items():
        rows = run.results.get(name, [])
        if name not in DRAWN_ELSEWHERE and rows:
            columns = list(rows[0])
            texts = [["–" if row.get(c) is None else _figure(row[c]) for c in columns] for row in rows]
            tables.append((measure.title, Table(measure.meaning, columns, texts)))
    return tables


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def comparison(runs: list[Analysed]) -> Table:
    """Effects of several runs at equal tokens: each at its last checkpoint that is no later than the shortest
    run's end.
    """
    ends = [max(row["tokens"] for row in run.results["effects"]) for run in runs if run.results["effects"]]
    limit = min(ends, default=0.0)
    columns: dict[str, dict[tuple[str, str, str, str], Row]] = {}
    for run in runs:
        curves = by_contrast(run.results["effects"])
        within = {key: [row for row in rows if row["tokens"] <= limit * (1 + 1e-9)] for key, rows in curves.items()}
        columns[run.name] = {
            key: rows[-1]
            for key, rows in within.items()
            if rows and key[0] != "accuracy" and (key[0] != "change" or key[1] == "none")
        }
    table = Table(
        f"Effects at equal tokens ({words.tokens(limit)}), points with 95 % intervals over document "
        "clusters. Each run is one seed: "
        "an interval does not cover what another seed would have changed.",
        ["effect", "trained in", "asked in", "form", *columns],
    )
    keys = {key for found in columns.values() for key in found}
    for key in sorted(keys, key=lambda key: (*key[:3], key[3] != "mem", key[3])):
        measure, train, ask, form = key
        cells = [_compared(found.get(key)) for found in columns.values()]
        table.rows.append(
            [words.MEASURES[measure], words.group(train), words.language(ask), words.short_form(form), *cells]
        )
    return table


def _compared(row: Row | None) -> str:
    if row is None:
        return "–"
    sizes = f"step {row['step']}, {row['n_documents']} documents"
    if row["low"] is None:
        return f"too few ({sizes})"
    return f"{words.points(row['estimate'])} [{words.span(row['low'], row['high'])}] ({sizes})"
