"""The TPU scripts ask gcloud for exactly what is written down, quote every word, and say plainly what is wrong."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tpu_case import REPOSITORY, SETTINGS, Desk, Ended, program

SCRIPTS = REPOSITORY / "tpu_scripts"
GOLDEN = REPOSITORY / "tests/golden/tpu"
RUNTIMES = {
    "v4-64": "tpu-ubuntu2204-base",
    "v5p-32": "v2-alpha-tpuv5",
    "v5litepod-64": "v2-alpha-tpuv5-lite",
    "v6e-64": "v2-alpha-tpuv6e",
}
WORDS = {
    "create.sh": [],
    "sync.sh": [],
    "setup.sh": [],
    "launch.sh": ["demo/native", "--training.batch_size=16", "--mesh={fsdp: -1}"],
    "teardown.sh": [],
}
# The flags of Google's reference of `gcloud compute tpus`, by command.
KNOWN_FLAGS = {
    "queued-resources create": {"project", "zone", "node-id", "accelerator-type", "runtime-version", "spot"},
    "queued-resources describe": {"project", "zone", "format"},
    "queued-resources delete": {"project", "zone", "force"},
    "queued-resources list": {"project", "zone"},
    "tpu-vm ssh": {"project", "zone", "worker", "command"},
    "tpu-vm scp": {"project", "zone", "worker", "recurse"},
}
HOSTILE = [
    "gs://b/my runs/$(touch pwned).yaml",
    "--a.b=it's; touch pwned",
    '--c="x" `touch pwned`',
    "--d=*&|<>\\ é\nend",
]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def dry(desk: Desk) -> str:
    """What all scripts print under --dry-run, each under its name."""
    told = []
    for script, words in WORDS.items():
        done = desk.run(script, "--dry-run", *words)
        assert done.returncode == 0, done.stderr
        told.append(f"# {script}\n{done.stdout}")
    return "\n".join(told)


@pytest.mark.parametrize("accelerator", RUNTIMES)
@pytest.mark.parametrize("spot", ["no", "yes"])
def test_dry_runs_print_the_golden_commands_and_call_nothing(desk, accelerator, spot):
    desk.settings(ACCELERATOR=accelerator, SPOT=spot)
    golden = (GOLDEN / f"{accelerator}.txt").read_text()
    asked = f"--runtime-version={RUNTIMES[accelerator]}\n"
    assert golden.count(asked) == 1
    assert dry(desk) == (golden if spot == "no" else golden.replace(asked, asked[:-1] + " --spot\n"))
    assert desk.calls() == []


def test_every_flag_in_the_golden_commands_is_in_the_reference():
    lines = [line for path in GOLDEN.glob("*.txt") for line in path.read_text().splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("gcloud ")]
    assert {" ".join(words[3:5]) for words in commands} == set(KNOWN_FLAGS)
    for words in commands:
        assert words[1:3] == ["compute", "tpus"]
        flags = {word[2:].partition("=")[0] for word in words[5:] if word.startswith("--")}
        assert flags <= KNOWN_FLAGS[" ".join(words[3:5])]


def test_a_runtime_that_is_given_prevails(desk):
    desk.settings(RUNTIME="v2-alpha-other")
    assert "--runtime-version=v2-alpha-other\n" in desk.run("create.sh", "--dry-run").stdout


@pytest.mark.parametrize("script", ["create.sh", "setup.sh", "launch.sh", "teardown.sh"])
def test_a_script_calls_with_the_words_that_it_prints(desk, script):
    words = HOSTILE if script == "launch.sh" else WORDS[script]
    desk.furnish()
    program(desk.home / "jaxmlda/source/tpu_scripts/worker.sh", "exit 0\n")
    desk.expect("ERROR: NOT_FOUND: no such resource", "ACTIVE")
    done = desk.run(script, *words)
    assert done.returncode == 0, done.stderr
    called = desk.calls()
    desk.expect("CREATING", "ACTIVE")
    printed = desk.run(script, "--dry-run", *words).stdout
    desk.shell(printed)
    assert desk.calls()[len(called) :] == called
    assert list(desk.folder.parent.rglob("pwned")) == []


def test_hostile_words_reach_the_training_as_they_were_given(desk):
    desk.furnish()
    with Ended() as ended:
        done = desk.run("launch.sh", *HOSTILE, "--run-id=one", pass_fds=[ended.inherited])
        assert done.returncode == 0, done.stderr
        ended.wait()
    runfile, *overrides = HOSTILE
    expected = ["-m", "jaxmlda", "train", runfile, f"--output={SETTINGS['BUCKET']}/runs/one", *overrides]
    assert (desk.home / "words").read_text().split("\0")[:-1] == expected
    assert (desk.home / "jaxmlda/runs/one/exit").read_text() == "0\n"
    assert list(desk.folder.parent.rglob("pwned")) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=20))
def test_a_quoted_line_is_read_back_as_the_same_words(words):
    script = f'source {shlex.quote(str(SCRIPTS / "lib.sh"))}; quoted "$@"'
    told = subprocess.run(["bash", "-c", script, "x", *words], capture_output=True, check=True).stdout.decode()
    assert shlex.split(told) == words


@pytest.mark.parametrize("script", WORDS)
@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in ("RUNTIME", "SPOT")])
def test_a_missing_setting_is_one_line_that_names_it(desk, script, name):
    desk.settings(**{name: None})
    done = desk.run(script, "--dry-run", *WORDS[script])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert f"{name} is missing" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROJECT", "My Project"),
        ("ZONE", "us-central2"),
        ("TPU_NAME", "$(touch pwned)"),
        ("TPU_NAME", "a; touch pwned"),
        ("TPU_NAME", "'quoted'"),
        ("ACCELERATOR", "v5e-64"),
        ("ACCELERATOR", "v4-64 --spot"),
        ("RUNTIME", "--help"),
        ("BUCKET", "my-bucket"),
        ("BUCKET", "gs://my-bucket/"),
        ("BUCKET", "gs://my-bucket/a b"),
        ("SPOT", "maybe"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it_and_its_value(desk, name, value):
    desk.settings(**{name: value})
    done = desk.run("create.sh")
    assert (done.returncode, done.stdout, desk.calls()) == (1, "", [])
    assert done.stderr.count("\n") == 1
    shown = re.search(rf"{name} is (.*); it must be ", done.stderr).group(1)
    assert shlex.split(shown) == [value]
    assert list(desk.folder.parent.rglob("pwned")) == []


def test_a_line_that_is_no_setting_is_named_with_its_number(desk):
    desk.env_file.write_text("PROJECT=my-project\nREGION=us\n")
    assert "line 2: REGION is not a setting" in desk.run("create.sh", "--dry-run").stderr


def test_without_a_settings_file_the_example_is_named(desk):
    desk.env_file.unlink()
    done = desk.run("create.sh", "--dry-run")
    assert done.returncode == 1
    assert "copy tpu_scripts/env.example" in done.stderr


def test_the_example_has_every_setting_and_passes_the_checks(desk):
    shutil.copy(SCRIPTS / "env.example", desk.env_file)
    names = re.findall(r"^(\w+)=", desk.env_file.read_text(), re.MULTILINE)
    assert names == list(SETTINGS)
    assert desk.run("create.sh", "--dry-run").returncode == 0


@pytest.mark.parametrize("script", WORDS)
def test_help_needs_no_settings(desk, script):
    desk.env_file.unlink()
    done = desk.run(script, "--help")
    assert done.returncode == 0
    assert f"usage: tpu_scripts/{script}" in done.stdout


@pytest.mark.parametrize("script", [script for script in WORDS if script != "launch.sh"])
def test_a_word_that_is_not_understood_stops_a_script(desk, script):
    done = desk.run(script, "--dryrun")
    assert (done.returncode, desk.calls()) == (1, [])
    assert "--dryrun: not understood" in done.stderr


def test_create_waits_with_growing_pauses_until_the_tpu_is_there(desk):
    desk.expect("ERROR: NOT_FOUND", *["WAITING_FOR_RESOURCES"] * 6, "PROVISIONING", "ACTIVE")
    done = desk.run("create.sh")
    assert done.returncode == 0
    assert [words[3] for words in desk.calls()].count("create") == 1
    assert desk.pauses() == [10, 20, 40, 80, 160, 300, 300]
    assert done.stderr.count("is WAITING_FOR_RESOURCES") == 1


def test_create_goes_on_waiting_for_a_tpu_that_was_asked_for(desk):
    desk.expect("PROVISIONING", "PROVISIONING", "ACTIVE")
    assert desk.run("create.sh").returncode == 0
    assert {words[3] for words in desk.calls()} == {"describe"}


@pytest.mark.parametrize("state", ["FAILED", "SUSPENDED"])
def test_create_says_what_to_do_about_a_tpu_that_will_not_come(desk, state):
    desk.expect(state, state)
    done = desk.run("create.sh")
    assert done.returncode == 1
    assert f"study is {state} and will not come back: run teardown.sh, then create.sh" in done.stderr
    assert {words[3] for words in desk.calls()} == {"describe"}


def test_create_asks_for_nothing_when_the_state_cannot_be_read(desk):
    desk.expect("ERROR: PERMISSION_DENIED")
    done = desk.run("create.sh")
    assert done.returncode == 1
    assert "PERMISSION_DENIED" in done.stderr
    assert {words[3] for words in desk.calls()} == {"describe"}


def repository(folder: Path) -> Path:
    """A small repository with the scripts and with names that need quoting."""
    home = folder / "a repository"
    shutil.copytree(SCRIPTS, home / "tpu_scripts", ignore=shutil.ignore_patterns("env"))
    for name in ("plain.txt", "with space.txt", "--force", "it's $(touch pwned).txt", "gone.txt", "日本語/名.txt"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text(name)
    (home / ".gitignore").write_text("build/\n")
    git(home, "init", "--quiet")
    git(home, "add", "--all")
    git(home, "-c", "user.name=n", "-c", "user.email=e@e", "commit", "--quiet", "--message=m")
    (home / "untracked.txt").write_text("not sent")
    return home


def git(home: Path, *words: str) -> str:
    """git without anybody's own settings."""
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(["git", *words], cwd=home, env=environment, check=True, capture_output=True, text=True).stdout


def files(folder: Path) -> dict[str, bytes]:
    """Files below a folder by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(shutil.which("git") is None, reason="sync.sh sends what git tracks, and git is not installed")
def test_sync_brings_the_tracked_files_as_they_stand_and_their_commit(tmp_path):
    home = repository(tmp_path)
    desk = Desk(tmp_path, home / "tpu_scripts")
    stale = desk.home / "jaxmlda/source/stale.txt"
    stale.parent.mkdir(parents=True)
    stale.write_text("of the time before")
    sha = git(home, "rev-parse", "HEAD").strip()
    assert desk.run("sync.sh").returncode == 0
    sent = files(home)
    tracked = set(git(home, "-c", "core.quotePath=false", "ls-files", "-z").split("\0")) - {""}
    expected = {name: content for name, content in sent.items() if name in tracked}
    assert files(desk.home / "jaxmlda/source") == expected | {"GIT_SHA": f"{sha}\n".encode()}
    (home / "gone.txt").unlink()
    (home / "plain.txt").write_text("changed")
    assert desk.run("sync.sh").returncode == 0
    there = files(desk.home / "jaxmlda/source")
    assert there["GIT_SHA"] == f"{sha}-changed\n".encode()
    assert there["plain.txt"] == b"changed"
    assert "gone.txt" not in there
    assert [path.name for path in desk.home.iterdir()] == ["jaxmlda"]
    assert list(tmp_path.rglob("pwned")) == []


def test_dry_run_behind_the_run_file_counts_too(desk):
    done = desk.run("launch.sh", "demo/native", "--dry-run")
    assert (done.returncode, desk.calls()) == (0, [])
    assert "--dry-run" not in done.stdout


@pytest.mark.parametrize("runfile", ["demo/nothing", "/etc/hostname", "no such.yaml"])
def test_a_run_file_that_the_workers_cannot_have_is_an_error(desk, runfile):
    done = desk.run("launch.sh", runfile)
    assert (done.returncode, desk.calls()) == (1, [])
    assert f"{shlex.quote(runfile)}: no such run file" in done.stderr


def test_launch_needs_a_run_file_and_an_id_that_is_a_name(desk):
    assert "a run file is needed" in desk.run("launch.sh", "--training.batch_size=16").stderr
    assert "an id is letters" in desk.run("launch.sh", "demo/native", "--run-id=../x").stderr
    assert desk.calls() == []


@pytest.mark.parametrize(
    ("accelerator", "workers"),
    [("v4-8", 1), ("v4-64", 8), ("v5p-32", 4), ("v5litepod-8", 1), ("v5litepod-64", 16), ("v6e-4", 1), ("v6e-64", 16)],
)
def test_launch_says_when_a_slice_has_workers_that_training_would_not_join(desk, accelerator, workers):
    desk.settings(ACCELERATOR=accelerator)
    told = desk.run("launch.sh", "--dry-run", "demo/native").stderr
    assert (f"{accelerator} has {workers} workers" in told) == (workers > 1)


def test_the_scripts_have_no_finding_of_shellcheck():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    scripts = sorted(str(path) for path in SCRIPTS.glob("*.sh"))
    assert {Path(path).name for path in scripts} == {*WORDS, "lib.sh", "worker.sh"}
    done = subprocess.run(
        ["shellcheck", "--external-sources", "--format=json", *scripts], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout) == []
