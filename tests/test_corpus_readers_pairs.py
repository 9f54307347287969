"""Readers of aligned pairs line by line: ASPEC-JE, Bicleaner's columns, Moses."""

import gzip
from pathlib import Path

import pytest
from formats_case_b import SAMPLES

from jaxmlda.corpus.formats import READERS, Faulty, Filtered, Found, Item, Place, moses
from jaxmlda.errors import UserError

EN, JA = "Zinc is required for taste.", "亜鉛は味覚に必要である。"
PAIR = {"en": EN, "ja": JA}


def read(name: str, path: Path, **options: object) -> list[Item]:
    """Every item of a file."""
    reader = READERS[name]
    return list(reader.read(path, reader.options(**options)))


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def reasons(items: list[Item]) -> list[str]:
    return [getattr(item, "reason", "found") for item in items]


@pytest.mark.parametrize("name", ["aspec", "bicleaner", "moses"])
def test_every_record_of_a_sample_is_found_under_an_id_of_its_own(name: str, tmp_path: Path):
    items = read(name, SAMPLES[name](tmp_path, 7)[0])
    assert all(isinstance(item, Found) for item in items)
    assert len({item.id for item in items}) == 7
    assert [item.texts["en"] for item in items] == [f"Zinc {n} is required for taste." for n in range(7)]
    assert [item.texts["ja"] for item in items] == [f"亜鉛{n}は味覚に必要である。" for n in range(7)]


@pytest.mark.parametrize("name", ["aspec", "bicleaner", "moses"])
def test_a_file_cut_at_any_byte_gives_an_item_for_each_line_begun(name: str, tmp_path: Path):
    (path,) = SAMPLES[name](tmp_path, 2)
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        lines = len(whole[:end].splitlines())
        assert len(read(name, path)) == (2 if name == "moses" else lines)


def test_aspec_takes_lines_with_and_without_a_score(tmp_path: Path):
    path = written(
        tmp_path / "train-1.txt",
        f"0.153 ||| G-09A0000001 ||| 1 ||| {JA} ||| {EN}\nG-09A0000001 ||| 2 ||| {JA} ||| {EN}\r\n\n",
    )
    assert read("aspec", path) == [
        Found("G-09A0000001:1", Place(str(path), 1), PAIR, source="ASPEC", cluster="G-09A0000001"),
        Found("G-09A0000001:2", Place(str(path), 2), PAIR, source="ASPEC", cluster="G-09A0000001"),
    ]


def test_aspec_filters_by_field_and_score_and_quarantines_the_rest(tmp_path: Path):
    lines = [
        f"0.2 ||| G-1 ||| 1 ||| {JA} ||| {EN}",
        f"0.1 ||| G-2 ||| 1 ||| {JA} ||| {EN}",
        f"0.9 ||| E-3 ||| 1 ||| {JA} ||| {EN}",
        f"high ||| G-4 ||| 1 ||| {JA} ||| {EN}",
        f"nan ||| G-4 ||| 1 ||| {JA} ||| {EN}",
        f"G-5 ||| 1 ||| {JA} ||| {EN}",
        f"G-6 ||| 1 ||| {JA} ||| ",
        f"G-7 ||| {JA} ||| {EN}",
        f" ||| 1 ||| {JA} ||| {EN}",
    ]
    items = read("aspec", written(tmp_path / "a", "\n".join(lines)), fields=["G"], min_score=0.2)
    assert reasons(items) == [
        "found",
        "low score",
        "other field",
        "bad score",
        "bad score",
        "found",
        "empty",
        "wrong columns",
        "no id",
    ]
    assert items[7] == Faulty("wrong columns", Place(str(tmp_path / "a"), 8), lines[7], "3 columns, 4 or 5 expected")
    assert isinstance(items[1], Filtered)
    assert isinstance(items[2], Filtered)


def test_bicleaner_takes_four_and_five_columns_from_score_070_on(tmp_path: Path):
    text = f"en.example\tja.example\t0.7\t{EN}\t{JA}\nen.example\t0.71\t{EN}\t{JA}\nen.example\t0.699\t{EN}\t{JA}\n"
    path = written(tmp_path / "en-ja.txt", text)
    assert read("bicleaner", path) == [
        Found("en-ja:1", Place(str(path), 1), PAIR),
        Found("en-ja:2", Place(str(path), 2), PAIR),
        Filtered("low score", Place(str(path), 3)),
    ]
    assert reasons(read("bicleaner", path, min_score=0.705)) == ["low score", "found", "low score"]
    assert reasons(read("bicleaner", path, min_score=None)) == ["found"] * 3


def test_bicleaner_tells_what_is_wrong_with_a_line(tmp_path: Path):
    lines = [
        f"a\tb\t.9\t\t{JA}",
        f"a\tb\t.9\t{EN}\t 　",
        f"a\t{EN}\t{JA}",
        f"a\tb\t{EN}\t{JA}",
        f"a\tb\t.9\t{EN}\t{JA}\tx",
    ]
    items = read("bicleaner", written(tmp_path / "x.tsv", "\n".join(lines)))
    assert reasons(items) == ["empty", "empty", "wrong columns", "bad score", "wrong columns"]
    assert [item.detail for item in items[:2]] == ["no English text", "no Japanese text"]


def test_ids_do_not_change_when_the_file_is_compressed(tmp_path: Path):
    text = f"a\tb\t0.9\t{EN}\t{JA}\n"
    (tmp_path / "en-ja.txt.gz").write_bytes(gzip.compress(text.encode()))
    plain = read("bicleaner", written(tmp_path / "en-ja.txt", text))
    assert [item.id for item in plain] == [item.id for item in read("bicleaner", tmp_path / "en-ja.txt.gz")]


@pytest.mark.parametrize("given", ["TASTE.en-ja.en", "TASTE.en-ja.ja", "TASTE.en-ja"])
def test_moses_is_the_same_by_either_file_and_by_the_prefix(given: str, tmp_path: Path):
    written(tmp_path / "TASTE.en-ja.en", f"{EN}\nB\n")
    written(tmp_path / "TASTE.en-ja.ja", f"{JA}\n乙\n")
    home = str(tmp_path / "TASTE.en-ja")
    assert read("moses", tmp_path / given) == [
        Found("TASTE.en-ja:1", Place(f"{home}.en", 1), PAIR),
        Found("TASTE.en-ja:2", Place(f"{home}.en", 2), {"en": "B", "ja": "乙"}),
    ]


def test_moses_lines_without_a_partner_are_faulty(tmp_path: Path):
    written(tmp_path / "c.en", "A\nB\n")
    written(tmp_path / "c.ja", "甲\n乙\n丙\n丁\n")
    items = read("moses", tmp_path / "c.en")
    assert reasons(items) == ["found", "found", "no partner", "no partner"]
    assert items[2][:3] == ("no partner", Place(str(tmp_path / "c.ja"), 3), "丙")
    assert items[2].detail.startswith("c.en ends before")


def test_moses_an_empty_side_is_faulty_and_keeps_its_line(tmp_path: Path):
    written(tmp_path / "c.en", "A\n\nC\n")
    written(tmp_path / "c.ja", "甲\n乙\n　\n")
    items = read("moses", tmp_path / "c")
    assert [(item.place.line, reason) for item, reason in zip(items, reasons(items), strict=True)] == [
        (1, "found"),
        (2, "empty"),
        (3, "empty"),
    ]


def test_moses_takes_ids_and_scores_from_the_files_beside(tmp_path: Path):
    (tmp_path / "c.en.gz").write_bytes(gzip.compress(b"A\nB\nC\nD\n"))
    written(tmp_path / "c.ja", "甲\n乙\n丙\n丁\n")
    written(tmp_path / "c.ids", "en/1.xml\tja/1.xml\t1\t1 2\nen/1.xml\tja/1.xml\t2\t3\n\nx\n")
    written(tmp_path / "c.scores", "0.9\n0.2\n0.9\nmuch\n")
    items = read("moses", tmp_path / "c.en.gz", min_score=0.5)
    assert reasons(items) == ["found", "low score", "no id", "bad score"]
    assert items[0].id == "c:en/1.xml ja/1.xml 1 1 2"
    assert [file.name for file in moses.files(tmp_path / "c.ja")] == ["c.en.gz", "c.ja", "c.ids", "c.scores"]


def test_moses_broken_bytes_cost_their_pair_only(tmp_path: Path):
    written(tmp_path / "c.en", "A\nB\nC\n")
    (tmp_path / "c.ja").write_bytes("甲\n".encode() + b"\xff\xfe\n" + "丙\n".encode())
    items = read("moses", tmp_path / "c")
    assert reasons(items) == ["found", "broken UTF-8", "found"]
    assert items[2].texts == {"en": "C", "ja": "丙"}


def test_moses_says_which_file_is_missing(tmp_path: Path):
    written(tmp_path / "c.en", "A\n")
    with pytest.raises(UserError, match=r"c\.ja: does not exist"):
        read("moses", tmp_path / "c.en")
    written(tmp_path / "c.ja", "甲\n")
    with pytest.raises(UserError, match=r"c\.scores"):
        read("moses", tmp_path / "c.en", min_score=0.5)
