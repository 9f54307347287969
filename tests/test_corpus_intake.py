"""Intake: records joined by id, cleaned, filtered, counted; the faulty ones named; too many of them stop the run."""

import contextlib
import json
import signal
import subprocess
import sys
from collections import Counter

import pytest
from formats_case import jsonl_file
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus import Corpus, Document, inputs, intake, script
from jaxmlda.corpus.clean import Cleaner, Rules
from jaxmlda.corpus.formats import Deleted, Faulty, Filtered, Found, Place
from jaxmlda.corpus.join import Join
from jaxmlda.errors import UserError
from jaxmlda.verbs import corpus as verb
from jaxmlda.verbs.corpus_read import share_of

EN, JA = "Zinc is required for taste.", "亜鉛は味覚に必要である。"


def found(identity, line=1, *, version=0, **fields):
    """A record; `en` and `ja` are its texts."""
    texts = {language: fields.pop(language) for language in ("en", "ja") if language in fields}
    return Found(identity, Place("file", line), texts, version=version, **fields)


def gathered(folder, *items, rules=None, max_bad=1.0):
    """Documents, counts, and the lines of the quarantine file."""
    with contextlib.closing(Join(folder / "join.sqlite")) as join:
        done = intake.gather(iter(items), join, folder / "quarantine.jsonl", rules or Rules(), max_bad)
        lines = [json.loads(line) for line in (folder / "quarantine.jsonl").read_bytes().splitlines()]
        return list(join), done.counts(), lines


def test_records_of_one_id_that_bring_other_languages_are_one_document(tmp_path):
    first = found("a", en=EN, titles={"en": "Zinc"}, subjects=["x", "y"], source="A", licence="CC0")
    second = found("a", 2, ja=JA, titles={"ja": "亜鉛"}, subjects=["y", "z"], year=2020, source="B", licence="CC0")
    documents, counts, _ = gathered(tmp_path, first, found("b", 3, en=EN), second)
    joined = Document(
        "a", EN, JA, {"en": "Zinc", "ja": "亜鉛"}, subjects=["x", "y", "z"], year=2020, source="A; B", licence="CC0"
    )
    assert documents == [joined, Document("b", EN)]
    assert (counts["records"], counts["read"], counts["merged"], counts["identical"]) == (3, 2, 1, 0)


def test_a_cluster_that_a_record_names_is_the_documents(tmp_path):
    documents, _, _ = gathered(
        tmp_path, found("a:1", en=EN, cluster="a"), found("a:2", en=EN, cluster="a"), found("b", en=EN)
    )
    assert [document.cluster for document in documents] == ["a", "a", "b"]


def test_the_same_record_again_is_merged_and_another_text_is_a_duplicate_id(tmp_path):
    items = [found("a", 1, en=EN), found("a", 2, en=EN), found("a", 3, en="Other text."), found("a", 4, en=EN, ja=JA)]
    documents, counts, lines = gathered(tmp_path, *items)
    assert documents == [Document("a", EN, JA)]
    assert (counts["read"], counts["merged"], counts["identical"], counts["reasons"]) == (1, 2, 1, {"duplicate id": 1})
    assert [(line["reason"], line["file"], line["line"]) for line in lines] == [("duplicate id", "file", 3)]
    assert lines[0]["detail"] == "another text of a stands in file, line 1"
    assert lines[0]["record"] == "a: Other text."


def test_a_higher_version_replaces_and_a_lower_one_does_not(tmp_path):
    items = [
        found("a", 1, version=2, en="two"),
        found("a", 2, version=1, en="one"),
        found("b", 3, version=1, en="b one"),
    ]
    items += [found("a", 4, version=2, en="two again", year=2021), found("a", 5, version=3, ja="三")]
    items += [found("a", 6, version=3, ja="三")]
    documents, counts, _ = gathered(tmp_path, *items)
    assert documents == [Document("a", ja="三"), Document("b", "b one")]
    assert (counts["read"], counts["superseded"], counts["merged"], counts["quarantined"]) == (2, 3, 1, 0)


def test_a_translation_without_a_version_stays_while_versions_replace_one_another(tmp_path):
    items = [found("a", 1, version=1, en="one"), found("a", 2, ja=JA), found("a", 3, version=2, en="two")]
    documents, counts, _ = gathered(tmp_path, *items)
    assert documents == [Document("a", "two", JA)]
    assert (counts["read"], counts["merged"], counts["superseded"]) == (1, 1, 1)


def test_a_deletion_withdraws_what_was_read_and_a_later_record_may_come_back(tmp_path):
    place = Place("file", 9)
    items = [found("a", 1, en=EN), found("a", 2, ja=JA), found("b", 3, en=EN), Deleted("a", place), Deleted("c", place)]
    documents, counts, _ = gathered(tmp_path, *items)
    assert documents == [Document("b", EN)]
    assert (counts["records"], counts["read"], counts["superseded"], counts["deletions"]) == (3, 1, 2, 2)
    again, counts, _ = gathered(tmp_path, *items, found("a", 4, en="Back again."))
    assert again == [Document("a", "Back again."), Document("b", EN)]
    assert counts["records"] == counts["read"] + counts["superseded"] == 4


def test_a_newer_version_that_is_filtered_takes_the_place_of_the_older_and_leaves_a_translation(tmp_path):
    place = Place("file", 9)
    items = [found("a", 1, version=1, en=EN), found("b", 2, version=1, en=EN), found("b", 3, ja=JA)]
    items += [Filtered("no abstract", place, "a", 2), Filtered("no abstract", place, "b\x00", 1)]
    documents, counts, _ = gathered(tmp_path, *items, found("c", 4, en=EN), Filtered("no abstract", place, "c", 2))
    assert documents == [Document("b", ja=JA), Document("c", EN)]
    expected = {"records": 7, "read": 2, "merged": 0, "superseded": 2, "filtered": 3}
    assert {name: counts[name] for name in expected} == expected


def test_an_older_version_after_a_filtered_newer_one_does_not_hold_but_an_equal_one_does(tmp_path):
    place = Place("file", 9)
    items = [Filtered("no abstract", place, "a", 3), found("a", 1, version=2, en=EN)]
    documents, counts, _ = gathered(tmp_path, *items, found("b", 2, en=EN))
    assert (documents, counts["superseded"], counts["records"]) == ([Document("b", EN)], 1, 3)
    documents, _, _ = gathered(tmp_path, *items, found("a", 3, version=3, en="Third."))
    assert documents == [Document("a", "Third.")]
    documents, _, _ = gathered(tmp_path, *items, Deleted("a", place), found("a", 4, version=1, en=EN))
    assert documents == [Document("a", EN)]


def test_a_newer_version_whose_texts_are_filtered_takes_the_place_of_the_older(tmp_path):
    items = [found("a", 1, version=1, en=EN), found("a", 2, version=2, en="Zinc."), found("b", 3, en=EN)]
    documents, counts, _ = gathered(tmp_path, *items, rules=Rules(min_chars=12))
    assert (documents, counts["superseded"], counts["filtered"]) == ([Document("b", EN)], 1, 1)


def test_a_newer_version_that_is_faulty_leaves_the_older(tmp_path):
    items = [found("a", 1, version=1, en=EN), found("a", 2, version=2, en="\ud800")]
    documents, counts, _ = gathered(tmp_path, *items)
    assert (documents, counts["quarantined"], counts["superseded"]) == ([Document("a", EN)], 1, 0)


def test_a_citation_whose_newer_version_has_no_abstract_goes(tmp_path):
    def citation(pmid, version, abstract):
        article = f"<Article><ArticleTitle>T</ArticleTitle>{abstract}</Article>"
        told = f'<MedlineCitation><PMID Version="{version}">{pmid}</PMID>{article}</MedlineCitation>'
        return f"<PubmedArticle>{told}</PubmedArticle>"

    text = f"<Abstract><AbstractText>{EN}</AbstractText></Abstract>"
    records = "\n".join([citation(1, 1, text), citation(2, 1, text), citation(1, 2, ""), citation(2, 2, text)])
    (tmp_path / "p.xml").write_text(f"<PubmedArticleSet>{records}</PubmedArticleSet>")
    card = intake.read([inputs.make("pubmed_xml", [str(tmp_path / "p.xml")], {})], tmp_path / "corpus")
    assert [document.id for document in Corpus(tmp_path / "corpus")] == ["2"]
    expected = {"records": 4, "read": 1, "merged": 0, "superseded": 2, "filtered": 1, "quarantined": 0}
    assert {name: card[name] for name in expected} == expected


VERSIONED = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from(["one", "two", None])), max_size=10
)


@settings(max_examples=60, deadline=None)
@given(VERSIONED)
def test_versions_found_and_filtered_are_those_of_a_plain_loop(tmp_path_factory, records):
    """Of the records of an id that have versions the last of the highest version holds; filtered ones hold nothing."""
    versioned, plain, items = {}, {}, []
    for line, (identity, version, text) in enumerate(records, start=1):
        if text is None:
            items.append(Filtered("no abstract", Place("file", line), identity, version))
        else:
            items.append(
                found(identity, line, version=version, **({"en": text} if version else {"ja": f"{text} {JA}"}))
            )
        if version and version >= versioned.get(identity, (0, None))[0]:
            versioned[identity] = (version, text)
        elif not version and text:
            plain.setdefault(identity, text)
    documents, counts, _ = gathered(tmp_path_factory.mktemp("join"), *items, rules=Rules())
    texts = {one.id: (one.en.partition(" ")[0] or None, one.ja.partition(" ")[0] or None) for one in documents}
    expected = {one: (versioned.get(one, (0, None))[1], plain.get(one)) for one in "ab"}
    assert texts == {one: both for one, both in expected.items() if any(both)}
    ends = ("read", "merged", "superseded", "filtered", "quarantined")
    assert counts["records"] == len(records) == sum(counts[name] for name in ends)


TEXTS = st.fixed_dictionaries({}, optional={"en": st.sampled_from(["one", "two"]), "ja": st.sampled_from(["一", "二"])})
RECORDS = st.lists(st.tuples(st.sampled_from("abc"), TEXTS.filter(bool)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(RECORDS)
def test_the_join_is_that_of_a_plain_loop(tmp_path_factory, records):
    plain: dict[str, dict[str, str]] = {}
    told = Counter()
    for identity, texts in records:
        there = plain.setdefault(identity, {})
        if any(there.get(language, text) != text for language, text in texts.items()):
            told["quarantined"] += 1
            continue
        told["merged" if there else "read"] += 1
        there |= texts
    items = [found(identity, n, **texts) for n, (identity, texts) in enumerate(records, start=1)]
    documents, counts, _ = gathered(tmp_path_factory.mktemp("join"), *items)
    assert [(one.id, {lang: one.text(lang) for lang in one.languages}) for one in documents] == [
        (identity, dict(sorted(texts.items()))) for identity, texts in plain.items()
    ]
    assert {name: counts[name] for name in ("read", "merged", "quarantined")} == {
        name: told[name] for name in ("read", "merged", "quarantined")
    }


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"en": "  \n "}, "empty"),
        ({"ja": EN}, "wrong language"),
        ({"en": JA}, "wrong language"),
        ({"en": "12 + 30 = 42"}, "wrong language"),
        ({"en": "half \ud800 pair"}, "broken characters"),
        ({"en": EN, "titles": {"en": "\udc00"}}, "broken characters"),
    ],
)
def test_a_text_that_cannot_be_one_is_faulty(tmp_path, record, reason):
    documents, counts, lines = gathered(tmp_path, found("good", en=EN), found("bad", 7, **record))
    assert [document.id for document in documents] == ["good"]
    assert counts["reasons"] == {reason: 1}
    assert (lines[0]["reason"], lines[0]["line"]) == (reason, 7)


@pytest.mark.parametrize("identity", ["", " \x00", "two\nlines", "x" * 501])
def test_an_id_is_one_line_of_moderate_length(tmp_path, identity):
    assert gathered(tmp_path, found(identity, en=EN))[1]["reasons"] == {"bad id": 1}


def test_control_characters_go_and_line_ends_are_line_feeds(tmp_path):
    items = [found("a\x00", en="\ufeffone\r\ntwo\rthree\x0bfour\x00\tfive\x7f ", titles={"en": "A\r\ntitle\x01"})]
    documents, counts, _ = gathered(tmp_path, *items, found("b", 2, en="plain\r\ntext"))
    assert documents[0] == Document("a", "one\ntwo\nthree four\tfive", titles={"en": "A title"})
    assert documents[1].en == "plain\ntext"
    assert counts["mended"] == 3


def test_texts_are_normalised_only_where_asked_for(tmp_path):
    item = found("a", ja="ｱﾙﾌｧ １２㎎", keywords={"ja": ["①"]})
    assert gathered(tmp_path, item)[0][0].ja == "ｱﾙﾌｧ １２㎎"
    document = gathered(tmp_path, item, rules=Rules(nfkc=True))[0][0]
    assert (document.ja, document.keywords) == ("アルファ 12mg", {"ja": ["1"]})


def test_normalising_leaves_ids_clusters_and_origins_as_they_are(tmp_path):
    fields = {"source": "Ａ①", "licence": "ＣＣ", "cluster": "ｱ", "subjects": ["①"], "titles": {"ja": "ｱ"}}
    document = gathered(tmp_path, found("ﬁ①", ja="ｱ", **fields), rules=Rules(nfkc=True))[0][0]
    assert (document.id, document.source, document.licence, document.cluster) == ("ﬁ①", "Ａ①", "ＣＣ", "ｱ")
    assert (document.ja, document.titles, document.subjects) == ("ア", {"ja": "ア"}, ["1"])
    two = gathered(tmp_path, found("①", en=EN), found("1", 2, en="Other text."), rules=Rules(nfkc=True))[0]
    assert [one.id for one in two] == ["①", "1"]


@pytest.mark.parametrize("field", ["titles", "keywords", "paraphrases"])
def test_a_language_that_is_no_text_goes_with_what_is_in_it(tmp_path, field):
    (document,), counts, _ = gathered(tmp_path, found("a", en=EN, **{field: {"\ud800": "zinc"}}))
    assert (document, counts["quarantined"]) == (Document("a", EN), 0)


def test_half_a_pair_in_the_language_of_a_question_is_faulty(tmp_path):
    counts = gathered(tmp_path, found("a", en=EN, qa=[("\ud800", "Q?", "A")]))[1]
    assert counts["reasons"] == {"broken characters": 1}


def test_filters_take_texts_and_records_of_which_no_text_is_left(tmp_path):
    items = [found("short", en="Zinc."), found("half", 2, en="Zinc.", ja=JA * 3), found("long", 3, en=EN * 9)]
    items += [found("none", 4), Filtered("low score", Place("file", 5))]
    items += [Found("zh", Place("file", 6), {"zh": "锌"}), found("mixed", 7, ja="味 taste and smell of zinc")]
    documents, counts, lines = gathered(tmp_path, *items, rules=Rules(min_chars=12, max_chars=100, script=0.5))
    assert documents == [Document("half", ja=JA * 3)]
    reasons = {"too short": 1, "too long": 1, "no text": 1, "low score": 1, "language": 1, "script": 1}
    assert (counts["filtered_reasons"], counts["filtered"], lines) == (reasons, 6, [])
    assert counts["filtered_texts"] == {"too short": 2, "too long": 1, "language": 1, "script": 1}
    assert gathered(tmp_path, *items)[1]["filtered_reasons"] == {"no text": 1, "low score": 1, "language": 1}


def test_the_share_of_a_script_counts_letters_only():
    assert script.share("Zinc 亜鉛, 12 mg!", "en") == 6 / 8
    assert script.share("Zinc 亜鉛, 12 mg!", "ja") == 2 / 8
    assert script.share("é ｱ ー 𠮷 Ω", "ja") == 3 / 5
    assert script.share("123", "en") == script.share("", "ja") == 0
    assert script.fits("β-カロテン", "ja")
    assert not script.fits("ααα βββ x", "en")


@pytest.mark.parametrize(
    ("word", "language"), [("en-US", "en"), ("English", "en"), ("jpn", "ja"), ("JA_jp", "ja"), ("fr", None), ("", None)]
)
def test_languages_are_known_by_any_of_their_names(word, language):
    assert script.named(word) == language


def test_too_many_faulty_records_stop_and_the_first_are_named(tmp_path):
    bad = [Faulty("broken JSON", Place("in.jsonl", n), "{", "why" if n == 2 else "") for n in (2, 5, 7, 9)]
    items = [found(f"d{n}", en=EN) for n in range(396)]
    assert gathered(tmp_path, *items, *bad)[1]["quarantined"] == 4
    tally = intake.Tally(records=400)
    for one in bad:
        tally.note(one)
    intake.judge(tally, 0.01, tmp_path)
    tally.records = 399
    with pytest.raises(UserError) as error:
        intake.judge(tally, 0.01, tmp_path / "quarantine.jsonl")
    assert str(error.value) == (
        "4 of 399 records are faulty (1.00%, --max-bad is 1.00%): broken JSON 4; the first: in.jsonl, line 2: "
        "broken JSON (why); in.jsonl, line 5: broken JSON; in.jsonl, line 7: broken JSON; all stand in "
        f"{tmp_path}/quarantine.jsonl: mend the input, or raise --max-bad"
    )


def test_an_input_that_is_surely_bad_stops_before_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "SURELY_BAD", 20)
    items = [Faulty("broken JSON", Place("file", n), "") for n in range(1, 1001)]
    assert gathered(tmp_path, found("a", en=EN), *items, max_bad=0.5)[1]["records"] == 21
    assert gathered(tmp_path, found("a", en=EN), *items, max_bad=1.0)[1]["records"] == 1001


@pytest.mark.parametrize(("word", "share"), [("1%", 0.01), ("0.01", 0.01), (" 2.5 % ", 0.025), ("0", 0), ("100%", 1)])
def test_a_share_is_a_percentage_or_a_number(word, share):
    assert share_of(word, "--max-bad") == share


@pytest.mark.parametrize("word", ["", "2", "-1%", "101%", "one", "1%%"])
def test_what_is_no_share_is_refused(word):
    with pytest.raises(UserError, match=r"--max-bad .*a share is needed, as 1% or 0\.01"):
        share_of(word, "--max-bad")


def english(n):
    return {"docid": f"d{n}", "title": f"Zinc {n}", "abstract": f"{EN} {n}"}


def japanese(n):
    return {"docid": f"d{n}", "title": f"亜鉛{n}", "abstract": f"{JA}{n}"}


def test_the_verb_joins_two_files_and_the_card_tells_all_of_it(tmp_path, capsys):
    en = jsonl_file(tmp_path / "en.jsonl", [english(n) for n in range(12)])
    ja = jsonl_file(tmp_path / "ja.jsonl", [japanese(n) for n in range(14, 2, -1)] + ["broken"])
    out = str(tmp_path / "corpus")
    words = ["read", "--format", "jstage", str(en), "--licence", "CC0", "--format", "jstage", str(ja)]
    assert verb.run([*words, "--out", out, "--max-bad", "5%", "--min-chars=3"]) == 0
    corpus = Corpus(out)
    corpus.check()
    assert [document.id for document in corpus] == [f"d{n}" for n in [*range(12), 14, 13, 12]]
    assert corpus[5].titles == {"en": "Zinc 5", "ja": "亜鉛5"}
    assert (corpus[5].source, corpus[5].licence) == ("J-STAGE", "CC0")
    verb.run(["show", out, "--json"])
    card = json.loads(capsys.readouterr().out)
    expected = {
        "documents": 15, "records": 25, "read": 15, "merged": 9, "superseded": 0, "filtered": 0, "quarantined": 1,
        "reasons": {"no record": 1}, "languages": {"en": 12, "ja": 12}, "pairs": 9, "sources": {"J-STAGE": 15},
        "licences": {"CC0": 12},
    }  # fmt: skip
    assert {name: card[name] for name in expected} == expected
    lengths = sorted(len(f"{EN} {n}") for n in range(12))
    assert card["lengths"]["en"] == {"min": lengths[0], "median": lengths[5], "mean": 29.2, "max": lengths[-1]}
    files = card["source"]["read"]["files"]
    assert [(file["file"], file["bytes"]) for file in files] == [(str(path), path.stat().st_size) for path in (en, ja)]
    assert files[0]["options"] == {"licence": "CC0"}
    assert card["source"]["read"]["rules"] == {"min_chars": 3}
    (line,) = (tmp_path / "corpus/quarantine.jsonl").read_text().splitlines()
    told = {"reason": "no record", "file": str(ja), "line": 13, "detail": "a JSON object is needed, this is a str"}
    assert json.loads(line) == told | {"record": '"broken"'}
    assert sorted(path.name for path in (tmp_path / "corpus").iterdir()) == [
        ".lock", "card.json", "documents", "quarantine.jsonl",
    ]  # fmt: skip


def test_a_run_that_stops_for_faulty_records_leaves_the_quarantine_file_and_the_corpus_before(tmp_path):
    good = jsonl_file(tmp_path / "good.jsonl", [{"id": "a", "en": EN}])
    bad = jsonl_file(tmp_path / "bad.jsonl", [{"id": "a", "en": EN}, {"id": "b"}])
    out = tmp_path / "corpus"
    verb.run(["read", "--format", "jsonl", str(good), "--out", str(out)])
    with pytest.raises(UserError, match=r"1 of 2 records are faulty .*bad\.jsonl, line 2: no text"):
        verb.run(["read", "--format", "jsonl", str(bad), "--out", str(out)])
    assert len((out / "quarantine.jsonl").read_text().splitlines()) == 1
    assert [document.id for document in Corpus(out)] == ["a"]


def test_an_input_without_documents_says_why(tmp_path):
    empty = jsonl_file(tmp_path / "a.jsonl", [{"docid": "a", "abstract": None}])
    words = ["read", "--format", "jstage", str(empty), "--out", str(tmp_path / "corpus")]
    with pytest.raises(UserError, match="none of 1 records became a document: no text 1"):
        verb.run(words)


STOPPED = """
import os, signal, sys
from jaxmlda.corpus import join
from jaxmlda.verbs import corpus
add = join.Join.add
def counted(self, part):
    if self.documents == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return add(self, part)
join.Join.add = counted
corpus.run(sys.argv[1:])
"""


def test_a_killed_run_begins_again_and_gives_the_same_corpus(tmp_path):
    path = jsonl_file(tmp_path / "a.jsonl", [{"id": f"d{n}", "en": f"{EN} {n}"} for n in range(9)])
    words = ["read", "--format", "jsonl", str(path), "--out", str(tmp_path / "killed")]
    done = subprocess.run([sys.executable, "-c", STOPPED, *words], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "killed/.work/join.sqlite").exists()
    assert verb.run(words) == 0
    assert verb.run([*words[:-1], str(tmp_path / "whole")]) == 0
    assert Corpus(tmp_path / "killed").digest == Corpus(tmp_path / "whole").digest
    assert not (tmp_path / "killed/.work").exists()


def test_the_same_records_from_other_files_and_formats_are_the_same_documents(tmp_path):
    (tmp_path / "a.csv").write_text(f'id,en\na,"{EN}"\nb,{EN}\n')
    jsonl_file(tmp_path / "a.jsonl", [{"id": "a", "en": EN}, {"id": "b", "en": EN}])
    cards = [
        intake.read([inputs.make(name, [str(tmp_path / f"a.{name}")], {})], tmp_path / name)
        for name in ("csv", "jsonl")
    ]
    assert cards[0]["digest"] == cards[1]["digest"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--language", "en", "--format", "jsonl", "IN"], "--language: stands before the first --format"),
        (
            ["--format", "jsonl", "IN", "--column", "en"],
            "--column en: not understood; it is given as --column NAME=VALUE",
        ),
        (["--format", "jsonl", "IN", "--column", "en=a", "en=b"], "--column en=b: en is given twice"),
        (["--format", "csv", "IN", "--option", "language=en"], "--option language: has an option of its own name"),
        (["--format", "jsonl", "IN", "--min-chars=9", "--max-chars=3"], "--min-chars and --max-chars"),
        (["--format", "jsonl", "absent.jsonl"], "absent.jsonl: there is no such file or folder"),
    ],
)
def test_words_that_cannot_be_right_are_told(tmp_path, words, message):
    path = jsonl_file(tmp_path / "a.jsonl", [{"id": "a", "en": EN}])
    given = [str(path) if word == "IN" else word for word in words]
    with pytest.raises(UserError, match=message):
        verb.run(["read", *given, "--out", str(tmp_path / "corpus")])


def test_the_help_names_every_format_and_its_options(capsys):
    with pytest.raises(SystemExit):
        verb.run(["read", "--help"])
    told = capsys.readouterr().out
    for word in ("jstage_raw", "huggingface", "pubmed_xml", "--option medical=False", "--max-bad"):
        assert word in told


def test_a_cleaner_gives_what_readers_give_as_plain_lists():
    part = Cleaner(Rules())(found("a", en=EN, keywords={"en": ("zinc", " ")}, qa=(("en", "Q?", "A"),), year=99999))
    assert (part.keywords, part.qa, part.year) == ({"en": ["zinc"]}, [["en", "Q?", "A"]], 0)
