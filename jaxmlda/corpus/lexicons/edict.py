"""EDICT and EDICT2 as text, UTF-8 or EUC-JP: `KANJI [kana] /gloss/gloss/`."""

import codecs
import itertools
import re
from collections.abc import Iterator

from etils import epath

from jaxmlda.corpus.lexicon import Term
from jaxmlda.corpus.lexicons.format import Log, lines, register, texts
from jaxmlda.corpus.lexicons.gloss import plain

ENTRY = re.compile(r"(?P<heads>[^\s\[/]+)\s+(?:\[(?P<kana>[^\]]+)\]\s*)?/(?P<glosses>.+)/\s*")
REMARK = re.compile(r"\([^()]*\)")
NUMBER = re.compile(r"EntL\w+")
SENSE = re.compile(r"(?:^|\s)\(\d+\)(?=\s|$)")
USUALLY_KANA = re.compile(r"\([^()]*\buk\b[^()]*\)")
LOOKED_AT = 200


def _encoding(path: epath.Path) -> str:
    """UTF-8 where the first lines are that, else EUC-JP."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for _, line in itertools.islice(lines(path), LOOKED_AT):
            decoder.decode(line + b"\n")
    except UnicodeDecodeError:
        return "euc_jp"
    return "utf-8"


def _forms(text: str | None) -> list[str]:
    """The forms of a head or of its readings, without remarks."""
    return [form for form in (REMARK.sub("", one).strip() for one in (text or "").split(";")) if form]


def _senses(glosses: str) -> list[list[str]]:
    """The glosses by sense; a number in brackets begins the next one."""
    senses: list[list[str]] = [[]]
    for gloss in glosses.split("/"):
        if SENSE.search(gloss) and senses[-1]:
            senses.append([])
        term = plain(gloss)
        if term and not NUMBER.fullmatch(term):
            senses[-1].append(term)
    return [sense for sense in senses if sense]


@register("edict", "EDICT or EDICT2 as text, UTF-8 or EUC-JP: `KANJI [kana] /gloss/gloss/`", by_line=True)
def read(path: epath.Path, log: Log) -> Iterator[Term]:
    """Every sense is a concept; preferred are its first gloss and the first form, a kana one where marked (uk)."""
    for number, text in texts(path, log, _encoding(path)):
        if number == 1 and text.startswith(("\u3000？？？", "？？？")):
            log.filter("header")
            continue
        match = ENTRY.fullmatch(text)
        senses = _senses(match["glosses"]) if match else []
        if not match or not senses:
            log.fault(path, number, "not `KANJI [kana] /gloss/gloss/`", text)
            continue
        kanji, kana = _forms(match["heads"]), _forms(match["kana"])
        forms = [*kana, *kanji] if USUALLY_KANA.search(match["glosses"]) else [*kanji, *kana]
        for sense, glosses in enumerate(senses, start=1):
            concept = f"{path.name}:{number}-{sense}"
            for language, terms in (("ja", forms), ("en", glosses)):
                yield from (Term(concept, language, term, place == 0) for place, term in enumerate(terms))
