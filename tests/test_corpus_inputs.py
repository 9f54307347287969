"""Inputs of `corpus read`: which files are read, whose ids may not meet, and columns that are not there."""

import gzip
import hashlib
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from formats_case import jsonl_file

from jaxmlda.corpus import Corpus, inputs, intake
from jaxmlda.corpus.formats import READERS
from jaxmlda.errors import UserError
from jaxmlda.storage import read_json
from jaxmlda.verbs import corpus as verb

EN, JA = "Zinc is required for taste.", "亜鉛は味覚に必要である。"
PLACED = {"columns": {"id": "@place"}}


def written(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(tmp_path, *made):
    """The card of what is read."""
    return intake.read(made, tmp_path / "corpus", max_bad=1.0)


def items(format, path, **options):
    return list(READERS[format].read(path, inputs.make(format, [str(path)], options).options))


def test_ids_of_the_place_keep_all_of_the_name_but_the_compression(tmp_path):
    paths = [jsonl_file(tmp_path / f"news.{name}.jsonl", [{name: text}]) for name, text in (("en", EN), ("ja", JA))]
    packed = written(tmp_path / "more.v1.jsonl.gz", gzip.compress(json.dumps({"en": EN}).encode()))
    read(tmp_path, inputs.make("jsonl", [str(path) for path in (*paths, packed)], PLACED))
    names = ("news.en.jsonl", "news.ja.jsonl", "more.v1.jsonl")
    assert [document.id for document in Corpus(tmp_path / "corpus")] == [f"{tmp_path.name}/{name}:1" for name in names]


def test_shards_of_a_dataset_have_ids_of_their_own(tmp_path):
    for number in range(2):
        pq.write_table(pa.table({"en": [f"{EN} {number}"]}), tmp_path / f"train.{number:05d}.parquet")
    card = read(tmp_path, inputs.make("huggingface", [str(tmp_path)], PLACED))
    assert (card["read"], card["quarantined"]) == (2, 0)


def test_an_id_of_the_place_is_the_same_however_the_path_is_written(tmp_path, monkeypatch):
    path = jsonl_file(tmp_path / "a.jsonl", [{"en": EN}])
    monkeypatch.chdir(tmp_path)
    ids = {items("jsonl", name, **PLACED)[0].id for name in (path, "a.jsonl", "./a.jsonl")}
    assert ids == {f"{tmp_path.name}/a.jsonl:1"}


PAIR_LINE, UNIT = f"u\t0.9\t{EN}\t{JA}\n", '<tu tuid="1"><tuv xml:lang="en"><seg>a</seg></tuv></tu>'


@pytest.mark.parametrize(
    ("format", "name", "text", "options"),
    [
        ("jsonl", "part.jsonl", json.dumps({"en": EN}), PLACED),
        ("csv", "part.csv", f"en\n{EN}\n", PLACED),
        ("bicleaner", "pairs.txt", PAIR_LINE, {}),
        ("tmx", "pairs.tmx", f"<tmx><body>{UNIT}</body></tmx>", {}),
        ("moses", "c.en-ja.en", "A\n", {}),
    ],
)
def test_files_whose_ids_would_meet_are_refused_and_both_are_named(tmp_path, format, name, text, options):
    paths = [written(tmp_path / folder / "a" / name, text) for folder in ("x", "y")]
    with pytest.raises(UserError) as error:
        read(tmp_path, *(inputs.make(format, [str(path)], options) for path in paths))
    assert str(error.value).startswith(f"{paths[0]} and {paths[1]}: ids are made of the name of the file")
    assert not (tmp_path / "corpus").exists()


def test_ids_of_two_formats_do_not_meet_either(tmp_path):
    paths = [written(tmp_path / "pairs.txt", PAIR_LINE), written(tmp_path / "pairs.tmx", UNIT)]
    with pytest.raises(UserError, match=r"pairs\.txt and .*pairs\.tmx: ids are made of the name"):
        read(tmp_path, inputs.make("bicleaner", [str(paths[0])], {}), inputs.make("tmx", [str(paths[1])], {}))


def test_files_of_one_name_that_bring_their_own_ids_are_read_as_ever(tmp_path):
    for folder in ("x", "y"):
        jsonl_file(written(tmp_path / folder / "part.jsonl", ""), [{"id": folder, "en": EN}])
    assert read(tmp_path, inputs.make("jsonl", [f"{tmp_path}/x", f"{tmp_path}/y"], {}))["read"] == 2


def test_the_two_columns_of_one_file_may_be_read_in_turn(tmp_path):
    path = jsonl_file(tmp_path / "a.jsonl", [{"one": EN, "two": JA}])
    turns = [{"columns": {"id": "@place", "en": "one"}}, {"columns": {"id": "@place", "ja": "two"}}]
    read(tmp_path, *(inputs.make("jsonl", [str(path)], turn) for turn in turns))
    assert [(one.en, one.ja) for one in Corpus(tmp_path / "corpus")] == [(EN, JA)]


def test_a_moses_corpus_given_by_both_files_is_read_once_and_the_card_lists_all_of_it(tmp_path):
    texts = {"en": f"{EN}\n", "ja": f"{JA}\n", "ids": "1\n", "scores": "0.9\n"}
    files = {suffix: written(tmp_path / f"c.en-ja.{suffix}", text) for suffix, text in texts.items()}
    words = ["read", "--format", "moses", str(files["ja"]), str(files["en"]), "--out", str(tmp_path / "corpus")]
    assert verb.run(words) == 0
    card = read_json(tmp_path / "corpus/card.json")
    assert (card["records"], card["read"], card["merged"]) == (1, 1, 0)
    listed = {file["file"]: file["bytes"] for file in card["source"]["read"]["files"]}
    assert listed == {str(files[suffix]): len(text.encode()) for suffix, text in texts.items()}
    digests = [file["digest"] for file in card["source"]["read"]["files"]]
    assert len(set(digests)) == 4
    assert hashlib.sha256(texts["en"].encode()).hexdigest().startswith(digests[0])


def test_links_to_folders_are_not_followed(tmp_path):
    jsonl_file(written(tmp_path / "in/a/one.jsonl", ""), [{"id": "a", "en": EN}])
    (tmp_path / "in/self").symlink_to(tmp_path / "in")
    (tmp_path / "in/two.jsonl").symlink_to(tmp_path / "in/a/one.jsonl")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for word, within in (("in", "in"), ("in/**/*.jsonl", "in"), ("link", "link"), ("link/**/*.jsonl", "link")):
        files = inputs.make("jsonl", [str(tmp_path / word)], {}).files
        assert [str(file.relative_to(tmp_path / within)) for file in files] == ["a/one.jsonl", "two.jsonl"]


def test_a_name_that_is_no_utf8_is_told(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jsonl")
    with open(path, "w"):
        pass
    with pytest.raises(UserError, match=r"\?\.jsonl: its name is no UTF-8"):
        inputs.make("jsonl", [path], {})


@pytest.mark.parametrize("name", ["japanes", "meta.japanes", "ja.text"])
def test_a_column_that_no_record_of_a_jsonl_file_has_is_told_with_the_keys(tmp_path, name):
    records = [{"id": "a", "en": EN, "meta": {"japanese": JA}}, {"id": "b", "en": EN, "x": None}]
    path = jsonl_file(tmp_path / "a.jsonl", records)
    with pytest.raises(UserError) as error:
        items("jsonl", path, columns={"en": "en", "ja": name})
    told = f"{path}: no column for ja ({name}) in any of its 2 records; their keys are id, en, meta.japanese, x;"
    assert str(error.value).startswith(told)


def test_a_column_that_one_record_has_be_it_null_is_there(tmp_path):
    records = [{"id": "a", "en": EN}, {"id": "b", "en": EN, "meta": {"ja": None}}]
    path = jsonl_file(tmp_path / "a.jsonl", records)
    assert len(items("jsonl", path, columns={"en": "en", "ja": "meta.ja"})) == 2
    empty = jsonl_file(tmp_path / "empty.jsonl", [])
    assert items("jsonl", empty, columns={"en": "en"}) == []


def test_a_nested_column_that_a_table_does_not_have_is_told(tmp_path):
    pq.write_table(pa.table({"id": ["a"], "t": [{"en": EN, "ja": JA}]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"a\.parquet: no column for ja; its columns are id, t\.en, t\.ja"):
        items("huggingface", tmp_path / "a.parquet", columns={"en": "t.en", "ja": "t.japanes"})
    table = pa.Table.from_arrays([pa.array(["a"])] * 3, names=["id", "en", "en"])
    pq.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(UserError, match=r"b\.parquet: the column en stands twice"):
        items("huggingface", tmp_path / "b.parquet")


@pytest.mark.parametrize("format", ["jsonl", "csv", "huggingface"])
def test_where_the_column_of_ids_is_taken_for_a_text_there_is_no_id(tmp_path, format):
    if format == "jsonl":
        path = jsonl_file(tmp_path / "a.jsonl", [{"id": EN}])
        assert items(format, path, columns={"en": "id"})[0].reason == "no id"
        return
    path = written(tmp_path / "a.csv", f"id\n{EN}\n")
    if format == "huggingface":
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"id": [EN]}), path)
    with pytest.raises(UserError, match="no column for id; its columns are id"):
        items(format, path, columns={"en": "id"})


def test_a_header_with_one_column_twice_is_refused_but_not_for_nameless_ones(tmp_path):
    with pytest.raises(UserError, match=r"a\.csv, line 1: the column en stands twice"):
        items("csv", written(tmp_path / "a.csv", f"id,en,en\na,{EN},x\n"))
    assert items("csv", written(tmp_path / "b.csv", f"id,en,,\na,{EN},,\n"))[0].texts == {"en": EN}


def test_a_column_by_its_number_has_to_be_there(tmp_path):
    path = written(tmp_path / "a.csv", f"a,{EN}\n")
    with pytest.raises(UserError, match=r"a\.csv: no column for ja; its columns are 1, 2;"):
        items("csv", path, header="false", columns={"id": "1", "en": "2", "ja": "3"})


def test_columns_in_an_error_are_few_and_short(tmp_path):
    header = ",".join(["x" * 90, *(f"c{number}" for number in range(30))])
    with pytest.raises(UserError) as error:
        items("csv", written(tmp_path / "a.csv", f"{header}\n"))
    named = ", ".join(["x" * 40 + "...", *(f"c{number}" for number in range(9))])
    assert f"its columns are {named} and 21 more; " in str(error.value)


@pytest.mark.parametrize("last", ["en", '"en"', "en,year"])
def test_lines_that_end_in_cr_alone_are_named_as_the_cause(tmp_path, last):
    rows = "".join(f"d{number},{EN}{',2020' if 'year' in last else ''}\r" for number in range(500))
    with pytest.raises(UserError, match=r"a\.csv, line 1: .*end in CR alone") as error:
        items("csv", written(tmp_path / "a.csv", f"id,{last}\r{rows}"))
    assert len(str(error.value)) < 1000 + len(str(tmp_path))


@pytest.mark.parametrize("magic", [gzip.compress(b"PAR1"), b"\x28\xb5\x2f\xfd\x00"])
def test_a_compressed_table_is_to_be_unpacked(tmp_path, magic):
    written(tmp_path / "x.parquet.gz", magic)
    for word in (tmp_path, tmp_path / "x.parquet.gz"):
        (path,) = inputs.make("huggingface", [str(word)], {}).files
        with pytest.raises(UserError, match=r"x\.parquet\.gz: .*not read compressed; unpack it"):
            items("huggingface", path)


@pytest.mark.parametrize("language", ["\ud800", "fr", "", None, "English"])
def test_a_question_in_another_language_than_ours_is_of_a_wrong_type(tmp_path, language):
    pair = {"language": language, "question": "What is needed?", "answer": "zinc"}
    good = {"id": "b", "en": EN, "qa": [pair | {"language": "ja"}]}
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in ({"id": "a", "en": EN, "qa": [pair]}, good)))
    card = read(tmp_path, inputs.make("jsonl", [str(path)], {}))
    assert (card["read"], card["reasons"]) == (1, {"wrong type": 1})
