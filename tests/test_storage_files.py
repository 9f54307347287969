"""Digests that stay, files that are whole or untouched, and reading errors that say where."""

import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda import storage
from jaxmlda.errors import UserError

PARTS = st.lists(st.one_of(st.integers(), st.text(st.sampled_from("\x1fstrin:1"), max_size=8)), max_size=4)


def taken_apart(written):
    """The parts again from the text that is hashed: doubled separators are letters, single ones stand between parts."""
    parts, letters, place = [], "", 0
    while place < len(written):
        if written.startswith("\x1f\x1f", place):
            letters, place = letters + "\x1f", place + 2
        elif written[place] == "\x1f":
            parts, letters, place = [*parts, letters], "", place + 1
        else:
            letters, place = letters + written[place], place + 1
    return [*parts, letters]


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        (("trial", 0, "w0"), 5929845807029275712),
        (("order", 1, "native_en", 2, "文書"), 16334831590262699367),
        ((), 16476032584258269876),
        ((1,), 17985548333338593500),
        (("1",), 9748645260908440411),
        (("a\x1fb",), 7216778118888706401),
    ],
)
def test_keyed_hashes_are_the_same_for_ever(parts, value):
    assert storage.keyed(*parts) == value


def test_parts_of_a_key_cannot_run_into_one_another():
    assert storage.keyed("a\x1fstr:b") != storage.keyed("a", "b")
    assert storage.keyed("ab") != storage.keyed("a", "b")
    assert storage.keyed("a", "") != storage.keyed("a")
    assert storage.keyed(1) != storage.keyed("1")


@settings(deadline=None)
@given(PARTS.filter(bool))
def test_what_is_hashed_can_be_taken_apart_again(parts):
    written = "\x1f".join(f"{type(part).__name__}:{part}".replace("\x1f", "\x1f\x1f") for part in parts)
    plain = hashlib.blake2b(written.encode(), digest_size=8).digest()
    assert storage.keyed(*parts) == int.from_bytes(plain, "big")
    assert taken_apart(written) == [f"{type(part).__name__}:{part}" for part in parts]


def test_digests_are_the_first_letters_of_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    # The examples of FIPS 180-2.
    assert storage.digest(b"abc") == storage.file_digest(tmp_path / "file") == "ba7816bf8f01cfea"
    assert storage.digest(b"") == "e3b0c44298fc1c14"
    assert (
        storage.digest({"b": [1, "亜"], "a": None})
        == hashlib.sha256('{"a":null,"b":[1,"亜"]}'.encode()).hexdigest()[:16]
    )


def test_a_file_longer_than_a_block_has_the_digest_of_its_bytes(tmp_path):
    data = bytes(range(256)) * 5000
    (tmp_path / "long").write_bytes(data)
    assert storage.file_digest(tmp_path / "long") == storage.digest(data)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.integers(), max_size=5))
def test_the_digest_of_an_object_does_not_depend_on_the_order_of_its_keys(values):
    assert storage.digest(values) == storage.digest(dict(reversed(values.items())))


def test_a_failed_write_leaves_the_earlier_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    storage.write_text(path, "earlier")

    def fail():
        with storage.replacing(path) as neighbour:
            neighbour.write_text("half of the la")
            assert path.read_text() == "earlier"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "earlier"
    assert [one.name for one in path.parent.iterdir()] == ["file.txt"]


def test_a_table_that_cannot_be_written_leaves_the_earlier_one(tmp_path, monkeypatch):
    path, table = tmp_path / "t.parquet", pa.table({"a": [1, 2]})
    storage.write_table(path, table)

    def full(table, stream, **_):
        stream.write(b"PAR1 and then the disk is full")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(UserError, match=r"t\.parquet: cannot be written \(No space left on device\)"):
        storage.write_table(path, pa.table({"a": [3]}))
    assert storage.read_table(path).equals(table)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_place_of_a_parent_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/a\.txt: cannot be written"):
        storage.write_text(tmp_path / "file" / "a.txt", "x")


def test_json_comes_back_as_it_was_and_its_keys_keep_their_order(tmp_path):
    value = {"z": [1.5, None, "亜鉛 🙂"], "a": {"n": -1}}
    storage.write_json(tmp_path / "a.json", value)
    assert list(storage.read_json(tmp_path / "a.json").items()) == list(value.items())
    assert "亜鉛 🙂" in (tmp_path / "a.json").read_text(encoding="utf-8")


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=5), min_size=1), max_size=5))
def test_lines_come_back_with_their_numbers_lone_surrogates_included(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    storage.write_text(path, "".join(json.dumps(record, ensure_ascii=False) + "\n\n" for record in records))
    assert list(storage.read_lines(path)) == [(2 * n + 1, record) for n, record in enumerate(records)]


def test_a_lone_surrogate_is_kept(tmp_path):
    storage.write_text(tmp_path / "a.jsonl", '\ufeff{"a": "\ud800"}\n')
    assert list(storage.read_lines(tmp_path / "a.jsonl")) == [(1, {"a": "\ud800"})]


def test_a_broken_line_is_named_by_file_and_number(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n\n{"a": \n')
    with pytest.raises(UserError, match=r"a\.jsonl, line 3: not a JSON object"):
        list(storage.read_lines(tmp_path / "a.jsonl"))
    (tmp_path / "b.jsonl").write_bytes(b'{"a": 1}\n{"a": "\xff"}\n')
    with pytest.raises(UserError, match=r"b\.jsonl, line 2: "):
        list(storage.read_lines(tmp_path / "b.jsonl"))


def test_broken_files_are_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UserError, match=r"a\.json: not a JSON file"):
        storage.read_json(tmp_path / "a.json")
    storage.write_table(tmp_path / "t.parquet", pa.table({"a": list(range(1000))}))
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"t\.parquet: cannot be read as Parquet"):
        storage.read_table(tmp_path / "t.parquet")


@pytest.mark.parametrize("read", [storage.read_json, storage.read_table, lambda path: list(storage.read_lines(path))])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(UserError, match=r"nowhere: there is no such"):
        read(tmp_path / "nowhere")


def test_a_table_is_read_whole_or_by_columns(tmp_path):
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    storage.write_table(tmp_path / "t.parquet", table)
    assert storage.read_table(tmp_path / "t.parquet").equals(table)
    assert storage.read_table(tmp_path / "t.parquet", ["b"]).equals(table.select(["b"]))
