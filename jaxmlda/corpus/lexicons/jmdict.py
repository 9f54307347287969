"""JMdict XML: entries with kanji and kana forms and English glosses by sense.

Entities of the file's own DTD (`&n;`) are opened by the parser; entities that name files or other entities are
refused before anything is opened.
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from etils import epath

from jaxmlda.corpus.lexicon import Term
from jaxmlda.corpus.lexicons.format import Log, lines, register
from jaxmlda.corpus.lexicons.gloss import plain
from jaxmlda.errors import UserError

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
ENCODING = re.compile(rb"""(<\?xml\b[^>]*?)\s+encoding\s*=\s*("[^"]*"|'[^']*')""")
DECLARED = re.compile(rb"<!ENTITY\b")
PLAIN = re.compile(rb"""\s+[\w.-]+\s+("[^"&%]*"|'[^'&%]*')\s*>""")


def _entries(path: epath.Path) -> Iterator[tuple[int, ElementTree.Element]]:
    """(line at which it begins, entry) of the file, one entry in memory at a time."""
    parser = ElementTree.XMLPullParser(["start", "end"])
    root, began = None, 0
    try:
        for number, line in lines(path):
            _check(path, number, line)
            # The lines are UTF-8, whatever the file was written in and says of itself.
            line = ENCODING.sub(rb"\1", line, count=1) if number == 1 else line
            parser.feed(line + b"\n")
            for event, element in parser.read_events():
                root = element if root is None else root
                if element.tag != "entry":
                    continue
                if event == "start":
                    began = number
                else:
                    yield began, element
                    root.clear()
        parser.close()
    except ElementTree.ParseError as error:
        raise UserError(f"{path}, line {error.position[0]}: not XML ({error}); fetch the file again") from error


def _check(path: epath.Path, number: int, line: bytes) -> None:
    """Entities are looked at before the parser sees them, so the file has to be written in bytes that show them."""
    if b"\0" in line:
        raise UserError(f"{path}, line {number}: JMdict is UTF-8, this file is not; convert it")
    if not all(PLAIN.match(line, found.end()) for found in DECLARED.finditer(line)):
        raise UserError(f"{path}, line {number}: an entity that is no plain text; take it out of the file's DTD")


def _texts(element: ElementTree.Element, path: str) -> list[str]:
    return [text for one in element.iterfind(path) if (text := (one.text or "").strip())]


def _forms(entry: ElementTree.Element, sense: ElementTree.Element) -> list[str]:
    """Written forms of a sense: those it is restricted to, else all; kana first where it is usually so written."""
    kanji, kana = _texts(entry, "k_ele/keb"), _texts(entry, "r_ele/reb")
    only_kanji, only_kana = _texts(sense, "stagk"), _texts(sense, "stagr")
    kanji = [form for form in kanji if not only_kanji or form in only_kanji]
    kana = [form for form in kana if not only_kana or form in only_kana]
    usually_kana = any(text in ("uk", "word usually written using kana alone") for text in _texts(sense, "misc"))
    return [*kana, *kanji] if usually_kana else [*kanji, *kana]


def _glosses(sense: ElementTree.Element) -> list[str]:
    texts = (plain(one.text or "") for one in sense.iterfind("gloss") if one.get(LANG, "eng") == "eng")
    return [text for text in texts if text]


@register("jmdict", "JMdict XML: kanji and kana forms with their English glosses")
def read(path: epath.Path, log: Log) -> Iterator[Term]:
    """Every sense is a concept; preferred are its first gloss and its first form."""
    for line, entry in _entries(path):
        log.records += 1
        number = (entry.findtext("ent_seq") or "").strip()
        senses = [(_forms(entry, sense), _glosses(sense)) for sense in entry.iterfind("sense")]
        if not number or not (_texts(entry, "k_ele/keb") or _texts(entry, "r_ele/reb")):
            log.fault(path, line, "an entry without ent_seq or without a form", ElementTree.tostring(entry, "unicode"))
        elif not any(glosses for _, glosses in senses):
            log.filter("no English gloss")
        for place, (forms, glosses) in enumerate(senses, start=1) if number else ():
            if forms and glosses:
                for language, terms in (("ja", forms), ("en", glosses)):
                    yield from (Term(f"{number}-{place}", language, term, n == 0) for n, term in enumerate(terms))
