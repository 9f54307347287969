"""Documents read many at a time are those read one by one."""

import pytest

from jaxmlda.corpus import Corpus, Document, embedded, store, write
from jaxmlda.errors import UserError
from jaxmlda.world import World

FULL = Document(
    "full",
    en="a\x00b",
    titles={"en": "t"},
    keywords={"en": ["k", ""], "ja": ["鍵"]},
    subjects=["s"],
    year=-3,
    source="somewhere",
    licence="none",
    cluster="c",
    qa=[("en", "q", "a"), ("ja", "問", "")],
    paraphrases={"ja": ["別"]},
)


@pytest.fixture
def corpus(tmp_path):
    write([FULL, *embedded.documents(World(documents=9)), Document("bare", ja="亜鉛")], tmp_path, {})
    return Corpus(tmp_path)


@pytest.mark.parametrize(("start", "stop"), [(0, 11), (3, 8), (4, 4), (10, 11)])
def test_blocks_hold_the_documents_in_order_and_as_they_are(corpus, monkeypatch, start, stop):
    monkeypatch.setattr(store, "DOCUMENTS_A_BLOCK", 4)
    found = list(corpus.blocks(start, stop))
    assert [document for block in found for document in block] == [corpus[number] for number in range(start, stop)]
    assert [len(block) for block in found] == [4] * ((stop - start) // 4) + [(stop - start) % 4] * (
        (stop - start) % 4 > 0
    )


def test_a_record_that_is_torn_is_told_with_its_block(corpus, monkeypatch):
    class Torn:
        def __getitems__(self, numbers):
            return [b"\xff\xff" for _ in numbers]

    monkeypatch.setattr(corpus._records, "data_source", Torn())
    with pytest.raises(UserError, match=r"documents 2 to 6 cannot be read .*make it again"):
        list(corpus.blocks(2, 7))
