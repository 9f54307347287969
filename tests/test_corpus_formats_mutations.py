"""Every format on damaged files: nothing but errors for people is raised, and every record is accounted for."""

import contextlib

import pytest
from formats_case import SAMPLES
from mutations_case import RECORDS, outcome

from jaxmlda.corpus import inputs
from jaxmlda.corpus.clean import Rules
from jaxmlda.corpus.formats import READERS
from jaxmlda.corpus.intake import gather, items
from jaxmlda.corpus.join import Join

MUTATIONS = 30


def test_every_format_has_a_sample():
    assert set(SAMPLES) == set(READERS)


@pytest.mark.parametrize("format", sorted(SAMPLES))
def test_a_valid_file_is_read_whole(format, tmp_path):
    source = inputs.make(format, [str(path) for path in SAMPLES[format](tmp_path, RECORDS)], {})
    with contextlib.closing(Join(tmp_path / "join.sqlite")) as join:
        counts = gather(items([source]), join, tmp_path / "quarantine.jsonl", Rules()).counts()
        assert (counts["records"], counts["read"], counts["quarantined"]) == (RECORDS, RECORDS, 0)
        assert len(list(join)) == RECORDS


@pytest.mark.parametrize("format", sorted(SAMPLES))
def test_a_damaged_file_is_read_as_far_as_it_goes_and_adds_up(format, tmp_path):
    problems = []
    for number in range(MUTATIONS):
        folder = tmp_path / str(number)
        folder.mkdir()
        problems += outcome(format, number, folder).problems
    assert problems == []


@pytest.mark.slow
@pytest.mark.parametrize("format", sorted(SAMPLES))
def test_a_thousand_damaged_files_are_read_as_far_as_they_go(format, tmp_path):
    for number in range(MUTATIONS, 1000):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert outcome(format, number, folder).problems == []
