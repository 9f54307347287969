"""Plain tables of terms: English, a tab, Japanese, and a concept in a third column or none."""

import re
from collections.abc import Iterator

from etils import epath

from jaxmlda.corpus.lexicon import Term
from jaxmlda.corpus.lexicons.format import Log, register, texts

ORDER = ("en", "ja", "concept")
HEADS = {
    "en": "en",
    "ja": "ja",
    "english": "en",
    "japanese": "ja",
    "term_en": "en",
    "term_ja": "ja",
    "concept": "concept",
    "concept_id": "concept",
}
JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def _header(cells: list[str]) -> list[str] | None:
    """The columns that a first line names, None where it is no header."""
    names = [HEADS.get(cell.strip().lower(), "") for cell in cells]
    return names if sorted(names) in (["en", "ja"], ["concept", "en", "ja"]) else None


def _fault(cells: list[str], columns: tuple[str, ...] | list[str]) -> str:
    """What is wrong with a row, empty where nothing is."""
    if len(cells) != len(columns):
        return f"{len(cells)} columns, not {len(columns)}"
    if not all(cells):
        return "an empty column"
    row = dict(zip(columns, cells, strict=True))
    if JAPANESE.search(row["en"]) and not JAPANESE.search(row["ja"]):
        return "Japanese stands in the English column; the order is English, Japanese, concept, or as a header says"
    return ""


@register(
    "tsv",
    "two columns English and Japanese, a third for the concept; a header `en ja concept` may stand first",
    by_line=True,
)
def read(path: epath.Path, log: Log) -> Iterator[Term]:
    """Every row gives two terms, both preferred; without a concept column it is a concept of its own."""
    columns: tuple[str, ...] | list[str] = ()
    for number, text in texts(path, log):
        cells = [cell.strip() for cell in text.split("\t")]
        if not columns:
            named = _header(cells)
            columns = named or ORDER[: 3 if len(cells) == 3 else 2]
            if named:
                log.filter("header")
                continue
        fault = _fault(cells, columns)
        if fault:
            log.fault(path, number, fault, text)
            continue
        row = {"concept": f"{path.name}:{number}"} | dict(zip(columns, cells, strict=True))
        yield Term(row["concept"], "en", row["en"], True)
        yield Term(row["concept"], "ja", row["ja"], True)
