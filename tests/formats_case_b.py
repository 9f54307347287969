"""Valid files of the pair formats and the XML formats with any number of records, for tests of readers and intake."""

from collections.abc import Callable, Iterable
from pathlib import Path

EN, JA = "Zinc {} is required for taste.", "亜鉛{}は味覚に必要である。"


def _write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def aspec(folder: Path, count: int) -> list[Path]:
    """A train file, its best pair first."""
    lines = (f"{0.9 / (n + 1):.6f} ||| G-{n:011d} ||| 1 ||| {JA.format(n)} ||| {EN.format(n)}" for n in range(count))
    return [_write(folder / "train-1.txt", lines)]


def bicleaner(folder: Path, count: int) -> list[Path]:
    """Five columns, every score above the default of 0.7."""
    lines = (f"en.example\tja.example\t0.8\t{EN.format(n)}\t{JA.format(n)}" for n in range(count))
    return [_write(folder / "en-ja.bicleaner05.txt", lines)]


def moses(folder: Path, count: int) -> list[Path]:
    """The English file; the Japanese one lies beside it."""
    _write(folder / "TASTE.en-ja.ja", (JA.format(n) for n in range(count)))
    return [_write(folder / "TASTE.en-ja.en", (EN.format(n) for n in range(count)))]


def tmx(folder: Path, count: int) -> list[Path]:
    """One unit a line."""
    head = ['<?xml version="1.0" encoding="UTF-8"?>', '<tmx version="1.4"><header srclang="en"/>', "<body>"]
    units = (
        f'<tu tuid="{n}"><tuv xml:lang="en"><seg>{EN.format(n)}</seg></tuv>'
        f'<tuv xml:lang="ja"><seg>{JA.format(n)}</seg></tuv></tu>'
        for n in range(count)
    )
    return [_write(folder / "taste.tmx", [*head, *units, "</body></tmx>"])]


def pubmed_xml(folder: Path, count: int) -> list[Path]:
    """Citations with abstracts in both languages."""
    head = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle//EN" "https://example.org/pubmed.dtd">',
        "<PubmedArticleSet>",
    ]
    citations = (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{90000000 + n}</PMID>\n<Article>'
        "<Journal><JournalIssue><PubDate><Year>2020</Year></PubDate></JournalIssue></Journal>"
        f"<ArticleTitle>Zinc {n}.</ArticleTitle>"
        f"<Abstract><AbstractText>{EN.format(n)}</AbstractText></Abstract><Language>jpn</Language></Article>\n"
        f'<OtherAbstract Language="jpn"><AbstractText>{JA.format(n)}</AbstractText></OtherAbstract>'
        "</MedlineCitation></PubmedArticle>"
        for n in range(count)
    )
    return [_write(folder / "pubmed26n0001.xml", [*head, *citations, "</PubmedArticleSet>"])]


def medtxt(folder: Path, count: int) -> list[Path]:
    """Japanese case reports without a root."""
    tagged = '<d certainty="positive">味覚障害</d>を認めた。'
    articles = (f'<article id="CR{n:04d}" title="症例{n}">\n{tagged}\n{JA.format(n)}\n</article>' for n in range(count))
    return [_write(folder / "MedTxt-CR-JA.xml", articles)]


SAMPLES: dict[str, Callable[[Path, int], list[Path]]] = {
    "aspec": aspec,
    "bicleaner": bicleaner,
    "moses": moses,
    "tmx": tmx,
    "pubmed_xml": pubmed_xml,
    "medtxt": medtxt,
}
