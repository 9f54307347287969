"""The documentation says what the code does: links, make targets, settings, verbs, columns, measures and flags."""

import re
from pathlib import Path

import pytest
import yaml

from jaxmlda.__main__ import VERBS
from jaxmlda.config import Phase, Recipe, Run, Stream, describe
from jaxmlda.corpus import ARMS
from jaxmlda.dynamics import flag_rules, measures
from jaxmlda.model import ModelConfig
from jaxmlda.probe.rules import RULES
from jaxmlda.probe.tables import SCHEMA
from jaxmlda.streams import KINDS

HOME = Path(__file__).resolve().parent.parent
DOCS = HOME / "docs"
PAGES = [HOME / "README.md", HOME / "CONTRIBUTING.md", HOME / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
NAMES = [str(path.relative_to(HOME)) for path in PAGES]
DEMO = ("native", "translation")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
MAKE = re.compile(r"(?:^|`)[ \t]*make((?:[ \t]+[\w=.-]+)+)[ \t]*(?:`|#|$)", re.MULTILINE)


def rows(page: str) -> list[list[str]]:
    """The cells of every table row of a page; a `|` in code would need a backslash, which none has."""
    lines = (DOCS / page).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def first_column(page: str) -> set[str]:
    """What the rows of a page's tables begin with, code marks taken off."""
    return {cells[0].strip("`") for cells in rows(page)}


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def phony() -> set[str]:
    """The targets of the Makefile that are no files."""
    return set(re.search(r"^\.PHONY:(.*)$", (HOME / "Makefile").read_text(), re.MULTILINE).group(1).split())


def made(text: str) -> set[str]:
    """Targets of every `make ...` that is a code span or a line of its own, assignments of variables left out."""
    return {word for words in MAKE.findall(text) for word in words.split() if "=" not in word}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    broken = []
    for target in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def test_every_page_of_docs_is_on_the_map():
    linked = set(LINK.findall((DOCS / "index.md").read_text()))
    assert {path.name for path in DOCS.glob("*.md")} - {"index.md"} <= linked


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_make_target_that_a_page_names_exists(page):
    assert made(page.read_text()) <= phony()


def test_the_readme_names_every_make_target():
    assert made((HOME / "README.md").read_text()) == phony()


def test_the_readme_says_what_make_check_runs():
    needed = re.search(r"^check:(.*)$", (HOME / "Makefile").read_text(), re.MULTILINE).group(1).split()
    told = next(line for line in (HOME / "README.md").read_text().splitlines() if line.startswith("| `make check`"))
    assert [word for word in re.findall(r"`([^`]+)`", told) if word in phony()] == needed


def test_the_run_file_page_has_every_setting_with_its_default_and_meaning():
    told = {
        cells[0].strip("`"): (cells[1].strip("`"), cells[2])
        for cells in rows("run-file.md")
        if cells[0].strip("`") not in ModelConfig.model_fields
    }
    assert {name: told.get(name) for name, _, _ in describe(Run)} == {n: (d, m) for n, d, m in describe(Run)}
    assert set(told) - {name for name, _, _ in describe(Run)} == {"setting", "---"}


def test_the_run_file_page_has_every_number_of_a_model_with_its_default():
    told = {cells[0].strip("`"): cells[1].strip("`") for cells in rows("run-file.md")}
    for name, field in ModelConfig.model_fields.items():
        default = "(needed)" if field.is_required() else yaml.safe_dump(field.default).removesuffix("\n...\n").strip()
        assert told[name] == default


def test_the_recipe_page_has_every_setting_with_its_default_and_meaning():
    told = {(cells[0].strip("`"), cells[1].strip("`"), cells[2]) for cells in rows("recipes.md") if len(cells) == 3}
    assert {row for model in (Recipe, Phase, Stream) for row in describe(model)} <= told


def yaml_blocks(page: str) -> list:
    """The YAML examples of a page."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


def test_the_examples_of_a_run_file_and_a_model_can_be_read():
    run, model = yaml_blocks("run-file.md")
    assert Run.model_validate(run).name == "native"
    assert ModelConfig.model_validate(model).parameters() > 0


def test_the_examples_of_recipes_are_the_shipped_ones():
    native, streams = yaml_blocks("recipes.md")
    shipped = {name: yaml.safe_load((HOME / f"configs/recipes/demo/{name}.yaml").read_text()) for name in DEMO}
    assert native == shipped["native"]
    assert streams == shipped["translation"]["phases"][0]["streams"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_page_and_stands_in_the_readme(verb):
    assert (DOCS / f"verb-{verb}.md").read_text().startswith(f"# jaxmlda {verb}\n")
    assert f"[`{verb}`](docs/verb-{verb}.md)" in (HOME / "README.md").read_text()


def test_no_page_is_about_a_verb_that_does_not_exist():
    assert {path.stem.removeprefix("verb-") for path in DOCS.glob("verb-*.md")} == set(VERBS)


def test_the_scores_page_has_every_column_and_rule():
    told = {name.removesuffix(" (default)").strip("`") for name in first_column("scores.md")}
    assert {*SCHEMA.names, *RULES} <= told


def test_the_scores_page_says_which_columns_may_be_null():
    told = {cells[0].strip("`"): "may be null" in cells[1] for cells in rows("scores.md") if len(cells) == 3}
    assert {field.name: told[field.name] for field in SCHEMA} == {field.name: field.nullable for field in SCHEMA}


def test_the_effects_page_has_every_measure_as_the_report_words_it():
    told = {(cells[0].strip("`"), *cells[1:]) for cells in rows("effects.md")}
    assert {(one.name, one.title, one.meaning) for one in measures().values()} <= told


def test_the_effects_page_has_exactly_the_flags_that_the_report_may_raise():
    lines = [cells for cells in rows("effects.md") if len(cells) == 3]
    start = next(place for place, cells in enumerate(lines) if cells[0] == "flag") + 2
    assert {cells[0]: cells[1] for cells in lines[start:]} == {r.name: r.meaning for r in flag_rules().values()}


def test_the_architecture_page_has_every_file_of_the_package_and_no_other():
    sections = re.split(r"^### ", (DOCS / "architecture.md").read_text(), flags=re.MULTILINE)[1:]
    told = set()
    for section in sections:
        room = re.match(r"\w+", section).group()
        own = "" if room in ("Shared", "verbs") else f"{room}/"
        told |= {own + name for name in re.findall(r"`([\w/]+\.py)`", section.split("\n## ")[0])}
    files = {str(path.relative_to(HOME / "jaxmlda")) for path in (HOME / "jaxmlda").rglob("*.py")}
    files |= {str(path.relative_to(HOME)) for path in (HOME / "seqio_tasks").rglob("*.py")}
    doors = {f"{verb}.py" for verb in VERBS} | {f"verbs/{verb}.py" for verb in VERBS} | {"__main__.py"}
    empty = {name for name in files if name.endswith(("__init__.py", "__main__.py"))} - {"progress/__init__.py"}
    assert told == files - doors - empty


def test_arms_and_kinds_of_stream_have_their_rows():
    assert {*ARMS, "outside"} <= first_column("trial.md")
    assert set(KINDS) <= first_column("recipes.md")
