"""What the tests of streams share: a small lexicon, and documents that are hard to keep."""

import pyarrow as pa
from hypothesis import strategies as st

from jaxmlda.corpus import Document
from jaxmlda.corpus.lexicon import SCHEMA, Lexicon, Term
from jaxmlda.streams import bind

TERMS = [
    Term("c1", "en", "aspirin", True),
    Term("c1", "en", "acetylsalicylic acid", False),
    Term("c1", "ja", "アスピリン", True),
    Term("c1", "ja", "アセチルサリチル酸", False),
    Term("c2", "en", "fever", True),
    Term("c2", "ja", "発熱", True),
    Term("c3", "en", "BRCA1", True),
    Term("c3", "ja", "BRCA1", True),
    Term("c3", "ja", "BRCA1遺伝子", False),
]
LEXICON = Lexicon(pa.table([list(column) for column in zip(*TERMS, strict=True)], schema=SCHEMA))
# Spaces, line ends, signs of both writings, combining marks, emoji with joiners, full width, a NUL.
CHARACTERS = st.one_of(
    st.sampled_from(" \t\n\r\u3000。、.,-aZ09ｱＡかがカーッ\u3099ゞ亜鉛é\u0301🙂👩🏽\u200d🔬\x00\u2028<>/s!？「」()"),
    st.characters(exclude_categories=("Cs",)),
)
TEXTS = st.text(CHARACTERS, max_size=40)
LANGUAGES = st.sampled_from(["en", "ja"])
PIECES = st.one_of(
    TEXTS, st.sampled_from(["Aspirin", "発熱", "BRCA1", "\nMETHODS: ", "【結果】", "したがって、", ". Therefore, "])
)
RICH = st.lists(PIECES, max_size=6).map("".join)
DOCUMENTS = st.builds(
    Document,
    id=st.text("ab", min_size=1, max_size=8),
    en=RICH,
    ja=RICH.filter(bool),
    titles=st.dictionaries(LANGUAGES, TEXTS),
    keywords=st.dictionaries(LANGUAGES, st.lists(TEXTS, max_size=3)),
    qa=st.lists(st.tuples(LANGUAGES, TEXTS, TEXTS), max_size=3),
    paraphrases=st.dictionaries(LANGUAGES, st.lists(TEXTS, max_size=2)),
)


def find(name):
    """The lexicon of the tests, by its name."""
    return {"drugs": LEXICON}[name]


def texts(document, kind, *languages, **options):
    """The texts of a kind for one document."""
    return list(bind(kind, languages, options, find)(document))


def made(document, kind, *languages, **options):
    """(form, text) of a kind for one document."""
    return [(text.form, str(text)) for text in texts(document, kind, *languages, **options)]
