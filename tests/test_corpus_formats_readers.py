"""Readers of JSONL, tables and datasets: which fields they take, and how they tell what is wrong."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from formats_case import SAMPLES, jsonl_file, jstage_raw_record
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus import inputs
from jaxmlda.corpus.formats import READERS, Faulty, Filtered, Found
from jaxmlda.errors import UserError

EN, JA = "Zinc is required for taste.", "亜鉛は味覚に必要である。"


def read(format, path, **options):
    """Every item of a file, options as the command line gives them."""
    return list(READERS[format].read(path, inputs.make(format, [str(path)], options).options))


def of(tmp_path, format, *records, **options):
    """Items of JSON records."""
    return read(format, jsonl_file(tmp_path / "input.jsonl", list(records)), **options)


def reasons(items):
    return [getattr(item, "reason", "found") for item in items]


def test_jstage_raw_takes_every_field_and_joins_the_codes_to_an_id(tmp_path):
    (item,) = of(tmp_path, "jstage_raw", jstage_raw_record(7))
    assert item.id == "exmed@@12/3/12_3_7"
    assert item.texts == {"en": "Zinc number 7 is required for taste.", "ja": "亜鉛その7は味覚に必要である。"}
    assert (item.titles, item.year) == ({"en": "Zinc 7", "ja": "亜鉛 7"}, 2011)
    assert (item.keywords, item.subjects) == ({"en": ["zinc"], "ja": ["亜鉛"]}, ["Clinical medicine", "臨床医学"])


def test_jstage_raw_never_takes_a_title_from_the_record_before(tmp_path):
    lacking = jstage_raw_record(2) | {"title": [{"language": "ja", "content": "題"}]}
    first, second = of(tmp_path, "jstage_raw", jstage_raw_record(1), lacking)
    assert first.titles["en"] == "Zinc 1"
    assert second.titles == {"ja": "題"}


def test_jstage_raw_takes_nulls_for_nothing_and_other_types_for_faults(tmp_path):
    nulls = jstage_raw_record(1) | {"keywords": None, "journalInfo": {"subjects": None}, "title": None}
    wrong = [jstage_raw_record(2) | {"abstract": "text"}, jstage_raw_record(3) | {"articleId": None}]
    found, *faults = of(tmp_path, "jstage_raw", nulls, *wrong)
    assert (found.titles, found.keywords, found.subjects) == ({}, {}, [])
    assert reasons(faults) == ["wrong type", "no id"]
    assert [fault.place.line for fault in faults] == [2, 3]


def test_jstage_raw_filters_what_is_not_medical_where_asked_for(tmp_path):
    law = jstage_raw_record(2)
    law["journalInfo"]["subjects"] = [{"language": "ja", "content": "法学"}, {"language": "en", "content": "医学"}]
    assert reasons(of(tmp_path, "jstage_raw", jstage_raw_record(1), law)) == ["found", "found"]
    found = of(tmp_path, "jstage_raw", jstage_raw_record(1), law, medical="true")
    assert reasons(found) == ["found", "not medical"]
    assert isinstance(found[1], Filtered)


@pytest.mark.parametrize(
    "record",
    [
        {"docid": "d", "abstract_en": EN, "abstract_ja": JA, "title_en": "Zinc", "keywords_en": ["zinc"]},
        {"docid": "d", "abstract": {"en": EN, "ja": JA}, "title": {"en": "Zinc"}, "keywords": {"en": ["zinc"]}},
    ],
)
def test_jstage_takes_both_languages_from_one_record(tmp_path, record):
    (item,) = of(tmp_path, "jstage", record)
    assert item.texts == {"en": EN, "ja": JA}
    assert (item.titles, item.keywords) == ({"en": "Zinc"}, {"en": ["zinc"]})


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [("abstracts_ja.jsonl", {}, "ja"), ("a.jsonl", {}, "en"), ("a.jsonl", {"language": "ja"}, "ja")],
)
def test_jstage_of_one_language_goes_by_the_option_then_the_name_then_the_script(tmp_path, name, options, expected):
    path = jsonl_file(tmp_path / name, [{"docid": "d", "title": "T", "abstract": EN, "keywords": None}])
    (item,) = read("jstage", path, **options)
    assert (item.texts, item.titles, item.keywords) == ({expected: EN}, {expected: "T"}, {})


def test_jstage_knows_a_japanese_abstract_by_its_script(tmp_path):
    (item,) = of(tmp_path, "jstage", {"docid": "d", "abstract": JA, "subjects": ["臨床医学"]})
    assert (item.texts, item.subjects) == ({"ja": JA}, ["臨床医学"])


def test_pubmed_jsonl_takes_its_three_shapes(tmp_path):
    shapes = [
        {"pmid": "9", "title": "Zinc", "abstract": EN, "mesh_terms": ["Zinc", "Taste"], "pubdate": "2020-03"},
        {"id": "pubmed_1", "contents": EN},
        {"text": EN, "meta": {"pmid": 77, "language": "eng"}},
        {"pmid": 8, "title": "Zinc", "abstract": None},
        {"pmid": 8},
    ]
    items = of(tmp_path, "pubmed_jsonl", *shapes)
    assert [item.id for item in items[:3]] == ["9", "pubmed_1", "77"]
    assert all(item.texts == {"en": EN} for item in items[:3])
    assert (items[0].subjects, items[0].year, items[0].titles) == (["Zinc", "Taste"], 2020, {"en": "Zinc"})
    assert items[3].texts == {}
    assert reasons(items[4:]) == ["no text"]


def test_jsonl_takes_named_and_nested_columns(tmp_path):
    record = {"key": 12, "translation": {"en": EN, "ja": JA}, "meta": {"date": "2019-01-02"}, "tags": "zinc; taste"}
    columns = {"id": "key", "en": "translation.en", "ja": "translation.ja", "year": "meta.date", "keywords_en": "tags"}
    (item,) = of(tmp_path, "jsonl", record, columns=columns)
    assert (item.id, item.texts, item.year) == ("12", {"en": EN, "ja": JA}, 2019)
    assert item.keywords == {"en": ["zinc", "taste"]}


def test_jsonl_with_one_text_and_its_language_by_record(tmp_path):
    records = [{"id": n, "text": t, "language": said, "title": "T"} for n, t, said in
               [(1, EN, "en-US"), (2, JA, "Japanese"), (3, "Zink ist nötig.", "de"), (4, JA, None)]]  # fmt: skip
    items = of(tmp_path, "jsonl", *records)
    assert [item.texts for item in items if isinstance(item, Found)] == [{"en": EN}, {"ja": JA}, {"ja": JA}]
    assert items[0].titles == {"en": "T"}
    assert items[2] == Filtered("language", items[2].place)


def test_jsonl_without_ids_takes_file_and_line_where_asked_for(tmp_path):
    assert reasons(of(tmp_path, "jsonl", {"en": EN})) == ["no id"]
    (item,) = of(tmp_path, "jsonl", {"en": EN}, columns={"id": "@place"})
    assert item.id == f"{tmp_path.name}/input.jsonl:1"


def test_jsonl_tells_each_fault_by_its_line(tmp_path):
    lines = [
        '{"id": "a", "en": "x"',
        "[1]",
        '{"id": "b"}',
        '{"id": null, "en": "x"}',
        '{"id": "c", "en": 3}',
        "",
        "9" * 5000,
    ]
    lines += ["[" * 100_000, '{"id": "d", "en": "fine"}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    items = read("jsonl", tmp_path / "a.jsonl")
    told = ["broken JSON", "no record", "no text", "no id", "wrong type", "broken JSON", "broken JSON", "found"]
    assert reasons(items) == told
    assert [item.place.line for item in items] == [1, 2, 3, 4, 5, 7, 8, 9]
    assert all(len(item.record) <= 500 for item in items if isinstance(item, Faulty))


FIELDS = st.text(st.sampled_from('ab,"\n亜 '), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=5), st.sampled_from([",", "\t", ";"]))
def test_csv_gives_back_what_the_library_wrote(tmp_path_factory, rows, delimiter):
    import csv

    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows([["id", "en", "ja"], *([f"d{n}", "e" + en, ja] for n, (en, ja) in enumerate(rows))])
    items = read("csv", path, delimiter=delimiter, quotes="true")
    assert [item.texts for item in items] == [{"en": "e" + en} | ({"ja": ja} if ja else {}) for en, ja in rows]


def test_csv_tells_wrong_columns_and_quotes_and_goes_on(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,en\r\na,"one\nwith ""more"""\r\nb,two,3\nc\nd,"x"y\ne,"never closed\nf,six\n\ng,seven\n')
    items = read("csv", path)
    assert reasons(items) == [
        "found",
        "wrong columns",
        "wrong columns",
        "broken quotes",
        "unclosed quote",
        "found",
        "found",
    ]
    assert items[0].texts == {"en": 'one\nwith "more"'}
    assert [item.place.line for item in items] == [2, 4, 5, 6, 7, 8, 10]
    assert items[1].detail == "3 columns, 2 are named"


def test_tsv_leaves_quotes_alone_and_columns_may_go_by_number(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(f'k1\t"Zinc" is\t{JA}\n')
    (item,) = read("csv", path, header="false", columns={"id": "1", "en": "2", "ja": "3"})
    assert (item.id, item.texts) == ("k1", {"en": '"Zinc" is', "ja": JA})


@pytest.mark.parametrize("format", ["csv", "huggingface"])
def test_a_table_without_a_needed_column_is_refused_and_names_those_it_has(tmp_path, format):
    if format == "csv":
        path = tmp_path / "a.csv"
        path.write_text("key,abstract\n1,x\n")
    else:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"key": [1], "abstract": ["x"]}), path)
    with pytest.raises(UserError, match=r"a\.\w+: no column for en, ja or text, id; its columns are key, abstract"):
        read(format, path)
    with pytest.raises(UserError, match="no column for en;"):
        read(format, path, columns={"id": "key", "en": "summary"})
    assert read(format, path, columns={"id": "key", "en": "abstract"})[0].texts == {"en": "x"}


@pytest.mark.parametrize("way", ["parquet", "stream", "file"])
def test_huggingface_reads_nested_columns_of_every_file_of_a_dataset(tmp_path, way):
    table = pa.table({"translation": [{"en": f"{EN} {n}", "ja": f"{JA}{n}"} for n in range(3000)]})
    path = tmp_path / f"part.{'parquet' if way == 'parquet' else 'arrow'}"
    if way == "parquet":
        pq.write_table(table, path, row_group_size=700)
    else:
        with (pa.ipc.new_stream if way == "stream" else pa.ipc.new_file)(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=900)
    columns = {"id": "@place", "en": "translation.en", "ja": "translation.ja"}
    items = read("huggingface", path, columns=columns)
    assert [item.texts for item in items] == table["translation"].to_pylist()
    assert [item.place.line for item in items] == list(range(1, 3001))


def test_huggingface_names_the_row_of_a_value_that_is_no_text(tmp_path):
    texts = pa.array([b"fine", b"\xff", b"fine too"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"id": ["a", "b", "c"], "en": texts}), tmp_path / "a.parquet")
    items = read("huggingface", tmp_path / "a.parquet")
    assert reasons(items) == ["found", "broken value", "found"]
    assert items[1].place.line == 2


def test_a_cut_table_is_one_fault(tmp_path):
    path = SAMPLES["huggingface"](tmp_path, 9)[0]
    path.write_bytes(path.read_bytes()[:-20])
    assert reasons(read("huggingface", path)) == ["broken table"]


@pytest.mark.parametrize(
    ("format", "options", "message"),
    [
        ("nothing", {}, "--format nothing: no such format; the formats are aspec"),
        ("jstage_raw", {"columns": {"en": "x"}}, "--column: format jstage_raw does not use it; it takes none"),
        ("jsonl", {"min_score": 0.5}, "--min-score: format jsonl does not use it; it takes --column, --language"),
        ("jsonl", {"columns": {"english": "x"}}, "english: no field of a document; the fields are id, en"),
        ("jsonl", {"language": "de"}, "--language de: one of en, ja is needed"),
        ("jstage_raw", {"medica": "true"}, "medica is not a setting; the nearest is medical"),
    ],
)
def test_a_wrong_format_or_option_is_told_before_anything_is_read(tmp_path, format, options, message):
    path = jsonl_file(tmp_path / "a.jsonl", [])
    with pytest.raises(UserError, match=message):
        inputs.make(format, [str(path)], options)


def test_paths_are_files_folders_globs_or_names_without_their_suffix(tmp_path):
    for name in ("b.jsonl", "a.jsonl.gz", "sub/c.jsonl.zst", ".hidden/d.jsonl", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")

    def names(word):
        return [str(file.relative_to(tmp_path)) for file in inputs.make("jsonl", [str(tmp_path / word)], {}).files]

    assert names("") == ["a.jsonl.gz", "b.jsonl", "sub/c.jsonl.zst"]
    assert names("*.jsonl*") == ["a.jsonl.gz", "b.jsonl"]
    assert names("**/*.zst") == ["sub/c.jsonl.zst"]
    assert names("a") == ["a.jsonl.gz"]
    assert names("notes.txt") == ["notes.txt"]
    for word in ("absent", "*.csv", ".hidden/sub"):
        with pytest.raises(UserError, match=word.replace("*", r"\*")):
            names(word)
    with pytest.raises(UserError, match="is given twice"):
        inputs.make("jsonl", [str(tmp_path / "b.jsonl"), str(tmp_path)], {})
    with pytest.raises(UserError, match="no file; give paths after it"):
        inputs.make("jsonl", [], {})


def test_of_files_that_are_partners_one_is_read(tmp_path):
    SAMPLES["moses"](tmp_path, 2)
    assert [file.name for file in inputs.make("moses", [str(tmp_path)], {}).files] == ["TASTE.en-ja.en"]
    assert [file.name for file in inputs.make("moses", [str(tmp_path / "TASTE.en-ja")], {}).files] == ["TASTE.en-ja.en"]


def test_jsonl_takes_clusters_rewrites_and_question_answer_pairs(tmp_path):
    pair = {"language": "en", "question": "What is needed for taste?", "answer": "zinc"}
    record = {"id": "a", "en": EN, "cluster": "case 1", "paraphrases_en": ["Taste needs zinc; always."], "qa": [pair]}
    single = {"id": "b", "en": EN, "paraphrases_en": "One; not two."}
    first, second, *faults = of(tmp_path, "jsonl", record, single, record | {"id": "c", "qa": ["what"]})
    assert (first.cluster, first.paraphrases) == ("case 1", {"en": ["Taste needs zinc; always."]})
    assert first.qa == [("en", "What is needed for taste?", "zinc")]
    assert second.paraphrases == {"en": ["One; not two."]}
    assert reasons(faults) == ["wrong type"]
