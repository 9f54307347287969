"""The metrics file: means by hand, held back one step, cut back at a restart, stopped by what is no number."""

import json

import numpy as np
import pytest
import training_case as case

from jaxmlda.errors import UserError
from jaxmlda.training.metrics import MetricsFile
from jaxmlda.training.step import Metrics


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return case.write_rows(tmp_path_factory.mktemp("rows"), count=8)


def metrics(loss=2.0, norm=1.0, nll=(6.0, 10.0), tokens=(3.0, 4.0)):
    return Metrics(np.float32(loss), np.float32(norm), np.float32(nll), np.float32(tokens))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def opened(path, rows, step=0, stop_on_nan=True):
    return MetricsFile(path, step, rows, 4, stop_on_nan)


def test_a_line_holds_loss_norm_tokens_and_the_mean_of_each_stream(tmp_path, rows):
    file = opened(tmp_path / "metrics.jsonl", rows)
    file.add(3, metrics(), {"step": 0.5})
    file.close()
    assert lines(tmp_path / "metrics.jsonl") == [
        {
            "step": 3,
            "loss": 2.0,
            "gradient_norm": 1.0,
            "streams": {"native": {"loss": 2.0, "tokens": 3}, "transfer": {"loss": 2.5, "tokens": 4}},
            "tokens": 3 * 4 * 16,
            "seconds": {"step": 0.5},
        }
    ]


def test_a_stream_that_a_batch_has_none_of_is_left_out(tmp_path, rows):
    file = opened(tmp_path / "metrics.jsonl", rows)
    file.add(1, metrics(nll=(6.0, 0.0), tokens=(3.0, 0.0)), {})
    file.close()
    assert list(lines(tmp_path / "metrics.jsonl")[0]["streams"]) == ["native"]


def test_a_step_is_written_when_the_next_is_under_way(tmp_path, rows):
    file = opened(tmp_path / "metrics.jsonl", rows)
    for step, written in ((1, []), (2, [1]), (3, [1, 2])):
        file.add(step, metrics(), {})
        assert [line["step"] for line in lines(file.path)] == written
    file.flush()
    assert [line["step"] for line in lines(file.path)] == [1, 2, 3]


def test_a_restart_cuts_the_file_back_to_its_step_and_drops_half_a_line(tmp_path, rows):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step, "loss": 1.5}) + "\n" for step in range(1, 8)) + '{"step": 8, "lo')
    file = opened(path, rows, step=5)
    assert [line["step"] for line in lines(path)] == [1, 2, 3, 4, 5]
    file.add(6, metrics(), {})
    file.close()
    assert [(line["step"], line["loss"]) for line in lines(path)[-2:]] == [(5, 1.5), (6, 2.0)]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_names_step_rows_and_streams(tmp_path, rows, bad):
    file = opened(tmp_path / "metrics.jsonl", rows)
    file.add(1, metrics(), {})
    file.add(2, metrics(loss=bad, nll=(6.0, bad)), {})
    with pytest.raises(UserError, match=rf"step 2: the loss is {bad} \(rows 4 to 7, streams transfer\).*on_nan=skip"):
        file.flush()
    assert [line["step"] for line in lines(file.path)] == [1]


def test_a_gradient_that_is_no_number_ends_the_run_too(tmp_path, rows):
    file = opened(tmp_path / "metrics.jsonl", rows)
    file.add(2, metrics(norm=float("nan")), {})
    with pytest.raises(UserError, match=r"step 2: the norm of the gradient is nan \(rows 4 to 7, streams all\)"):
        file.flush()


def test_where_such_steps_are_skipped_they_are_written_down(tmp_path, rows):
    file = opened(tmp_path / "metrics.jsonl", rows, stop_on_nan=False)
    file.add(1, metrics(loss=float("nan"), nll=(float("nan"), 1.0)), {})
    file.close()
    assert np.isnan(lines(file.path)[0]["loss"])
