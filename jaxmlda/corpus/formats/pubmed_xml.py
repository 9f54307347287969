"""PubMed's baseline and update files: citations with abstracts, and citations that are withdrawn.

In: pubmed26n0001.xml.gz; out: one item a citation, its id the PMID, its version the PMID's, and `Deleted` for each
PMID of a DeleteCitation. A Japanese abstract (OtherAbstract) is the Japanese text of the same document.
"""

import re
from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from etils import epath

from jaxmlda.corpus.formats.base import Deleted, Faulty, Filtered, Found, Item, Options, Place, excerpt, reader
from jaxmlda.corpus.formats.xml_records import flat, records

CITATIONS = ("PubmedArticle", "PubmedBookArticle")
ROOTS = ("PubmedArticleSet", "PubmedBookArticleSet")
NO_TITLE = ("not available", "in process citation")
_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_TRANSLATED = re.compile(r"\[([^\[\]]*)\](\.?)")


@reader("pubmed_xml", suffixes=(".xml",), help="PubMed's baseline and update files (pubmed*.xml.gz)", takes=())
def read(path: epath.Path, options: Options) -> Iterator[Item]:
    """One item a citation; a citation without an abstract is filtered."""
    for record in records(path, (*CITATIONS, "DeleteCitation"), ROOTS):
        if isinstance(record, Faulty):
            yield record
        elif record.element.tag == "DeleteCitation":
            yield from (Deleted(flat(pmid), record.place) for pmid in record.element.iterfind("PMID") if flat(pmid))
        else:
            yield _item(record.element, record.place)


def _item(record: Element, place: Place) -> Item:
    citation = _first(record, "MedlineCitation", "BookDocument")
    pmid = citation.find("PMID") if citation is not None else None
    if not flat(pmid):
        return Faulty("no id", place, excerpt(flat(record)), "no PMID")
    article = citation.find("Article") if citation.tag == "MedlineCitation" else citation
    if article is None:
        return Faulty("no article", place, excerpt(flat(record)), f"PMID {flat(pmid)}")
    version = _whole(pmid.get("Version", "1"))
    texts = {"en": _abstract(article.find("Abstract")), "ja": _japanese(citation)}
    if not any(texts.values()):
        return Filtered("no abstract", place, flat(pmid), version)
    subjects = _texts(citation.iterfind("MeshHeadingList/MeshHeading/DescriptorName"))
    keywords = list(dict.fromkeys([*_texts(citation.iterfind("KeywordList/Keyword")), *subjects]))
    return Found(
        flat(pmid),
        place,
        {language: text for language, text in texts.items() if text},
        titles=_titles(article),
        keywords={"en": keywords} if keywords else {},
        subjects=subjects,
        year=_year(article),
        source="PubMed",
        licence=flat(article.find("Abstract/CopyrightInformation")),
        version=version,
    )


def _first(element: Element, *names: str) -> Element | None:
    return next((child for child in map(element.find, names) if child is not None), None)


def _abstract(abstract: Element | None) -> str:
    """Sections as lines, `LABEL: text` where they are labelled."""
    sections = []
    for section in [] if abstract is None else abstract.iterfind("AbstractText"):
        label, text = section.get("Label", "").strip(), flat(section)
        if text:
            sections.append(f"{label}: {text}" if label and label != "UNLABELLED" else text)
    return "\n".join(sections)


def _japanese(citation: Element) -> str:
    """The first abstract of the citation that is in Japanese."""
    others = (other for other in citation.iterfind("OtherAbstract") if other.get("Language", "").lower() == "jpn")
    return next(filter(None, map(_abstract, others)), "")


def _titles(article: Element) -> dict[str, str]:
    """PubMed sets a translated title in brackets; they are no part of it."""
    title = flat(article.find("ArticleTitle"))
    bracketed = _TRANSLATED.fullmatch(title)
    title = "".join(bracketed.groups()) if bracketed else title
    titles = {"en": "" if title.rstrip(".").lower() in NO_TITLE else title}
    if "jpn" in (flat(language).lower() for language in article.iterfind("Language")):
        titles["ja"] = flat(article.find("VernacularTitle"))
    return {language: title for language, title in titles.items() if title}


def _texts(elements: Iterable[Element]) -> list[str]:
    """Their texts, each once, in the order of the file."""
    return list(dict.fromkeys(filter(None, map(flat, elements))))


def _year(article: Element) -> int:
    """The year of the issue (the first of a `MedlineDate` like 2019 Nov-2020 Jan), of the article, or 0."""
    for place in ("Journal/JournalIssue/PubDate", "Book/PubDate", "ArticleDate"):
        date = article.find(place)
        year = None if date is None else _YEAR.search(flat(_first(date, "Year", "MedlineDate")))
        if year:
            return int(year.group())
    return 0


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 1
