"""Lines of input files: compressed or not, whatever their line ends and marks, with damage named at its place."""

import gzip

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus.formats import READERS, Faulty, Options, Place, base, compressed, excerpt, lines, opened

PACKINGS = {"plain": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}


def written(tmp_path, data, name="input.txt"):
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=6), st.sampled_from([*PACKINGS])
)
def test_lines_are_those_of_a_plain_split_whatever_the_compression(tmp_path_factory, raw, packing):
    data = b"".join(line + b"\n" for line in [b"first", *raw])
    path = written(tmp_path_factory.mktemp("lines"), PACKINGS[packing](data))
    found = list(lines(path))
    assert [number for number, _ in found] == list(range(1, len(raw) + 2))
    for line, (number, text) in zip([b"first", *raw], found, strict=True):
        try:
            assert text == line.removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            assert (text.reason, text.place) == ("broken UTF-8", Place(str(path), number))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_marks_of_byte_order_are_understood_and_crlf_is_a_line_end(tmp_path, encoding):
    path = written(tmp_path, "亜鉛\r\nzinc\r\n\r\nend".encode(encoding))
    assert list(lines(path)) == [(1, "亜鉛"), (2, "zinc"), (3, ""), (4, "end")]


def test_half_a_character_of_utf16_is_broken_and_stays_in_its_line(tmp_path):
    found = dict(lines(written(tmp_path, "a\nb".encode("utf-16")[:-1])))
    assert (found[1], found[2].reason) == ("a", "broken UTF-8")


@pytest.mark.parametrize("blocks", [7, 1 << 20])
def test_a_line_that_is_too_long_is_faulty_and_only_its_beginning_is_kept(tmp_path, monkeypatch, blocks):
    monkeypatch.setattr(base, "LONGEST_LINE", 1000)
    monkeypatch.setattr(compressed, "PLAIN_BLOCK", blocks)
    path = written(tmp_path, b"before\n" + b"x" * 1000 + b"\n" + b"y" * 100_001 + b"\nafter\n")
    found = dict(lines(path))
    assert (found[1], found[2], found[4]) == ("before", "x" * 1000, "after")
    assert (found[3].reason, found[3].record, found[3].place.line) == ("line too long", "y" * 500, 3)


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_compressed_file_cut_anywhere_gives_its_whole_lines_and_a_fault_after_them(tmp_path, packing):
    data = b"".join(b"line %d\n" % number for number in range(50))
    packed = PACKINGS[packing](data)
    for end in range(4, len(packed) - 1):
        *whole, (number, last) = lines(written(tmp_path, packed[:end]))
        assert [text for _, text in whole] == [f"line {n}" for n in range(len(whole))]
        assert (type(last), last.reason, last.place.line) == (Faulty, "broken compression", number)
        assert number == len(whole) + 1


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_members_one_after_the_other_are_one_text_and_a_tail_of_another_kind_is_a_fault(tmp_path, packing):
    twice = PACKINGS[packing](b"a\n") + PACKINGS[packing](b"b\n")
    assert list(lines(written(tmp_path, twice))) == [(1, "a"), (2, "b")]
    assert list(lines(written(tmp_path, twice + b"\0\0\0"))) == [(1, "a"), (2, "b")]
    assert [getattr(text, "reason", text) for _, text in lines(written(tmp_path, twice + b"tail"))] == [
        "a",
        "b",
        "broken compression",
    ]


def test_a_name_without_its_suffix_or_with_a_wrong_one_is_read_all_the_same(tmp_path):
    assert list(lines(written(tmp_path, b"plain", "input.gz"))) == [(1, "plain")]
    assert list(lines(written(tmp_path, gzip.compress(b"packed"), "input.txt"))) == [(1, "packed")]


def test_the_stream_of_a_damaged_file_ends_in_a_nul_that_no_parser_takes(tmp_path):
    packed = gzip.compress(b"<a>text</a>")
    assert opened(written(tmp_path, packed)).read() == b"<a>text</a>"
    with opened(written(tmp_path, packed[:-4])) as stream:
        assert stream.read() == b"<a>text</a>\0"
        assert "ends within" in stream.raw.torn


def test_bytes_of_the_disk_are_told_as_they_are_read(tmp_path):
    path, told = written(tmp_path, gzip.compress(b"line\n" * 9000)), []
    with compressed.watched(told.append):
        list(lines(path))
    assert sum(told) == path.stat().st_size


def test_an_excerpt_is_short_and_can_be_stored():
    assert excerpt("x" * 900) == "x" * 500
    assert excerpt(b"ab\xff" + b"y" * 900) == "ab\ufffd" + "y" * 497
    assert excerpt("a\ud800") == "a?"


def test_every_format_has_help_and_takes_only_options_that_exist():
    for name, reader in READERS.items():
        assert name == reader.name
        assert reader.help
        assert issubclass(reader.options, Options)
        assert set(reader.takes) <= set(Options.model_fields)
