"""The published recipes on a small world: budgets counted from the rows, the trial kept, leaks only where allowed."""

from collections import Counter

import pyarrow.compute as pc
import pytest
from prepare_case import in_this_process, small_corpora

from jaxmlda.config import Recipe, Run, configs_dir, find, load
from jaxmlda.corpus import Corpus, Trial
from jaxmlda.rows import Rows
from jaxmlda.verbs import prepare as verb

LENGTH = 64
NAMES = sorted(path.stem for path in (configs_dir() / "recipes" / "published").glob("*.yaml"))
FAMILIES = {
    "monolingual": 2,
    "bilingual": 1,
    "translation": 8,
    "romanised": 4,
    "code": 6,
    "denoising": 6,
    "copy": 2,
    "denoise": 2,
}
LEAKING = {"translation_medical_leaking_en", "translation_medical_leaking_ja"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Three corpora of small worlds, their lexicons, a trial, a vocabulary of bytes."""
    return small_corpora(tmp_path_factory.mktemp("published"), documents=150)


@pytest.fixture(scope="module")
def prepared(home):
    """Rows of a recipe, made once, in this process."""
    made = {}

    def rows_of(name):
        if name not in made:
            run = run_of(home, name)
            with pytest.MonkeyPatch.context() as patch:
                in_this_process(patch)
                verb.prepare(run)
            made[name] = run, Rows(f"{run.output}/rows")
        return made[name]

    return rows_of


def run_of(home, name):
    """The shipped run of a recipe with the small corpora in place of its own."""
    shipped = f"published/{name}_1" if name.startswith("monolingual") else f"published/{name}"
    changes = {
        "corpus": str(home / "medical"),
        "trial": str(home / "medical" / "trial.parquet"),
        "vocabulary": str(home / "bytes"),
        "output": str(home / "out" / name),
        "rows.sequence_length": LENGTH,
        "rows.total_tokens": 6_000,
    }
    run = load(Run, find(shipped, "runs"))
    others = {f"corpora.{other}": str(home / other) for other in run.corpora}
    return load(Run, find(shipped, "runs"), changes | others)


def test_every_family_of_the_study_is_there():
    assert Counter(name.split("_")[0] for name in NAMES) == FAMILIES


@pytest.mark.parametrize("name", NAMES)
def test_every_stream_is_within_a_row_of_its_budget_and_the_trial_holds(prepared, name):
    run, rows = prepared(name)
    recipe = load(Recipe, find(run.recipe, "recipes"))
    arrays = rows.batch(0, len(rows))
    counted = Counter()
    for stream, mask in zip(arrays["stream"], arrays["loss_mask"], strict=True):
        counted[rows.streams[stream]] += int(mask.sum())
    budgets = {stream.name: run.rows.total_tokens * stream.share for stream in recipe.streams}
    assert counted.keys() == budgets.keys()
    assert all(abs(counted[stream] - budget) <= LENGTH for stream, budget in budgets.items())
    trial, ledger = Trial.read(run.trial), rows.ledger()
    arms = {trial.arm(document) for document in ledger["document"].unique().to_pylist()}
    assert "none" not in arms
    native = ledger.filter(pc.starts_with(ledger["stream"], "native"))
    assert {trial.arm(document) for document in native["document"].unique().to_pylist()}.isdisjoint({"bridge", "none"})


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"bilingual"}))
def test_documents_that_are_asked_about_are_in_no_transfer_stream_but_the_leaking_ones(prepared, name):
    run, rows = prepared(name)
    trial, ledger = Trial.read(run.trial), rows.ledger()
    transfer = ledger.filter(pc.invert(pc.starts_with(ledger["stream"], "native")))
    arms = {trial.arm(document) for document in transfer["document"].unique().to_pylist()}
    assert (not arms <= {"bridge", "outside"}) == (name in LEAKING)
    assert rows.meta["allow_leak"] == (name in LEAKING)


@pytest.mark.parametrize("name", ["translation_science_en", "translation_general_ja"])
def test_pairs_of_another_domain_come_from_its_corpus(prepared, home, name):
    _, rows = prepared(name)
    there = {document.id for document in Corpus(home / name.split("_")[1])}
    ledger = rows.ledger()
    pairs = ledger.filter(pc.equal(ledger["stream"], "translation"))["document"].unique().to_pylist()
    assert pairs
    assert set(pairs) <= there
