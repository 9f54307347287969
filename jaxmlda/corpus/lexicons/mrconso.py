"""UMLS MRCONSO.RRF: 18 columns, each closed by a pipe. Concepts (CUI) that have a Japanese term are kept.

CUI|LAT|TS|LUI|STT|SUI|ISPREF|AUI|SAUI|SCUI|SDUI|SAB|TTY|CODE|STR|SRL|SUPPRESS|CVF|
"""

from collections.abc import Iterator

from etils import epath

from jaxmlda.corpus.lexicon import Term
from jaxmlda.corpus.lexicons.format import Log, lines, register, texts

COLUMNS = 18
CUI, LAT, TS, ISPREF, STR, SUPPRESS = 0, 1, 2, 6, 14, 16
LANGUAGES = {"ENG": "en", "JPN": "ja"}


def _japanese(path: epath.Path) -> set[str]:
    """Concepts with a Japanese term that is not suppressed; the terms of all others translate nothing."""
    found = set()
    for _, line in lines(path):
        cells = line.split(b"|")
        if len(cells) == COLUMNS + 1 and cells[LAT] == b"JPN" and cells[SUPPRESS] == b"N":
            found.add(cells[CUI].decode("utf-8", "replace"))
    return found


@register("mrconso", "UMLS MRCONSO.RRF: English and Japanese terms that are not suppressed, joined on their CUI")
def read(path: epath.Path, log: Log) -> Iterator[Term]:
    """Reads the file twice, so that only the concepts to be kept are held in memory.

    A term is preferred where TS is P and ISPREF is Y.
    """
    wanted = _japanese(path)
    for number, text in texts(path, log):
        cells = text.split("|")
        if len(cells) != COLUMNS + 1 or cells[-1]:
            log.fault(path, number, f"{len(cells) - 1} columns closed by a pipe, not {COLUMNS}", text)
        elif not cells[CUI] or not cells[STR].strip():
            log.fault(path, number, "no concept (CUI) or no term (STR)", text)
        elif cells[LAT] not in LANGUAGES:
            log.filter("another language")
        elif cells[SUPPRESS] != "N":
            log.filter("suppressed")
        elif cells[CUI] not in wanted:
            log.filter("no Japanese term of the concept")
        else:
            preferred = cells[TS] == "P" and cells[ISPREF] == "Y"
            yield Term(cells[CUI], LANGUAGES[cells[LAT]], cells[STR].strip(), preferred)
