"""The pages about streams say what the code does."""

import importlib.util
import re
from pathlib import Path

from jaxmlda.config import describe
from jaxmlda.streams import KINDS
from jaxmlda.streams.native import EXERCISES
from jaxmlda.streams.perturb import OPERATIONS

DOCS = Path(__file__).resolve().parent.parent / "docs"


def sections():
    """The page on streams by heading: the rows of its tables."""
    page = (DOCS / "streams.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)[1:]
    return {
        name: [
            tuple(cell.strip() for cell in line.strip("|").split("|")) for line in body.splitlines() if line[:1] == "|"
        ]
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


def test_the_page_of_samples_is_what_its_script_writes():
    spec = importlib.util.spec_from_file_location("make_samples", DOCS / "make_samples.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (DOCS / "samples.md").read_text(encoding="utf-8") == script.page()


def test_the_page_on_streams_has_every_option_of_every_kind_with_its_default_and_meaning():
    told = sections()
    assert set(KINDS) <= set(told)
    for name, kind in KINDS.items():
        for option, default, meaning in describe(kind.options):
            assert (f"`{option}`", default if default == "(needed)" else f"`{default}`", meaning) in told[name]


def test_the_page_on_streams_has_every_view_and_every_noise():
    told = sections()
    assert {f"`{view}`" for view in ("plain", *EXERCISES)} <= {row[0] for row in told["native"]}
    assert {f"`{name}`" for name in OPERATIONS} <= {row[0] for row in told["denoising"]}
