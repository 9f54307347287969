"""The page in a real browser without a network: no error in its console, every plot drawn, both scripts shown."""

import shutil
import subprocess

import pytest
import simulated

from jaxmlda import dynamics, report

# Plots are drawn as they come near the screen, and all of them before printing; the list begins with English.
PRINT_AND_SEARCH = """<script>
dispatchEvent(new Event("beforeprint"));
const box = document.querySelector("input[type=search]");
box.value = "腎皮質";
box.dispatchEvent(new Event("input", { bubbles: true }));
</script></body>"""
pytestmark = pytest.mark.slow
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--virtual-time-budget=10000",
    "--enable-logging=stderr",
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The page of a simulated run after its scripts have run, and what the browser logged."""
    assert BROWSER, "no Chromium here: `make browser` installs one"
    folder = tmp_path_factory.mktemp("page")
    plan = simulated.Plan(per_document=2, steps=(0, 1, 10, 100, 400))
    questions = simulated.write(folder / "run", plan)
    run = report.RunData(
        name="run",
        config={"name": "run"},
        info={"native_languages": ["en", "ja"], "tokens_per_step": 4096, "digests": {}},
        scores=dynamics.load(folder / "run"),
        trial=simulated.trial(plan),
        questions=questions,
        metrics=[{"step": step, "loss": 3.0 - 0.001 * step} for step in range(0, 400, 10)],
    )
    page = report.build([run], folder / "report", draws=200)
    acted = page.parent / "acted.html"
    acted.write_text(PRINT_AND_SEARCH.join(page.read_text().rsplit("</body>", 1)))
    words = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", f"file://{acted}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return page, done.stdout, done.stderr


def test_no_error_reaches_the_console(opened):
    assert [line for line in opened[2].splitlines() if "CONSOLE" in line] == []


def test_every_plot_of_the_page_is_drawn(opened):
    page, dom, _ = opened
    text = page.read_text()
    assert text.count('class="plot"') >= 8
    drawn = dom.count('class="plot-container') - text.count('class="plot-container')
    assert drawn == text.count('class="plot"')


def test_a_search_in_japanese_lists_questions_in_japanese(opened):
    page, dom, _ = opened
    assert dom.count('lang="ja"') > page.read_text().count('lang="ja"')
