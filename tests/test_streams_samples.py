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


def script():
    """The script that writes the page of samples."""
    spec = importlib.util.spec_from_file_location("make_samples", DOCS / "make_samples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_samples_is_what_its_script_writes():
    assert (DOCS / "samples.md").read_text(encoding="utf-8") == script().page()


def test_the_page_of_samples_shows_every_fault_of_the_romaji_that_its_head_names():
    head, body = (DOCS / "samples.md").read_text(encoding="utf-8").split("\n## Japanese\n")
    faults = [line.strip("| ").split(" | ") for line in head.splitlines() if re.match(r"\| [^`a-z-]", line)]
    shown = re.findall(r"^### Japanese \d+\n\n(.+)\n\n```text\nromaji +(.+)$", body, flags=re.MULTILINE)
    assert len(faults) == 7
    for text, romaji, _ in faults:
        assert any(text in sentence and romaji in read for sentence, read in shown), text


def test_the_head_of_the_samples_says_from_how_many_words_on_noise_does_something():
    page = " ".join((DOCS / "samples.md").read_text(encoding="utf-8").split())
    words = list("abcdefghijklmnopqrstuvwxyz")

    def least(operation, ratio):
        texts = (" ".join(words[:count]) for count in range(1, 27))
        return next(len(text.split()) for text in texts if operation(text, "en", ratio, 0) != text)

    reorder, delete = (
        [least(OPERATIONS[name], ratio) for ratio in (0.08, 0.16, 0.32)] for name in ("reorder", "delete")
    )
    assert "below {} words at 8%, below {} at 16%, below {} at 32%".format(*reorder) in page
    assert "`delete` begins at {}, {} and {}.".format(*delete) in page
    module = script()
    long = [
        number
        for number, sentence in enumerate(module.sentences(module.World(documents=60), "en"), start=1)
        if len(sentence.split()) >= reorder[0]
    ]
    assert "only {} and {} are reordered".format(*long) in page


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
