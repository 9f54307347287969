"""TMX 1.4: translation units with a text a language.

In: a .tmx file in UTF-8 or UTF-16; out: one pair a unit, its id `NAME:TUID`, without a tuid `NAME:#POSITION`.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from etils import epath

from jaxmlda.corpus import script
from jaxmlda.corpus.formats.base import Faulty, Filtered, Found, Item, Options, Place, reader
from jaxmlda.corpus.formats.pairs import pair, stem
from jaxmlda.corpus.formats.xml_records import flat, records

# These elements hold the codes of the tool that made the text, not words of it.
CODES = {"bpt", "ept", "ph", "it", "ut"}


@reader(
    "tmx",
    suffixes=(".tmx",),
    help="TMX 1.4: units with English and Japanese (`en-US` and `ja-JP` count); --min-score",
    takes=("min_score",),
    prefix=stem,
)
def read(path: epath.Path, options: Options) -> Iterator[Item]:
    """One item a unit; units without one of the two languages are filtered."""
    name = stem(path)
    for position, record in enumerate(records(path, ("tu",), ("tmx",)), start=1):
        if isinstance(record, Faulty):
            yield record
        else:
            tuid = record.element.get("tuid", "").strip() or f"#{position}"
            yield _item(f"{name}:{tuid}", record.place, record.element, options)


def _item(id: str, place: Place, unit: Element, options: Options) -> Item:
    segments = _segments(unit)
    if not segments["en"] or not segments["ja"]:
        return Filtered("no pair", place)
    lowest = options.min_score
    score = next((flat(prop) for prop in unit.iterfind("prop") if prop.get("type", "").lower() == "score"), None)
    if score is None and lowest is not None:
        return Faulty("bad score", place, id, 'no <prop type="score">, so `min_score` cannot be asked for')
    en, ja = segments["en"][0], segments["ja"][0]
    item = pair(id, place, en, ja, record=f"{id}\t{en}\t{ja}", score=None if lowest is None else score, lowest=lowest)
    others = {language: tuple(texts[1:]) for language, texts in segments.items() if texts[1:]}
    return item._replace(paraphrases=others) if isinstance(item, Found) and others else item


def _segments(unit: Element) -> dict[str, list[str]]:
    """Texts of a unit by language, each once, in the order of the file."""
    found: dict[str, dict[str, None]] = {"en": {}, "ja": {}}
    for variant in unit.iterfind("tuv"):
        language = script.named(variant.get("xml:lang") or variant.get("lang") or "")
        if language is not None:
            found[language][_text(variant.find("seg"))] = None
    return {language: list(filter(None, texts)) or list(texts) for language, texts in found.items()}


def _text(segment: Element | None) -> str:
    """The words of a segment, without the codes within it."""
    if segment is None:
        return ""
    for element in list(segment.iter()):
        if element.tag in CODES:
            tail = element.tail
            element.clear()
            element.tail = tail
    return flat(segment)
