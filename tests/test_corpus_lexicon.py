"""Lexicons: dictionaries of four formats become terms that are found in texts and lead to the other language."""

import gzip
import json
import re

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus import Document, embedded, lexicons, write
from jaxmlda.corpus import lexicon as rooms
from jaxmlda.corpus.lexicon import Lexicon, Term
from jaxmlda.corpus.lexicons.gloss import plain
from jaxmlda.errors import UserError
from jaxmlda.storage import read_json, read_lines, read_table, write_table
from jaxmlda.verbs import corpus as verb
from jaxmlda.world import World

MRCONSO = """\
C0043481|ENG|P|L0043481|PF|S0107142|Y|A0000001||M0023088|D015032|MSH|MH|D015032|Zinc|0|N||
C0043481|ENG|S|L0043482|PF|S0107143|Y|A0000002||||MSH|SY|D015032|Zn element|0|N||
C0043481|ENG|S|L0043483|PF|S0107144|Y|A0000003||||MSH|SY|D015032|old zinc|0|O||
C0043481|JPN|P|L9000001|PF|S9000001|Y|A9000001||M0023088|D015032|MSHJPN|PT|D015032|亜鉛|3|N||
C0043481|FRE|P|L9000002|PF|S9000002|Y|A9000002||||MSHFRE|PT|D015032|zinc|3|N||
C0000002|ENG|P|L0000002|PF|S0000002|Y|A0000004||||MSH|MH|D000002|Lonely|0|N||
C0000003|ENG|P|L0000003|PF|S0000003|Y|A0000005||||MSH|MH|D000003|Taste|0|N|
"""
JMDICT = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE JMdict [
<!ENTITY n "noun (common) (futsuumeishi)">
<!ENTITY uk "word usually written using kana alone">
]>
<JMdict>
<entry>
<ent_seq>1000010</ent_seq>
<k_ele><keb>風邪</keb></k_ele>
<k_ele><keb>感冒</keb></k_ele>
<r_ele><reb>かぜ</reb></r_ele>
<r_ele><reb>かんぼう</reb></r_ele>
<sense><stagk>風邪</stagk><stagr>かぜ</stagr><pos>&n;</pos><gloss>cold (illness)</gloss><gloss>common cold</gloss>
<gloss xml:lang="ger">Erkältung</gloss></sense>
<sense><misc>&uk;</misc><gloss>influenza</gloss></sense>
</entry>
<entry><ent_seq>1000020</ent_seq><r_ele><reb>刃</reb></r_ele><sense><gloss xml:lang="ger">Klinge</gloss></sense>
</entry>
<entry>
<ent_seq>1000030</ent_seq><sense><gloss>nothing</gloss></sense></entry>
</JMdict>
"""
EDICT = """\
　？？？ /EDICT, EDICT_SUB(P), EDICT2 Japanese-English Electronic Dictionary Files/
亜鉛 [あえん] /(n) zinc (Zn)/(P)/
風邪(P);感冒 [かぜ(P);かんぼう] /(n) (1) cold (illness)/common cold/(2) influenza/EntL1000010X/
くすり /(n) (uk) drug/
これは何か
"""


def terms_of(name, path, tmp_path):
    """Terms and counts of a file."""
    with (tmp_path / "quarantine").open("w") as stream:
        log = lexicons.Log(stream)
        found = list(lexicons.read(name, [path], log))
    faults = [record for _, record in read_lines(tmp_path / "quarantine")]
    return found, log.counts(), faults


def made(tmp_path, *terms):
    rooms.write(tmp_path / "l.parquet", terms)
    return Lexicon.read(tmp_path / "l.parquet")


@pytest.fixture
def corpus(tmp_path):
    write([Document("a", en="zinc", ja="亜鉛")], tmp_path / "corpus", {})
    return tmp_path / "corpus"


def test_umls_terms_are_joined_on_their_concept_and_filtered(tmp_path):
    path = tmp_path / "MRCONSO.RRF.gz"
    path.write_bytes(gzip.compress(MRCONSO.encode()))
    found, counts, faults = terms_of("mrconso", path, tmp_path)
    assert found == [
        Term("C0043481", "en", "Zinc", True),
        Term("C0043481", "en", "Zn element", False),
        Term("C0043481", "ja", "亜鉛", True),
    ]
    filtered = {"another language": 1, "no Japanese term of the concept": 1, "suppressed": 1}
    assert counts == {"records": 7, "kept": 3, "filtered": filtered, "faulty": 1}
    assert (faults[0]["file"], faults[0]["line"]) == (str(path), 7)
    assert faults[0]["reason"] == "17 columns closed by a pipe, not 18"


def test_jmdict_senses_are_concepts_and_entities_of_the_file_are_opened(tmp_path):
    path = tmp_path / "JMdict.xml"
    path.write_text(JMDICT)
    found, counts, faults = terms_of("jmdict", path, tmp_path)
    assert found == [
        Term("1000010-1", "ja", "風邪", True),
        Term("1000010-1", "ja", "かぜ", False),
        Term("1000010-1", "en", "cold", True),
        Term("1000010-1", "en", "common cold", False),
        Term("1000010-2", "ja", "かぜ", True),
        Term("1000010-2", "ja", "かんぼう", False),
        Term("1000010-2", "ja", "風邪", False),
        Term("1000010-2", "ja", "感冒", False),
        Term("1000010-2", "en", "influenza", True),
    ]
    assert counts == {"records": 3, "kept": 1, "filtered": {"no English gloss": 1}, "faulty": 1}
    expected = next(n for n, line in enumerate(JMDICT.splitlines(), 1) if line == "<entry>" and n > 10)
    assert (faults[0]["line"], faults[0]["reason"]) == (expected, "an entry without ent_seq or without a form")


@pytest.mark.parametrize(
    "declared", ['<!ENTITY a "&b;&b;">', '<!ENTITY a SYSTEM "file:///etc/passwd">', '<!ENTITY % a "b">', "<!ENTITY a"]
)
def test_entities_that_are_no_plain_text_are_refused(tmp_path, declared):
    path = tmp_path / "bad.xml"
    path.write_text(JMDICT.replace('<!ENTITY uk "word', f'{declared}\n<!ENTITY uk "word'))
    with pytest.raises(UserError, match=r"bad\.xml, line 4: an entity that is no plain text"):
        terms_of("jmdict", path, tmp_path)


def test_a_torn_jmdict_is_refused_with_its_line(tmp_path):
    path = tmp_path / "torn.xml"
    path.write_text("\n".join(JMDICT.splitlines()[:9]))
    with pytest.raises(UserError, match=r"torn\.xml, line \d+: not XML"):
        terms_of("jmdict", path, tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "euc_jp"])
def test_edict_in_both_encodings_gives_the_same_terms(tmp_path, encoding):
    path = tmp_path / "edict"
    path.write_bytes(EDICT.encode(encoding))
    found, counts, faults = terms_of("edict", path, tmp_path)
    assert [(term.concept.partition(":")[2], *term[1:]) for term in found] == [
        ("2-1", "ja", "亜鉛", True),
        ("2-1", "ja", "あえん", False),
        ("2-1", "en", "zinc", True),
        ("3-1", "ja", "風邪", True),
        ("3-1", "ja", "感冒", False),
        ("3-1", "ja", "かぜ", False),
        ("3-1", "ja", "かんぼう", False),
        ("3-1", "en", "cold", True),
        ("3-1", "en", "common cold", False),
        ("3-2", "ja", "風邪", True),
        ("3-2", "ja", "感冒", False),
        ("3-2", "ja", "かぜ", False),
        ("3-2", "ja", "かんぼう", False),
        ("3-2", "en", "influenza", True),
        ("4-1", "ja", "くすり", True),
        ("4-1", "en", "drug", True),
    ]
    assert counts == {"records": 5, "kept": 3, "filtered": {"header": 1}, "faulty": 1}
    assert (faults[0]["line"], faults[0]["text"]) == (5, "これは何か")


@pytest.mark.parametrize(
    ("gloss", "bare"),
    [
        ("(n) (1) cold (illness)", "cold"),
        ("(adj-na,n) {med} acute", "acute"),
        ("(+)-catechin", "(+)-catechin"),
        ("vitamin B(12) deficiency", "vitamin B(12) deficiency"),
        ("(P)", ""),
        ("to take (medicine) orally", "to take (medicine) orally"),
    ],
)
def test_remarks_around_a_gloss_are_taken_off(gloss, bare):
    assert plain(gloss) == bare


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("zinc\t亜鉛\ntaste\t味覚\n", ["t.tsv:1", "t.tsv:2"]),
        ("\ufeffen\tja\nzinc\t亜鉛\n\ntaste\t味覚\n", ["t.tsv:2", "t.tsv:4"]),
        ("zinc\t亜鉛\tC1\ntaste\t味覚\tC2\n", ["C1", "C2"]),
        ("concept\tterm_ja\tterm_en\r\nC1\t亜鉛\tzinc\r\nC2\t味覚\ttaste\r\n", ["C1", "C2"]),
    ],
)
def test_plain_tables_with_and_without_header_and_concept(tmp_path, text, concepts):
    path = tmp_path / "t.tsv"
    path.write_bytes(text.encode())
    found, counts, _ = terms_of("tsv", path, tmp_path)
    pairs = zip(concepts, ("zinc", "taste"), ("亜鉛", "味覚"), strict=True)
    assert found == [
        Term(concept, lang, term, True) for concept, en, ja in pairs for lang, term in (("en", en), ("ja", ja))
    ]
    assert counts["kept"] == 2


def test_bad_rows_of_a_table_are_named_each_with_its_reason(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes("zinc\t亜鉛\none\n\t空\n亜鉛\tzinc\n".encode() + b"x\t\xff\n")
    found, counts, faults = terms_of("tsv", path, tmp_path)
    assert len(found) == 2
    assert counts == {"records": 5, "kept": 1, "filtered": {}, "faulty": 4}
    assert [(fault["line"], fault["reason"].partition(";")[0].partition(" (")[0]) for fault in faults] == [
        (2, "1 columns, not 2"),
        (3, "an empty column"),
        (4, "Japanese stands in the English column"),
        (5, "not utf-8"),
    ]


def test_a_torn_gz_file_is_refused(tmp_path):
    path = tmp_path / "t.tsv.gz"
    path.write_bytes(gzip.compress(b"zinc\tx\n" * 1000)[:-9])
    with pytest.raises(UserError, match="cannot be unpacked"):
        terms_of("tsv", path, tmp_path)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, bytes])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("name", "text"), [("tsv", "zinc\t亜鉛\r\ntaste\t味覚\r\n"), ("jmdict", JMDICT), ("edict", EDICT)]
)
def test_a_packed_dictionary_and_one_in_utf16_give_the_same_terms(tmp_path, pack, encoding, name, text):
    paths = [tmp_path / "plain" / "d", tmp_path / "packed" / "d"]
    said = text.replace('encoding="UTF-8"', f'encoding="{encoding.removesuffix("-sig")}"')
    for path, data in zip(paths, (text.encode(), pack(said.encode(encoding))), strict=True):
        path.parent.mkdir()
        path.write_bytes(data)
    (found, counts, _), (expected, told, _) = (terms_of(name, path, tmp_path) for path in paths)
    assert (found, counts) == (expected, told)
    assert len(found) > 3


def test_a_torn_zst_file_is_refused(tmp_path):
    path = tmp_path / "t.tsv.zst"
    path.write_bytes(zstandard.compress(b"zinc\tx\n" * 1000)[:-3])
    with pytest.raises(UserError, match=r"t\.tsv\.zst: cannot be unpacked"):
        terms_of("tsv", path, tmp_path)


def test_two_files_of_one_name_do_not_share_concepts(tmp_path):
    for folder, line in (("a", "zinc\t亜鉛\n"), ("b", "taste\t味覚\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.tsv").write_text(line)
    with pytest.raises(UserError, match=r"a/t\.tsv and .*b/t\.tsv: concepts are called after the file's name"):
        lexicons.check("tsv", [tmp_path / "a/t.tsv", tmp_path / "b/t.tsv"])
    lexicons.check("mrconso", [tmp_path / "a/t.tsv", tmp_path / "b/t.tsv"])


def test_translations_come_preferred_first_and_in_a_stable_order(tmp_path):
    lexicon = made(
        tmp_path,
        Term("C3", "en", "cold", False),
        Term("C3", "ja", "寒さ", True),
        Term("C2", "en", "Cold", True),
        Term("C2", "en", "common cold", False),
        Term("C2", "ja", "風邪", True),
        Term("C2", "ja", "感冒", False),
        Term("C1", "en", "cold", False),
        Term("C1", "ja", "冷感", False),
    )
    # Preferred translations, those of the concept that cold is the preferred name of before the others.
    assert lexicon.translations("COLD", "en") == ("風邪", "寒さ", "感冒", "冷感")
    assert lexicon.translations("感冒", "ja") == ("Cold", "common cold")
    assert lexicon.synonyms("cold", "en") == ("common cold",)
    assert lexicon.synonyms("風邪", "ja") == ("感冒",)
    assert lexicon.translations("unknown", "en") == lexicon.synonyms("未知", "ja") == ()


def test_a_lexicon_comes_back_the_same_whatever_the_order_of_its_terms(tmp_path):
    terms = list(embedded.terms(World(documents=12)))
    first = rooms.write(tmp_path / "a.parquet", terms)
    second = rooms.write(tmp_path / "b.parquet", [*terms[::-1], *terms])
    assert first == second
    stored = Lexicon.read(tmp_path / "a.parquet")
    assert set(stored) == set(terms)
    assert list(stored) == sorted(set(terms), key=lambda one: (one.concept, one.language, not one.preferred, one.term))
    assert stored.digest == first["digest"] != made(tmp_path, *terms[:-1]).digest


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_name_in_a_document_of_the_world_is_found_and_translated(tmp_path, language):
    world = World(documents=12)
    lexicon, other = made(tmp_path, *embedded.terms(world)), {"en": "ja", "ja": "en"}[language]
    for abstract in world:
        text = abstract.texts[language]
        spans = lexicon.find(text, language)
        for fact in abstract.facts:
            start, end = fact.answer[language]
            assert any(first <= start and end <= stop for first, stop in spans)
            assert lexicon.translations(text[start:end], language)[0] == fact.object.name(other)


def test_english_terms_stand_at_the_edges_of_words_and_the_longest_wins(tmp_path):
    lexicon = made(
        tmp_path,
        *(
            Term(str(n), "en", term, True)
            for n, term in enumerate(("heart", "heart attack", "TNF-α", "(+)-catechin", "a"))
        ),
    )
    text = "A HEART attack, hearts; sweetheart heart\nattack of tnf-Α and TNF-αβ: (+)-catechin heart"
    assert [text[start:stop] for start, stop in lexicon.find(text, "en")] == [
        "HEART attack",
        "heart\nattack",
        "tnf-Α",
        "(+)-catechin",
        "heart",
    ]


def test_japanese_terms_stand_anywhere_but_do_not_cut_latin_words_or_numbers(tmp_path):
    lexicon = made(
        tmp_path,
        *(Term(str(n), "ja", term, True) for n, term in enumerate(("亜鉛", "亜鉛欠乏", "CT", "血", "B12", "鉛欠乏症"))),
    )
    text = "血中亜鉛欠乏症はCT画像とACTH、B12とB123、亜鉛。"
    assert [text[start:stop] for start, stop in lexicon.find(text, "ja")] == ["亜鉛欠乏", "CT", "B12", "亜鉛"]


def slow_find(lexicon, text, language):
    """Every place from the left, every length from the longest, with a regular expression for the edges."""
    inside = r"\w" if language == "en" else "[0-9A-Za-z]"
    names = {term.term for term in lexicon if term.language == language and len(term.term) > 1}
    spans, place = [], 0
    while place < len(text):
        hits = [
            name
            for name in names
            if re.compile(
                rf"(?:(?<!{inside})|(?!{inside})){re.escape(name)}(?:(?<!{inside})|(?!{inside}))",
                re.IGNORECASE if language == "en" else 0,
            ).match(text, place)
        ]
        length = max(map(len, hits), default=0)
        if length:
            spans.append((place, place + length))
        place += length or 1
    return spans


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["en", "ja"]),
    st.lists(st.text("abB-1( 亜鉛", min_size=1, max_size=4).map(str.strip).filter(bool), min_size=1, max_size=8),
    st.text("abB-1( 亜鉛", max_size=25),
)
def test_found_spans_are_those_of_a_slow_search(tmp_path_factory, language, names, text):
    lexicon = Lexicon(
        pa.table(
            [[str(n) for n in range(len(names))], [language] * len(names), names, [True] * len(names)],
            schema=rooms.SCHEMA,
        )
    )
    assert lexicon.find(text, language) == slow_find(lexicon, text, language)


def test_folding_keeps_the_length_of_letters_that_grow_in_small(tmp_path):
    lexicon = made(tmp_path, Term("C", "en", "İzmir fever", True))
    assert lexicon.find("of İZMIR FEVER.", "en") == [(3, 14)]


def test_what_is_no_lexicon_is_refused(tmp_path):
    write_table(tmp_path / "t.parquet", pa.table({"term": ["a"]}))
    with pytest.raises(UserError, match=r"t\.parquet: no lexicon"):
        Lexicon.read(tmp_path / "t.parquet")
    write_table(tmp_path / "fr.parquet", pa.table([["c"], ["fr"], ["zinc"], [True]], schema=rooms.SCHEMA))
    with pytest.raises(UserError, match=r"fr\.parquet: terms of the language fr"):
        Lexicon.read(tmp_path / "fr.parquet")
    with pytest.raises(UserError, match="no term came"):
        rooms.write(tmp_path / "none.parquet", [])
    with pytest.raises(UserError, match="is no term of English or Japanese"):
        rooms.write(tmp_path / "none.parquet", [Term("c", "fr", "zinc", True)])


def test_the_verb_stores_a_lexicon_beside_the_corpus_and_sets_bad_lines_aside(corpus, tmp_path, caplog):
    table = tmp_path / "t.tsv"
    table.write_text("zinc\t亜鉛\n" * 3 + "bad\n")
    words = ["lexicon", str(corpus), str(table), "--format=tsv", "--name=mine"]
    quarantine = corpus / "lexicons" / "mine.quarantine.jsonl"
    with pytest.raises(UserError, match=r"t\.tsv, line 4: 1 columns, not 2 \(first of 1 faulty records of 4"):
        verb.run(words)
    assert not (corpus / "lexicons" / "mine.parquet").exists()
    assert json.loads(quarantine.read_text())["text"] == "bad"
    with caplog.at_level("INFO", "jaxmlda"):
        assert verb.run([*words, "--max-bad=0.25"]) == 0
    assert "'kept': 3, 'filtered': {}, 'faulty': 1" in caplog.messages[-1]
    assert Lexicon.read(corpus / "lexicons" / "mine.parquet").translations("zinc", "en") == ("亜鉛",)
    assert quarantine.exists()
    table.write_text("zinc\t亜鉛\n")
    verb.run(words)
    assert not quarantine.exists()


def test_the_verb_names_what_it_cannot_use(corpus, tmp_path):
    table = tmp_path / "t.tsv"
    table.write_text("zinc\t亜鉛\n")
    cases = {
        r"no such format of lexicons; there are edict, jmdict": [str(corpus), str(table), "--format=csv", "--name=a"],
        r"gone: there is no such file": [str(corpus), str(tmp_path / "gone"), "--format=tsv", "--name=a"],
        r"'a/b': the name of a lexicon": [str(corpus), str(table), "--format=tsv", "--name=a/b"],
        r"holds no corpus": [str(tmp_path), str(table), "--format=tsv", "--name=a"],
    }
    for fault, words in cases.items():
        with pytest.raises(UserError, match=fault):
            verb.run(["lexicon", *words])


def test_what_cannot_be_read_is_told_before_a_bar_or_a_file_is_made(corpus, tmp_path, capsys):
    table = tmp_path / "t.tsv"
    table.write_text("zinc\t亜鉛\n")
    cases = {
        "--format cvs: there is no such format": [str(table), "--format=cvs"],
        f"{tmp_path}: is a folder; name the files in it": [str(table), str(tmp_path), "--format=tsv"],
        f"{tmp_path}/gone: there is no such file": [str(table), f"{tmp_path}/gone", "--format=tsv"],
    }
    for fault, words in cases.items():
        with pytest.raises(UserError, match=re.escape(fault)):
            verb.run(["lexicon", str(corpus), *words, "--name=mine"])
    assert capsys.readouterr().err == ""
    assert not (corpus / "lexicons").exists()


def test_a_world_comes_with_its_lexicon_which_can_be_kept_under_another_name(tmp_path):
    out = str(tmp_path)
    verb.run(["world", "--documents=6", "--seed=3", "--out", out])
    card = read_json(tmp_path / "card.json")
    verb.run(["lexicon", out, f"{out}/lexicons/world.parquet", "--format=stored", "--name=umls"])
    tables = [read_table(tmp_path / "lexicons" / f"{name}.parquet") for name in ("world", "umls")]
    assert tables[0] == tables[1]
    assert set(Lexicon(tables[0])) == set(embedded.terms(World(seed=3, documents=6)))
    assert read_json(tmp_path / "card.json") == card
