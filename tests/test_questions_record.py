import json

import pytest

from jaxmlda.errors import UserError
from jaxmlda.questions import Question, digest, jsonl

GOOD = {
    "id": "exmed@@12/3/45_sentid:2",
    "question": "[BLANK] is needed for taste.",
    "options": ["Zinc", "Iron", "Copper", "Lead"],
    "answer_idx": 1,
    "metadata": {
        "docid": "exmed@@12/3/45",
        "sentid": 2,
        "correct_answer": "Iron",
        "triple": {"subject": "taste"},
    },
    "note": {"kept": True},
}


def written(tmp_path, *records, name="en_knowledge_memorization.jsonl"):
    path = tmp_path / name
    lines = [record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_released_record_is_read_with_what_the_file_name_says(tmp_path):
    (one,) = jsonl.read(written(tmp_path, GOOD))
    assert (one.set, one.language, one.form, one.answers) == ("en_knowledge_memorization", "en", "mem", (1,))
    assert (one.document, one.cluster, one.written_in, one.pair_id) == (
        "exmed@@12/3/45",
        "exmed@@12/3/45",
        "en",
        None,
    )
    assert one.cloze == ("", " is needed for taste.")


def test_metadata_goes_before_the_file_name(tmp_path):
    metadata = {
        "docid": "d",
        "language": "ja",
        "written_in": "en",
        "form": "gen",
        "pair_id": "p7",
        "cluster": "c",
    }
    (one,) = jsonl.read(written(tmp_path, {**GOOD, "metadata": metadata}))
    assert (one.language, one.written_in, one.form, one.pair_id, one.cluster) == (
        "ja",
        "en",
        "gen",
        "p7",
        "c",
    )


def test_reading_and_writing_gives_the_records_back_with_unknown_fields(tmp_path):
    several = {**GOOD, "id": "b", "answers": [1, 3]}
    separator = {**GOOD, "id": "c", "question": "a\u2028b [BLANK]", "options": ["x", "y"], "answer_idx": 0}
    path = written(tmp_path, GOOD, several, separator)
    read = jsonl.read(path)
    jsonl.write(tmp_path / "copy" / path.name, read)
    lines = (tmp_path / "copy" / path.name).read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in lines if line] == [GOOD, several, separator]
    assert jsonl.read(tmp_path / "copy" / path.name) == read


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"question": "no gap"}, "holds no [BLANK]"),
        ({"question": "[BLANK] and [BLANK]"}, "holds 2 [BLANK]"),
        ({"options": ["a", " ", "b"]}, "empty option (number 1)"),
        ({"options": ["a", "b", "a "]}, "identical options (numbers 0 and 2"),
        ({"options": None}, "'options' is missing"),
        ({"options": ["a"], "answer_idx": 0}, "has 1 options; 2 to 26"),
        ({"options": [str(i) for i in range(27)]}, "has 27 options"),
        ({"answer_idx": 4}, "answer 4 out of range"),
        ({"answer_idx": -1}, "answer -1 out of range"),
        ({"answer_idx": "1"}, "no right answer can be read"),
        ({"answer_idx": None}, "no right answer can be read"),
        ({"answers": [1, 9]}, "answer 9 out of range"),
        ({"answers": [0, 2]}, "answer_idx 1 is not among answers [0, 2]"),
        ({"metadata": {"language": "fr"}}, "language 'fr'"),
        ({"metadata": []}, "'metadata' is not an object"),
        ({"question": ""}, "empty text"),
        ({"id": None}, "'id' is missing"),
    ],
)
def test_a_fault_is_named_with_file_and_line(tmp_path, change, said):
    path = written(tmp_path, {**GOOD, "id": "first"}, "", {**GOOD, **change})
    with pytest.raises(UserError) as error:
        jsonl.read(path)
    assert str(error.value).startswith(f"{path}, line 3: ")
    assert said in str(error.value)


def test_broken_json_and_ids_twice_are_named_with_their_lines(tmp_path):
    with pytest.raises(UserError, match=r"line 2: broken JSON at column 8"):
        jsonl.read(written(tmp_path, GOOD, '{"id": "y'))
    with pytest.raises(UserError, match=r"line 3: id 'exmed@@12/3/45_sentid:2' already stands in line 1"):
        jsonl.read(written(tmp_path, GOOD, {**GOOD, "id": "other"}, GOOD))


def test_missing_empty_and_wrongly_encoded_files_are_errors_that_name_them(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.jsonl: no such file"):
        jsonl.read(tmp_path / "nowhere.jsonl")
    with pytest.raises(UserError, match="holds no question"):
        jsonl.read(written(tmp_path, ""))
    (tmp_path / "en_x.jsonl").write_bytes("{'問'}".encode("cp932"))
    with pytest.raises(UserError, match="not UTF-8"):
        jsonl.read(tmp_path / "en_x.jsonl")


def test_a_set_whose_language_or_form_nobody_tells_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no known form"):
        jsonl.read(written(tmp_path, GOOD, name="en_something.jsonl"))
    with pytest.raises(UserError, match="language 'knowledge'"):
        jsonl.read(written(tmp_path, GOOD, name="knowledge_memorization.jsonl"))


def test_the_digest_sees_content_order_and_what_the_name_says():
    one = Question("a", "q", ["x", "y"], (0,), {}, "en_generalization")
    two = Question("b", "q", ["x", "y"], (1,), {}, "en_generalization")
    same = Question("a", "q", ["x", "y"], (0,), {}, "en_generalization")
    japanese = Question("a", "q", ["x", "y"], (0,), {}, "ja_generalization")
    assert digest([one]) == digest([same])
    assert len({digest([one, two]), digest([two, one]), digest([one]), digest([japanese])}) == 4
