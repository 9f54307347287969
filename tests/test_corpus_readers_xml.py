"""Readers of XML: PubMed, TMX, MedTxt-CR. A broken record costs itself; nothing is loaded, nothing raises."""

import gzip
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from formats_case_b import SAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus.formats import READERS, Deleted, Faulty, Filtered, Found, Item, Place, xml_pieces, xml_records

XML = ["tmx", "pubmed_xml", "medtxt"]
# Characters that XML may hold, without those that a parser makes line feeds of.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1)
TEXTS = TEXTS.map(str.strip).filter(bool)

CITATION = """<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="2">99000001</PMID>
<Article PubModel="Print"><Journal><JournalIssue><PubDate><Year>2020</Year></PubDate></JournalIssue>
<Title>J Ex Med</Title></Journal><ArticleTitle>[Zinc and <i>taste</i>].</ArticleTitle>
<Abstract><AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">Zinc is
  needed: Zn<sup>2+</sup> &lt; 3.</AbstractText><AbstractText Label="RESULTS">Taste improved.</AbstractText>
<AbstractText>Done.</AbstractText><CopyrightInformation>Copyright 2020 The Society.</CopyrightInformation></Abstract>
<Language>jpn</Language><VernacularTitle>亜鉛と味覚</VernacularTitle></Article>
<MeshHeadingList><MeshHeading><DescriptorName UI="D015032">Zinc</DescriptorName><QualifierName>blood</QualifierName>
</MeshHeading><MeshHeading><DescriptorName>Taste</DescriptorName></MeshHeading></MeshHeadingList>
<KeywordList><Keyword>dysgeusia</Keyword></KeywordList><CommentsCorrectionsList><CommentsCorrections>
<PMID Version="1">11111111</PMID></CommentsCorrections></CommentsCorrectionsList>
<OtherAbstract Type="Publisher" Language="fre"><AbstractText>Le zinc.</AbstractText></OtherAbstract>
<OtherAbstract Language="jpn"><AbstractText Label="背景">亜鉛は必要である。</AbstractText></OtherAbstract>
</MedlineCitation><PubmedData/></PubmedArticle>"""
DELETED = '<DeleteCitation><PMID Version="1">98000000</PMID>\n<PMID Version="1">98000001</PMID></DeleteCitation>'


def read(name: str, path: Path, **options: object) -> list[Item]:
    """Every item of a file."""
    reader = READERS[name]
    return list(reader.read(path, reader.options(**options)))


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def reasons(items: list[Item]) -> list[str]:
    return [getattr(item, "reason", type(item).__name__) for item in items]


def pubmed(*records: str) -> str:
    return "\n".join(['<?xml version="1.0"?>', "<PubmedArticleSet>", *records, "</PubmedArticleSet>"])


def small(pmid: str, article: str) -> str:
    citation = f"<PMID>{pmid}</PMID><Article>{article}</Article>"
    return f"<PubmedArticle><MedlineCitation>{citation}</MedlineCitation></PubmedArticle>"


def unit(en: str, ja: str, tuid: str = "1") -> str:
    tuvs = f'<tuv xml:lang="en"><seg>{en}</seg></tuv><tuv xml:lang="ja"><seg>{ja}</seg></tuv>'
    return f"<tu tuid={quoteattr(tuid)}>{tuvs}</tu>"


def tmx(*units: str) -> str:
    return "\n".join(['<tmx version="1.4"><header><note>n</note></header><body>', *units, "</body></tmx>"])


@pytest.mark.parametrize("name", XML)
@pytest.mark.parametrize("block", [7, 1 << 20])
def test_every_record_of_a_sample_is_found_whatever_the_blocks(name: str, block: int, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(xml_pieces, "BLOCK", block)
    items = read(name, SAMPLES[name](tmp_path, 5)[0])
    assert reasons(items) == ["Found"] * 5
    assert len({item.id for item in items}) == 5
    assert all(f"亜鉛{n}は味覚に必要である。" in item.texts["ja"] for n, item in enumerate(items))


@pytest.mark.parametrize("name", XML)
def test_a_file_cut_at_any_byte_keeps_what_was_whole_and_gives_one_fault(name: str, tmp_path: Path):
    (path,) = SAMPLES[name](tmp_path, 2)
    whole = path.read_bytes().rstrip()
    expected = read(name, path)
    for end in range(len(whole)):
        items = read(name, written(path, whole[:end]))
        found = [item for item in items if isinstance(item, Found)]
        assert found == expected[: len(found)]
        # Articles need no root: a file that ends after one is whole.
        clean = name == "medtxt" and whole[:end].rstrip().endswith(b"</article>")
        assert reasons(items) == ["Found"] * len(found) + ["broken XML"] * (not clean)


@pytest.mark.parametrize("name", XML)
@pytest.mark.parametrize("damage", [b"\xff", b"<", b"&", b"\0"])
def test_a_wrong_byte_anywhere_in_a_record_costs_that_record_alone(name: str, damage: bytes, tmp_path: Path):
    (path,) = SAMPLES[name](tmp_path, 3)
    whole = path.read_bytes()
    expected = read(name, path)
    tag = {"tmx": b"tu", "pubmed_xml": b"PubmedArticle", "medtxt": b"article"}[name]
    starts = [place for place in range(len(whole)) if whole[place:].startswith((b"<" + tag + b" ", b"<" + tag + b">"))]
    for place in range(starts[1], starts[2] - 1):
        if whole[place : place + 1] in (b"\n", damage):
            continue
        items = read(name, written(path, whole[:place] + damage + whole[place + 1 :]))
        assert [item for item in items if isinstance(item, Found) and item.id != expected[1].id] == [
            expected[0],
            expected[2],
        ]
        assert reasons(items)[1] != "Found"
        assert len(items) == 3


def test_a_citation_gives_what_it_says(tmp_path: Path):
    path = written(tmp_path / "p.xml", pubmed(CITATION, DELETED))
    place = Place(str(path), 3)
    assert read("pubmed_xml", path) == [
        Found(
            "99000001",
            place,
            {
                "en": "BACKGROUND: Zinc is needed: Zn2+ < 3.\nRESULTS: Taste improved.\nDone.",
                "ja": "背景: 亜鉛は必要である。",
            },
            titles={"en": "Zinc and taste.", "ja": "亜鉛と味覚"},
            keywords={"en": ["dysgeusia", "Zinc", "Taste"]},
            subjects=["Zinc", "Taste"],
            year=2020,
            source="PubMed",
            licence="Copyright 2020 The Society.",
            version=2,
        ),
        Deleted("98000000", Place(str(path), 17)),
        Deleted("98000001", Place(str(path), 17)),
    ]


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("<PubDate><MedlineDate>2019 Nov-2020 Jan</MedlineDate></PubDate>", 2019),
        ("<PubDate><MedlineDate>Winter</MedlineDate></PubDate>", 0),
        ("<PubDate><Year>1998</Year><Month>Jul</Month></PubDate>", 1998),
        ("", 0),
    ],
)
def test_the_year_is_the_first_that_the_issue_names(date: str, year: int, tmp_path: Path):
    issue = f"<Journal><JournalIssue>{date}</JournalIssue></Journal>"
    text = pubmed(small("1", f"{issue}<Abstract><AbstractText>A</AbstractText></Abstract>"))
    assert [item.year for item in read("pubmed_xml", written(tmp_path / "p.xml", text))] == [year]


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("[Not Available].", {}),
        ("[18F]FDG in [11C].", {"en": "[18F]FDG in [11C]."}),
        ("[Zinc]", {"en": "Zinc"}),
        ("", {}),
    ],
)
def test_brackets_go_only_where_they_hold_the_whole_title(title: str, kept: dict[str, str], tmp_path: Path):
    text = f"<ArticleTitle>{title}</ArticleTitle><Abstract><AbstractText>A</AbstractText></Abstract>"
    assert read("pubmed_xml", written(tmp_path / "p.xml", pubmed(small("1", text))))[0].titles == kept


def test_a_citation_without_an_abstract_is_filtered_and_one_without_a_pmid_faulty(tmp_path: Path):
    abstract = "<Abstract><AbstractText>A</AbstractText></Abstract>"
    records = [
        small("1", "<ArticleTitle>T</ArticleTitle>"),
        small("", abstract),
        "<PubmedArticle/>",
        small("4", abstract),
    ]
    items = read("pubmed_xml", written(tmp_path / "p.xml", pubmed(*records)))
    assert reasons(items) == ["no abstract", "no id", "no id", "Found"]
    assert isinstance(items[0], Filtered)


def test_a_japanese_abstract_alone_is_a_document(tmp_path: Path):
    other = '<OtherAbstract Language="jpn"><AbstractText>亜鉛。</AbstractText></OtherAbstract></MedlineCitation>'
    text = small("1", "").replace("</MedlineCitation>", other)
    assert [item.texts for item in read("pubmed_xml", written(tmp_path / "p.xml", pubmed(text)))] == [{"ja": "亜鉛。"}]


def test_faults_name_the_line_of_the_record_and_of_the_break(tmp_path: Path):
    abstract = "<Abstract>\n<AbstractText>A</AbstractText></Abstract>"
    broken = small("2", abstract.replace("</AbstractText>", "</Abstract>"))
    items = read("pubmed_xml", written(tmp_path / "p.xml", pubmed(small("1", abstract), broken, small("3", abstract))))
    assert reasons(items) == ["Found", "broken XML", "Found"]
    assert [item.place.line for item in items] == [3, 5, 7]
    assert items[1] == Faulty("broken XML", items[1].place, broken, "mismatched tag, line 6")


def test_records_in_comments_and_document_types_are_none(tmp_path: Path):
    text = tmx(
        f"<!-- {unit('no', '否')} - -->", unit("A", "甲", "a"), "<!-- never closed <tu> -x>", unit("B", "乙", "b")
    )
    entity = unit("no", "否").replace('"', "'")
    doctype = f"<!DOCTYPE tmx SYSTEM 'tmx14.dtd' [ <!ENTITY x \"{entity}\"> <!-- ]> --> ]>\n"
    items = read("tmx", written(tmp_path / "t.tmx", doctype + text))
    assert [item.id for item in items if isinstance(item, Found)] == ["t:a", "t:b"]
    assert reasons(items)[0] == "Found"
    assert len(read("tmx", written(tmp_path / "u.tmx", doctype + tmx(unit("A", "甲"))))) == 1


def test_entities_are_not_expanded_and_nothing_is_loaded(tmp_path: Path):
    secret = written(tmp_path / "secret.txt", "secret")
    bomb = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    doctype = f'<!DOCTYPE tmx SYSTEM "{tmp_path}/none.dtd" [<!ENTITY l0 "lol">{bomb}<!ENTITY s SYSTEM "{secret}">%x; ]>'
    text = tmx(unit("&l11;", "甲"), unit("&s;", "乙"), unit("A", "<![CDATA[</tu><tu>&l11;]]>", "9"))
    items = read("tmx", written(tmp_path / "t.tmx", doctype + text))
    assert reasons(items) == ["broken XML", "broken XML", "Found"]
    assert "undefined entity" in items[0].detail
    assert items[2].texts == {"en": "A", "ja": "</tu><tu>&l11;"}


def test_a_prefix_declared_at_the_root_is_known_within_a_record(tmp_path: Path):
    math = '<Abstract><AbstractText>E=<mml:math><mml:mi a="1">m</mml:mi></mml:math></AbstractText></Abstract>'
    text = pubmed(small("1", math)).replace("<PubmedArticleSet>", '<PubmedArticleSet xmlns:mml="http://m">')
    assert read("pubmed_xml", written(tmp_path / "p.xml", text))[0].texts == {"en": "E=m"}


def test_an_empty_set_holds_no_fault_and_another_kind_of_file_one(tmp_path: Path):
    assert read("pubmed_xml", written(tmp_path / "p.xml", pubmed())) == []
    (fault,) = read("pubmed_xml", written(tmp_path / "h.xml", "<html><p>Sorry</p></html>"))
    assert (fault.reason, fault.detail) == ("broken XML", "no <PubmedArticle> in the file")


def test_a_damaged_compressed_file_keeps_what_was_read(tmp_path: Path):
    (path,) = SAMPLES["pubmed_xml"](tmp_path, 400)
    packed = gzip.compress(path.read_bytes())
    items = read("pubmed_xml", written(tmp_path / "p.xml.gz", packed[: len(packed) // 2]))
    found = [item for item in items if isinstance(item, Found)]
    assert 0 < len(found) < 400
    assert reasons(items) == ["Found"] * len(found) + ["broken compression"]


def test_a_record_that_is_too_long_is_not_held(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(xml_records, "LONGEST", 400)
    monkeypatch.setattr(xml_pieces, "BLOCK", 64)
    path = written(tmp_path / "t.tmx", tmx(unit("A", "甲", "a"), unit("B" * 500, "乙", "b"), unit("C", "丙", "c")))
    assert reasons(read("tmx", path)) == ["Found", "record too long", "Found"]


def test_tmx_languages_go_by_their_prefix_and_codes_are_no_words(tmp_path: Path):
    text = tmx(
        '<tu tuid="7"><prop type="score">0.91</prop><tuv lang="EN-US"><seg>Zinc <bpt i="1">&lt;b&gt;</bpt>is'
        '<ept i="1">&lt;/b&gt;</ept> <hi>required</hi>.<ph><sub>x</sub></ph></seg></tuv>'
        '<tuv xml:lang="ja_JP"><seg>亜鉛は\n必要。</seg></tuv>'
        '<tuv xml:lang="en-GB"><seg>Zinc is needed.</seg></tuv></tu>',
        '<tu><tuv xml:lang="en"><seg>B</seg></tuv><tuv xml:lang="fr"><seg>b</seg></tuv></tu>',
        f"<tu>{unit('C', '丙')[len('<tu tuid=') + 4 :]}",
        unit("", "丁", "4"),
    )
    path = written(tmp_path / "t.tmx", text)
    items = read("tmx", path)
    assert items[0] == Found(
        "t:7",
        Place(str(path), 2),
        {"en": "Zinc is required.", "ja": "亜鉛は 必要。"},
        paraphrases={"en": ("Zinc is needed.",)},
    )
    assert reasons(items) == ["Found", "no pair", "Found", "empty"]
    assert items[2].id == "t:#3"
    assert reasons(read("tmx", path, min_score=0.95)) == ["low score", "no pair", "bad score", "bad score"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "shift_jis", "euc-jp", "utf-8"])
def test_tmx_is_read_in_the_encodings_that_it_comes_in(encoding: str, tmp_path: Path):
    declared = encoding.removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    text = f'<?xml version="1.0" encoding="{declared}"?>\n{tmx(unit("Zinc", "亜鉛"))}'
    path = written(tmp_path / "t.tmx", text.encode(encoding))
    assert read("tmx", path) == [Found("t:1", Place(str(path), 3), {"en": "Zinc", "ja": "亜鉛"})]


def test_broken_utf_16_costs_its_unit(tmp_path: Path):
    text = tmx(unit("A", "甲", "a"), unit("B", "乙", "b"), unit("C", "丙", "c")).encode("utf-16-le")
    half = text.replace("乙".encode("utf-16-le"), b"\x00\xd8")
    assert reasons(read("tmx", written(tmp_path / "t.tmx", b"\xff\xfe" + half))) == ["Found", "broken XML", "Found"]


def test_an_article_is_its_text_line_by_line(tmp_path: Path):
    text = (
        '<article id="CR1" title="症例 1">\n<TIMEX3 type="DATE">3月</TIMEX3>より<d>味覚障害</d>。\n'
        '\n <m-key state="executed">亜鉛製剤</m-key>を投与。\n</article>\n'
        "<article id='CR2'>Zinc <t-val>&lt; 3</t-val>.</article>\n<article>A</article><article id='CR4'> </article>"
    )
    path, name = written(tmp_path / "m.xml", text), "MedTxt-CR"
    assert read("medtxt", path) == [
        Found(
            "CR1",
            Place(str(path), 1),
            {"ja": "3月より味覚障害。\n亜鉛製剤を投与。"},
            titles={"ja": "症例 1"},
            source=name,
        ),
        Found("CR2", Place(str(path), 6), {"en": "Zinc < 3."}, source=name),
        Faulty("no id", Place(str(path), 7), "A", "an <article> without an id"),
        Faulty("empty", Place(str(path), 7), "CR4"),
    ]
    rooted = written(tmp_path / "r.xml", f"<?xml version='1.0'?><articles>{text}</articles>")
    assert [item._replace(place=None) for item in read("medtxt", rooted)] == [
        item._replace(place=None) for item in read("medtxt", path)
    ]
    assert read("medtxt", path, language="en")[0].texts == {"en": "3月より味覚障害。\n亜鉛製剤を投与。"}


def test_the_language_of_an_article_is_what_it_says_or_the_name_of_its_file(tmp_path: Path):
    articles = ('id="1">Zinc', 'id="2" xml:lang="ja-JP">Zn', 'id="3" lang="fr">Le')
    text = "".join(f"<article {article}</article>" for article in articles)
    assert [getattr(item, "texts", item) for item in read("medtxt", written(tmp_path / "MedTxt-CR-JA.xml", text))] == [
        {"ja": "Zinc"},
        {"ja": "Zn"},
        Filtered("language", Place(str(tmp_path / "MedTxt-CR-JA.xml"), 1)),
    ]


@settings(max_examples=60, deadline=None)
@given(en=TEXTS, ja=TEXTS, tuid=TEXTS)
def test_any_text_survives_tmx(en: str, ja: str, tuid: str, tmp_path_factory):
    path = tmp_path_factory.mktemp("tmx") / "t.tmx"
    (item,) = read("tmx", written(path, tmx(unit(escape(en), escape(ja), tuid))))
    assert (item.id, dict(item.texts)) == (f"t:{tuid}", {"en": _spaced(en), "ja": _spaced(ja)})


@settings(max_examples=60, deadline=None)
@given(en=TEXTS, ja=TEXTS, label=TEXTS, title=TEXTS)
def test_any_text_survives_pubmed(en: str, ja: str, label: str, title: str, tmp_path_factory):
    path = tmp_path_factory.mktemp("pubmed") / "p.xml"
    section = f"<AbstractText Label={quoteattr(label)}>{escape(en)}</AbstractText>"
    text = f"<ArticleTitle>Of {escape(title)}</ArticleTitle><Abstract>{section}</Abstract>"
    other = f'<OtherAbstract Language="jpn"><AbstractText>{escape(ja)}</AbstractText></OtherAbstract></MedlineCitation>'
    record = small("1", text).replace("</MedlineCitation>", other)
    (item,) = read("pubmed_xml", written(path, pubmed(record)))
    assert item.texts == {"en": f"{label}: {_spaced(en)}", "ja": _spaced(ja)}
    assert item.titles == {"en": f"Of {_spaced(title)}"}


def _spaced(text: str) -> str:
    """A text with no two spaces in a row, as a slow plain loop."""
    while "  " in text:
        text = text.replace("  ", " ")
    return text
