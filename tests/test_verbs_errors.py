"""What a person does wrong ends in one clear line and a status, without a traceback unless it is asked for."""

import subprocess
import sys

import pytest


def call(*words):
    command = [sys.executable, "-m", "jaxmlda", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "demo/nativ"], "did you mean demo/native?"),
        (["train", "demo/native", "--training.bach_size=8"], "the nearest is training.batch_size"),
        (["train", "demo/native", "--output=/dev/null/run"], "/dev/null"),
        (["probe", "--model", "/nowhere", "--questions", "/nowhere", "--out", "/nowhere"], "no such folder"),
        (["report", "/nowhere", "--out", "/nowhere/report"], "no run folder"),
        (["corpus", "trial", "/nowhere"], "holds no corpus"),
        (["corpus", "world", "--out", "/dev/null/corpus", "--documents", "5"], "/dev/null"),
        (["adaxeval", "card", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (["convert", "/nowhere", "/nowhere/else"], "no such folder"),
    ],
    ids=lambda value: value[0] + "-" + value[-1].strip("/-").replace("/", "_") if isinstance(value, list) else "",
)
def test_a_fault_of_the_user_is_one_line_and_a_status(words, told):
    done = call(*words)
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("jaxmlda: ")
    assert told in line
    assert "Traceback" not in done.stderr


def test_debug_shows_where_a_fault_arose():
    done = call("report", "/nowhere", "--out", "/nowhere/report", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_verb_that_does_not_exist_is_told_with_those_that_do():
    done = call("trane")
    assert done.returncode == 2
    assert "'trane' is not a verb" in done.stderr
    assert "train" in done.stderr


@pytest.mark.parametrize(
    "verb", ["corpus", "adaxeval", "prepare", "plan", "train", "probe", "report", "convert", "demo"]
)
def test_help_of_every_verb_says_what_it_is_for(verb):
    done = call(verb, "--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 8


def test_print_config_prints_what_would_run():
    done = call("train", "demo/native", "--training.batch_size=64", "--print-config")
    assert done.returncode == 0
    assert "batch_size: 64" in done.stdout


@pytest.mark.parametrize("words", [["corpus", "show"], ["report"], ["plan"]], ids=lambda words: words[0])
def test_every_verb_is_a_module_of_its_own_too(words):
    done = subprocess.run(
        [sys.executable, "-m", f"jaxmlda.{words[0]}", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert f"jaxmlda {words[0]}" in done.stdout
