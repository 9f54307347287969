"""The page: whole in itself, safe against any text, and true to the rows that it shows."""

import csv
import dataclasses
import html.parser
import json
import re

import pyarrow as pa
import pytest
import simulated

from jaxmlda import dynamics, report
from jaxmlda.errors import UserError
from jaxmlda.report import safe
from jaxmlda.report.data import analyse
from jaxmlda.report.figures import Axis, baseline_lines, cell_figures
from jaxmlda.report.page import render
from jaxmlda.report.tables import comparison
from jaxmlda.report.verdict import verdict
from jaxmlda.storage import read_json, read_table

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=http://x.example/a.png onerror=alert(1)>",
    "\"quotes' & <b>tags</b> {{ 7*7 }} <!--",
    "right \u202eto left\u2066 and \u200f marks",
    "lone \ud800 surrogate \udfff",
    "line\u2028separator\u2029and\x00control\x1b[31m",
    "長い" * 5000,
)
PLAN = simulated.Plan(per_document=2, steps=(0, 1, 10, 100, 400))


class Elements(html.parser.HTMLParser):
    """Every start tag with its attributes, and the text of elements by id."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open = dict(attributes).get("id", self.open)

    def handle_data(self, data):
        self.texts[self.open] = self.texts.get(self.open, "") + data


def run_data(folder, plan=PLAN, name="run", native=("en", "ja"), **more):
    questions = simulated.write(folder, plan)
    return report.RunData(
        name=name,
        config={"name": name},
        info={"native_languages": list(native), "tokens_per_step": 4096, "digests": {"rows": "0123abcd"}},
        scores=dynamics.load(folder),
        trial=simulated.trial(plan),
        questions=questions,
        metrics=[{"step": s, "loss": 3.0 - 0.001 * s, "note": "text"} for s in range(0, 400, 10)],
        **more,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    baselines = {
        f"{x}_knowledge_{kind}": {"longest": 0.3} for x in ("en", "ja") for kind in ("memorization", "generalization")
    }
    return run_data(tmp_path_factory.mktemp("run"), baselines=baselines)


@pytest.fixture(scope="module")
def built(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "report"
    page = report.build([run], out, draws=500)
    return out, page.read_text()


@pytest.fixture(scope="module")
def hostile(run):
    questions = [dict(question) for question in run.questions]
    for number, text in enumerate(HOSTILE):
        questions[number].update(question=text, sentence=text, options=[text, "b", text[::-1], "d"])
    config = {"texts": list(HOSTILE), HOSTILE[0]: 1}
    name = HOSTILE[1]
    metrics = [{"step": 1, "loss": 1.0, "loss </script><b>": 2.0}]
    bad = dataclasses.replace(run, name=name, questions=questions, config=config, metrics=metrics)
    return render([analyse(bad, 200, 0)], HOSTILE[2])


def test_page_asks_nothing_of_any_network(built):
    elements = Elements(built[1])
    for tag, attributes in elements.tags:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base")
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            assert attributes.get(name, "#").startswith("#"), (tag, attributes)
    style = re.search(r"<style>(.*?)</style>", built[1], re.DOTALL).group(1)
    assert "@import" not in style
    assert "url(" not in style
    policy = [a["content"] for t, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    assert policy[0].startswith("default-src 'none'")


def test_links_within_the_page_have_their_targets(built):
    elements = Elements(built[1])
    ids = [attributes["id"] for _, attributes in elements.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for t, a in elements.tags if t == "a"} <= set(ids)


def test_hostile_text_makes_no_element_and_leaves_the_page_whole(run, built, hostile):
    shape = [tag for tag, _ in Elements(built[1]).tags]
    bad = [tag for tag, _ in Elements(hostile).tags]
    assert bad.count("script") == shape.count("script") == 4
    assert set(bad) <= set(shape)
    assert not any(name.startswith("on") for _, attributes in Elements(hostile).tags for name in attributes)
    assert hostile.rstrip().endswith("</html>")
    hostile.encode("utf-8")


def test_hostile_questions_come_back_from_the_data_as_they_were(hostile):
    data = json.loads(re.search(r'id="question-data">(.*?)</script>', hostile, re.DOTALL).group(1))
    for number, text in enumerate(HOSTILE):
        assert data["texts"][number]["question"] == safe.text(text)
    assert data["texts"][1]["question"] == HOSTILE[1]
    assert len(data["texts"][6]["question"]) == 10_000


def test_data_in_scripts_holds_no_markup_character(hostile):
    for found in re.findall(r'type="application/json" id="[a-z-]+">(.*?)</script>', hostile, re.DOTALL):
        assert not re.search("[<>&\u2028\u2029]", found)


def test_the_pages_own_script_never_writes_markup():
    from importlib import resources

    script = (resources.files("jaxmlda.report") / "page" / "page.js").read_text()
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "XMLHttpRequest",
    ):
        assert word not in script


def test_labels_of_figures_are_escaped(hostile):
    data = json.loads(re.search(r'id="figure-data">(.*?)</script>', hostile, re.DOTALL).group(1))
    names = {trace.get("name", "") for figure in data.values() for trace in figure["data"]}
    assert "loss &lt;/script&gt;&lt;b&gt;" in names
    assert not any("<" in name for name in names)


def test_text_keeps_what_utf8_holds_and_replaces_the_rest():
    assert safe.text("a\ud800b\x00c\nd\u202e漢") == "a\ufffdb\ufffdc\nd\u202e漢"
    assert safe.plain({"x": (float("nan"), 1, True, None)}) == {"x": [None, 1, True, None]}


def test_every_figure_carries_its_sizes_and_its_uncertainty(built):
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", built[1], re.DOTALL)
    assert len(captions) == 9
    for caption in captions:
        assert ("documents" in caption and "95 %" in caption) or "no interval" in caption


def test_verdict_tells_estimate_interval_and_sizes_of_the_rows(run, built):
    row = next(
        r
        for r in read_json(built[0] / "summary.json")["runs"][0]["effects"]
        if (r["measure"], r["ask"], r["form"]) == ("acquisition", "ja", "gen")
    )
    numbers = [f"{100 * row[k]:+.1f}".replace("-", "−") for k in ("estimate", "low", "high")]
    text = f"question (generalisation): {numbers[0]} points (95 % interval {numbers[1]} to {numbers[2]}); "
    text += "180 questions of 90 documents"
    assert text in built[1]
    assert "They do not cover another seed" in built[1]
    assert "Learned beyond control: English cloze yes, question yes; Japanese cloze yes, question yes." in built[1]


def test_curves_effects_and_summary_tell_the_same(built):
    rows = read_table(built[0] / "effects.parquet").to_pylist()
    lines = list(csv.DictReader((built[0] / "curves.csv").open()))
    primary = [row for row in rows if row["outcome"] == "token"]
    assert len(lines) == len(primary)
    for line, row in zip(lines, primary, strict=True):
        assert (line["train"], int(line["step"])) == (row["train"], row["step"])
        assert float(line["estimate"]) == row["estimate"]
    for told in read_json(built[0] / "summary.json")["runs"][0]["effects"]:
        same = [r for r in primary if all(r[k] == told[k] for k in ("measure", "train", "ask", "form", "step"))]
        assert same[0]["low"] == told["low"]


def test_japanese_is_marked_for_its_font_and_kept_readable(built):
    assert "化合物" in built[1]
    assert ":lang(ja)" in built[1]


def test_a_run_and_its_clone_have_identical_cells_and_are_flagged(run, tmp_path):
    clone = dataclasses.replace(run, name="clone")
    first, second = analyse(run, 300, 0), analyse(clone, 300, 0)
    table = comparison([first, second])
    assert table.columns[-2:] == ["run", "clone"]
    assert table.rows
    assert all(row[-1] == row[-2] for row in table.rows)
    page = report.build([run, clone], tmp_path / "both", draws=300).read_text()
    assert "step 1 of run and step 1 of clone have identical scores" in page
    assert "Comparison of runs at equal tokens" in page


def test_comparison_is_at_the_end_of_the_shorter_run(run, tmp_path):
    short = dataclasses.replace(PLAN, steps=(0, 1, 10, 50), seed=9)
    table = comparison([analyse(run, 200, 0), analyse(run_data(tmp_path, short, "short"), 200, 0)])
    assert "step 10," in table.rows[0][-2]
    assert "step 50," in table.rows[0][-1]


def test_a_run_without_trial_shows_curves_and_claims_nothing(run):
    bare = dataclasses.replace(run, trial=None, metrics=[])
    page = render([analyse(bare, 200, 0)], "t")
    assert "No effect can be estimated in this run." in page
    assert "There is no control curve" in page
    assert "changes here are no effects" in page


def test_baseline_lines_stand_in_every_curve(run):
    analysed = analyse(run, 200, 0)
    cell = analysed.study.cells()[0]
    lines = {name: level for name, level, _ in baseline_lines(analysed, cell)}
    assert lines["chance"] == pytest.approx(0.25)
    assert lines["longest option"] == pytest.approx(0.3)
    right = run.scores.values["token"][0, cell.index]
    assert lines["untouched model"] == pytest.approx(sum(right.tolist()) / len(right))
    assert "options alone (model)" in lines
    assert len(cell_figures(analysed, cell)) == 2


def test_step_0_stands_left_of_the_first_step_on_the_log_axis():
    axis = Axis([0.0, 4096.0, 40960.0])
    assert 0 < axis.place(0.0) < 4096.0
    assert axis.place(4096.0) == 4096.0
    layout = axis.layout()
    assert layout["ticktext"][0] == "0"
    assert layout["tickvals"][0] == axis.place(0.0)
    assert Axis([0.0]).layout()["ticktext"][0] == "0"


def test_runs_of_one_name_and_no_runs_are_refused(run, tmp_path):
    for runs in ([], [run, run]):
        with pytest.raises(UserError, match="different names"):
            report.build(runs, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_run_file_without_what_the_report_needs_is_refused(run, tmp_path):
    with pytest.raises(UserError, match="tokens_per_step"):
        report.build([dataclasses.replace(run, info={"native_languages": ["en"]})], tmp_path / "x")


def test_exposures_and_fates_reach_the_list_of_questions(run):
    key = (run.questions[0]["set"], run.questions[0]["id"])
    seen = dataclasses.replace(run, exposures={key: 7})
    page = render([analyse(seen, 200, 0)], "t")
    data = json.loads(re.search(r'id="question-data">(.*?)</script>', page, re.DOTALL).group(1))
    rows = data["runs"][0]["rows"]
    mine = [row for row in rows if (data["texts"][row["text"]]["set"], data["texts"][row["text"]]["id"]) == key]
    assert len(rows) == len(run.scores.ids)
    assert len(mine) == 1
    assert mine[0]["seen"] == 7
    assert sum(row["seen"] for row in rows) == 7
    q = next(i for i in range(len(rows)) if (run.scores.sets[i], run.scores.ids[i]) == key)
    before, after = run.scores.values["token"][0, q] > 0.5, run.scores.values["token"][-1, q] > 0.5
    fate = {(0, 1): "acquired", (1, 0): "forgotten", (1, 1): "retained", (0, 0): "unacquired"}
    assert mine[0]["fate"] == fate[int(before), int(after)]
    assert mine[0]["last"] == pytest.approx(run.scores.options[-1, q].tolist(), abs=5e-4)


def test_empty_trial_table_means_everything_is_outside(run):
    empty = run.trial.slice(0, 0)
    assert isinstance(empty, pa.Table)
    analysed = analyse(dataclasses.replace(run, trial=empty), 200, 0)
    assert set(analysed.study.group.tolist()) == {"outside"}


def test_verdict_never_hides_a_loss_behind_a_gain(run):
    analysed = analyse(run, 200, 0)
    rows = [dict(row) for row in analysed.summary if row["measure"] == "acquisition" and row["ask"] == "en"]
    rows[0]["claimed"], rows[1]["claimed"] = "up", "down"
    told = verdict(dataclasses.replace(analysed, summary=rows))
    assert told["lines"][0]["answer"] == (
        "Yes for cloze (memorisation); below what it is held against for question (generalisation)."
    )
    assert told["headline"] == "Learned beyond control: English cloze yes, question no (below it)."
