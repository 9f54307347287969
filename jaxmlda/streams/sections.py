"""The sections of a labelled abstract. In: a text and its language; out: labels and spans of what stands under them.

A label opens a line, `LABEL: text`, or stands in 【】 anywhere.
"""

import re
from typing import NamedTuple

from jaxmlda.streams.sentences import Span, trimmed

# A word in small letters before a colon is a label only if it is one of these.
KNOWN = {
    "en": r"(?i:(?:study |trial |research )?(?:backgrounds?|objectives?|aims?|purposes?|introduction|rationale|context"
    r"|design|settings?|participants?|patients|subjects|materials?|methods?|methodology|procedures?|interventions?"
    r"|main outcome measures?|outcome measures|measurements?|findings?|(?:main )?results?|discussion|limitations?"
    r"|conclusions?|interpretation|significance|registration|case(?: report| presentation)?)"
    r"(?:(?:,| and| &) (?:aims?|objectives?|purpose|methods?|patients|subjects|setting|participants|results"
    r"|discussion|conclusions?|interventions?|relevance))*)",
    "ja": r"(?:研究の?|本研究の)?(?:背景|目的|緒言|はじめに|序論|対象|方法|(?:対象|材料)(?:と|及び|および|・)方法"
    r"|方法と結果|結果(?:(?:と|及び|および|・)考察)?|成績|考察|考案|結論|結語|まとめ|おわりに|症例(?:提示)?|経過|意義|限界|デザイン)",
}
CAPITALS = r"[A-Z][A-Z]+(?:[ ,/&-]+[A-Z]+)*"
LABEL = {
    language: re.compile(
        rf"^[^\S\n]*(?P<line>{known}|{CAPITALS})[^\S\n]*[:：][^\S\n]*|【(?P<bracket>[^【】\n]{{1,20}})】\s*", re.M
    )
    for language, known in KNOWN.items()
}


class Section(NamedTuple):
    """A label and the span of the text under it."""

    label: str
    text: Span


def after_label(text: str, place: int, language: str) -> int:
    """The place after the label that stands here, or the place itself."""
    match = LABEL[language].match(text, place)
    return match.end() if match else place


def sections(text: str, language: str) -> list[Section]:
    """The sections in order; none unless there are two labels at least. What stands before the first is in none."""
    labels = list(LABEL[language].finditer(text))
    if len(labels) < 2:
        return []
    ends = [*(match.start() for match in labels[1:]), len(text)]
    found = [
        Section(match["line"] or match["bracket"], trimmed(text, (match.end(), end)))
        for match, end in zip(labels, ends, strict=True)
    ]
    return [section for section in found if section.text[0] < section.text[1]]
