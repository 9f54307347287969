"""Reading settings: values and overrides arrive as meant, and a fault is told with file, line and nearest key."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.config import Run, Settings, describe, dump, find, load, with_overrides
from jaxmlda.errors import UserError

# What a path may be made of; PyYAML does not give back control characters that end a line.
PRINTED = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
NEEDED = "name: a\ncorpus: c\nvocabulary: v\nrecipe: r\noutput: o\n"


@pytest.fixture
def told(tmp_path):
    """What is said of a run file with these lines after the needed ones, its folder left out."""

    def tell(lines, overrides=None):
        (tmp_path / "run.yaml").write_text(NEEDED + lines)
        with pytest.raises(UserError) as caught:
            load(Run, tmp_path / "run.yaml", overrides)
        return str(caught.value).replace(f"{tmp_path}/", "").splitlines()

    return tell


@pytest.fixture
def read(tmp_path):
    def reading(lines, overrides=None):
        (tmp_path / "run.yaml").write_text(NEEDED + lines)
        return load(Run, tmp_path / "run.yaml", overrides)

    return reading


@pytest.mark.parametrize(
    ("lines", "line", "key", "nearest"),
    [
        ("corpsu: x\n", 6, "corpsu", "corpus"),
        ("training:\n  batchsize: 3\n", 7, "training.batchsize", "training.batch_size"),
        ("training:\n  schedule:\n    warmup: 3\n", 8, "training.schedule.warmup", "training.schedule.warmup_steps"),
        ("batch_size: 3\n", 6, "batch_size", "training.batch_size"),
        ("init: {from_: random}\n", 6, "init.from_", "init.from"),
        ("Rows: {seed: 1}\n", 6, "Rows", "rows"),
    ],
)
def test_an_unknown_key_is_an_error_with_file_line_and_nearest_key(told, lines, line, key, nearest):
    assert told(lines) == [f"run.yaml, line {line}: {key} is not a setting; the nearest is {nearest}"]


def test_every_fault_is_told_in_a_line_of_its_own(told):
    assert told("training:\n  batch_size: 0\nrows: {packing: tight}\nhelp: 1\n") == [
        "run.yaml, line 8: rows.packing: Input should be 'cut' or 'whole' (given: 'tight')",
        "run.yaml, line 7: training.batch_size: Input should be greater than 0 (given: 0)",
        "run.yaml, line 9: help is not a setting; the nearest is held_out",
    ]


def test_a_missing_key_is_named(tmp_path):
    (tmp_path / "run.yaml").write_text("name: a\n")
    with pytest.raises(UserError) as caught:
        load(Run, tmp_path / "run.yaml")
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        f"{name} is needed" for name in ("corpus", "vocabulary", "recipe", "output")
    ]


@pytest.mark.parametrize(
    ("policy", "fault"),
    [
        ("logg", "checkpoints.science: Input should be 'published' or 'log' (given: 'logg')"),
        ("{every: 0}", "checkpoints.science.every: Input should be greater than 0 (given: 0)"),
        ("{steps: [1, -1]}", "checkpoints.science.steps.1: Input should be greater than or equal to 0 (given: -1)"),
    ],
)
def test_a_fault_in_one_way_of_writing_a_setting_speaks_of_that_way_only(told, policy, fault):
    assert told(f"checkpoints: {{science: {policy}}}\n") == [f"run.yaml, line 6: {fault}"]


@pytest.mark.parametrize("policy", ["log", "published", {"every": 3}, {"steps": [0, 5]}])
def test_every_way_of_writing_a_policy_comes_back_from_its_dump(read, policy):
    run = read(f"checkpoints: {{science: {yaml.safe_dump(policy, default_flow_style=True).split(chr(10))[0]}}}\n")
    assert yaml.safe_load(dump(run))["checkpoints"]["science"] == policy
    assert Run.model_validate(yaml.safe_load(dump(run))) == run


def test_a_key_that_stands_twice_is_an_error_with_both_lines(told):
    assert told("rows:\n  seed: 1\n  packing: cut\n  seed: 2\n") == [
        "run.yaml, line 9: rows.seed stands in line 7 too; keep one of the two"
    ]


def test_a_wrong_override_is_told_of_the_command_line_and_not_of_the_file(told):
    lines = "training:\n  batch_size: 8\n  accumulate: 2\ninit: {from: random}\n"
    fault = "training.batch_size: Input should be greater than 0 (given: -1)"
    assert told(lines, {"training.batch_size": -1}) == [f"command line: {fault}"]
    assert told(lines, {"init": {"from": "sky"}})[0].startswith("command line: init.from: Input should be 'hf'")
    assert told(lines.replace("8", "7"), {"rows.seed": 1})[0].startswith("run.yaml, line 6: training:")


def test_overrides_lie_over_the_file_and_leave_the_rest(read):
    run = read("training: {batch_size: 8, accumulate: 2}\n", {"training.batch_size": 4, "rows.packing": "whole"})
    assert (run.training.batch_size, run.training.accumulate, run.rows.packing) == (4, 2, "whole")


@pytest.mark.parametrize("written", ["1e-3", "1.0e-3", "0.001", ".001", "1E-3"])
def test_a_rate_may_be_written_with_an_exponent_in_the_file_and_on_the_command_line(read, written):
    assert read(f"training: {{schedule: {{peak: {written}}}}}\n").training.schedule.peak == 0.001
    assert read("", with_overrides([f"--training.schedule.peak={written}"])).training.schedule.peak == 0.001


def test_words_of_the_command_line_are_read_as_yaml():
    words = ["--a.b=1e-3", "--c", "4", "--d-e=[1, x]", "--f={from: run}", "--g=null", "--h=a=b", "--i=true", "--j=-1"]
    assert with_overrides(words) == {
        "a.b": 0.001,
        "c": 4,
        "d_e": [1, "x"],
        "f": {"from": "run"},
        "g": None,
        "h": "a=b",
        "i": True,
        "j": -1,
    }


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["x"], "x: not understood"),
        (["--a"], "--a: has no value"),
        (["--a", "--b=1"], "--a: has no value"),
        (["--a=[1"], "the value is not YAML"),
    ],
)
def test_words_that_are_no_settings_are_named(words, fault):
    with pytest.raises(UserError, match=fault):
        with_overrides(words)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "holds no settings"),
        ("- a\n- b\n", "holds no settings"),
        ("name: [1\n", "not YAML"),
        ("name: *nowhere\n", "not YAML"),
    ],
)
def test_a_file_without_settings_is_named(tmp_path, text, fault):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"run\.yaml: {fault}"):
        load(Run, tmp_path / "run.yaml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.yaml: there is no such file"):
        load(Run, tmp_path / "nowhere.yaml")


@settings(deadline=None)
@given(
    seed=st.integers(0, 10**9),
    peak=st.floats(1e-9, 1, allow_nan=False),
    packing=st.sampled_from(["cut", "whole"]),
    questions=st.lists(st.text(PRINTED, max_size=5), max_size=3),
)
def test_a_dumped_run_is_read_as_the_same_run(tmp_path_factory, seed, peak, packing, questions):
    run = Run.model_validate(
        yaml.safe_load(NEEDED)
        | {"rows": {"seed": seed, "packing": packing}, "probe": {"questions": questions}}
        | {"training": {"schedule": {"peak": peak}}}
    )
    path = tmp_path_factory.mktemp("run") / "run.yaml"
    path.write_text(dump(run), encoding="utf-8")
    assert load(Run, path) == run


def test_a_name_is_found_among_the_shipped_files_and_a_wrong_one_gets_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find("demo/native", "recipes").name == "native.yaml"
    with pytest.raises(UserError, match=r"demo/nativ: .*did you mean demo/native\?"):
        find("demo/nativ", "recipes")
    (tmp_path / "own.yaml").write_text("name: x")
    assert find("own.yaml", "recipes").read_text() == "name: x"


def test_settings_cannot_be_changed_after_reading(read):
    run = read("")
    with pytest.raises(ValueError, match="frozen"):
        run.name = "b"


def test_every_setting_says_what_it_means():
    class Inner(Settings):
        a: int = 1

    assert [name for name, _, meaning in describe(Inner) if not meaning] == ["a"]
    assert [name for name, _, meaning in describe(Run) if not meaning] == []
