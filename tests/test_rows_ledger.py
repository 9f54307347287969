"""The row ledger against a slow loop: every token once, and the characters that a row really holds."""

import numpy as np
import pyarrow as pa
import pytest
from data_case import TokenText, block_of, flat
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus import Trial
from jaxmlda.errors import UserError
from jaxmlda.rows import ledger
from jaxmlda.rows import tokens as stored
from jaxmlda.rows.layout import PACKINGS


@st.composite
def token_texts(draw):
    """A text of one to four parts, its tokens ending wherever they like: within parts, across them, on no character."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    stops = np.cumsum(sizes).tolist()
    ends = sorted([*draw(st.lists(st.integers(0, stops[-1]), max_size=10)), stops[-1], stops[-1]])
    return TokenText(
        draw(st.sampled_from("abc")),
        draw(st.sampled_from(["native", "question"])),
        list(range(len(ends))),
        ends,
        stops,
        draw(st.lists(st.sampled_from(["en", "ja"]), min_size=len(sizes), max_size=len(sizes))),
        draw(st.lists(st.sampled_from([-1, 0, 7]), min_size=len(sizes), max_size=len(sizes))),
    )


TEXTS = st.lists(token_texts(), min_size=1, max_size=6)


def slow(texts, pieces, stream):
    """The ledger by a loop over tokens and, for each run of tokens, over the characters of its part."""
    found = []
    for number in range(len(pieces.text)):
        text = texts[pieces.text[number]]
        held = range(pieces.start[number], pieces.stop[number])
        characters = {one for k in held for one in range(text.ends[k - 1] if k else 0, text.ends[k])}
        runs = []
        for k in held:
            part = next(p for p, stop in enumerate(text.part_stop) if text.ends[k] <= stop)
            if runs and runs[-1][0] == part:
                runs[-1][1].append(k)
            else:
                runs.append((part, [k]))
        for part, own in runs:
            begin = text.part_stop[part - 1] if part else 0
            there = [one - begin for one in characters if begin <= one < text.part_stop[part]]
            before = max((text.ends[own[0] - 1] if own[0] else 0) - begin, 0)
            origin = text.part_from[part]
            found.append(
                {
                    "row": pieces.row[number],
                    "document": text.document,
                    "language": text.part_language[part],
                    "stream": stream,
                    "form": text.form,
                    "tokens": len(own),
                    "from_token": own[0],
                    "to_token": own[-1] + 1,
                    "from_char": -1 if origin < 0 else origin + min(there, default=before),
                    "to_char": -1 if origin < 0 else origin + max(there, default=before - 1) + 1,
                }
            )
    return found


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(1, 9), st.sampled_from(sorted(PACKINGS)), st.data())
def test_the_ledger_is_what_a_slow_loop_finds(texts, length, packing, data):
    order = np.array(data.draw(st.permutations(range(len(texts)))), np.int64)
    tokens = flat(texts)
    pieces = PACKINGS[packing](order, tokens.lengths[order], length)
    table = ledger.table(tokens, pieces, "s")
    assert table.to_pylist() == slow(texts, pieces, "s")
    assert sum(table["tokens"].to_pylist()) == sum(len(text.tokens) for text in texts)


def test_a_token_across_two_parts_leaves_neither_without_its_characters():
    """`zinc.` + line feed and label in one token + `Zn`: every part is there to its end."""
    text = TokenText("d", "translation-en-ja", [5, 6, 7, 1], [4, 8, 10, 10], [5, 8, 10], ["en", "ja", "ja"], [0, -1, 3])
    tokens = flat([text])
    (rows,) = [PACKINGS["cut"](np.array([0]), np.array([4]), 9)]
    table = ledger.table(tokens, rows, "s").select(["language", "tokens", "from_char", "to_char"])
    assert [tuple(entry.values()) for entry in table.to_pylist()] == [
        ("en", 1, 0, 5),
        ("ja", 1, -1, -1),
        ("ja", 2, 3, 5),
    ]
    apart = ledger.table(tokens, PACKINGS["cut"](np.array([0]), np.array([4]), 1), "s")
    assert apart["to_char"].to_pylist()[0] == 4


def blocks(texts, size):
    return [block_of(texts[start : start + size]) for start in range(0, len(texts), size)]


def everything(tokens):
    """All that Tokens hold, read out whole."""
    count, parts = int(tokens.bounds[-1]), int(tokens.part_bounds[-1])
    return {
        "documents": tokens.documents.to_pylist(),
        "names": list(tokens.names()),
        "forms": tokens.forms.to_pylist(),
        "bounds": tokens.bounds.tolist(),
        "part_bounds": tokens.part_bounds.tolist(),
        "ids": tokens.ids.take(np.arange(count)).tolist(),
        "ends": tokens.ends.take(np.arange(count)).tolist(),
        "parts": tokens.parts.take(np.arange(parts)).tolist(),
    }


@settings(max_examples=30, deadline=None)
@given(TEXTS, st.integers(1, 3), st.integers(1, 3))
def test_tokens_come_back_from_their_shards_as_they_were(tmp_path_factory, texts, shards, size):
    folder = tmp_path_factory.mktemp("tokens")
    parts = [texts[number::shards] for number in range(shards)]
    counts = [stored.write(folder / f"{number}.parquet", blocks(part, size)) for number, part in enumerate(parts)]
    assert counts == [sum(len(text.tokens) for text in part) for part in parts]
    read = stored.read([folder / f"{number}.parquet" for number in range(shards)])
    assert everything(read) == everything(flat([text for part in parts for text in part]))


@settings(max_examples=30, deadline=None)
@given(TEXTS, st.integers(1, 3), st.data())
def test_runs_of_tokens_are_read_in_any_order_from_their_shards(tmp_path_factory, texts, shards, data):
    folder = tmp_path_factory.mktemp("tokens")
    parts = [texts[number::shards] for number in range(shards)]
    for number, part in enumerate(parts):
        stored.write(folder / f"{number}.parquet", blocks(part, 2))
    read = stored.read([folder / f"{number}.parquet" for number in range(shards)])
    joined = [text for part in parts for text in part]
    order = data.draw(st.permutations(range(len(joined))))
    starts = [data.draw(st.integers(0, len(joined[number].tokens) - 1)) for number in order]
    sizes = [data.draw(st.integers(1, len(joined[n].tokens) - start)) for n, start in zip(order, starts, strict=True)]
    found = read.ends.runs(read.bounds[order] + starts, np.array(sizes))
    expected = [joined[n].ends[start : start + size] for n, start, size in zip(order, starts, sizes, strict=True)]
    assert found.tolist() == [end for ends in expected for end in ends]


def test_a_shard_that_was_not_finished_is_none(tmp_path):
    """The table, by which a shard is known, comes after the arrays."""

    def broken():
        yield block_of([TokenText("d", "native", [1], [1], [1], ["en"], [0])])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stored.write(tmp_path / "one.parquet", broken())
    assert list(tmp_path.iterdir()) == []


def test_a_stream_without_texts_is_stored_and_read(tmp_path):
    assert stored.write(tmp_path / "none.parquet", []) == 0
    read = stored.read([tmp_path / "none.parquet"])
    assert read.lengths.tolist() == []
    assert (len(read.ids), len(read.parts)) == (0, 0)


def table(*entries):
    """A ledger of (row, document, language, stream)."""
    columns = dict(zip(("row", "document", "language", "stream"), zip(*entries, strict=True), strict=True))
    return pa.table(columns)


TRIAL = Trial({"e": "en", "j": "ja", "n": "none", "r": "bridge", "b": "both"}, "")
TRANSFER = {"native": False, "translation": True}


def test_what_the_trial_permits_passes():
    permitted = table(
        (0, "e", "en", "native"),
        (1, "b", "ja", "native"),
        (2, "r", "ja", "translation"),
        (3, "r", "en", "translation"),
        (4, "unknown", "en", "native"),
    )
    assert ledger.breaches(permitted, TRIAL, TRANSFER) == []
    ledger.check([], TRIAL)


@pytest.mark.parametrize(
    ("document", "arm", "language", "stream"),
    [
        ("e", "en", "ja", "native"),
        ("j", "ja", "en", "native"),
        ("n", "none", "en", "translation"),
        ("r", "bridge", "en", "native"),
        ("e", "en", "ja", "translation"),
    ],
)
def test_a_breach_is_told_with_document_arm_stream_and_first_row(document, arm, language, stream):
    entries = [(3, "b", "en", "native"), (9, document, language, stream), (5, document, language, stream)]
    expected = (
        rf"by 1 entries; first: document {document} \(arm {arm}\) stands in row 5 in {language} by stream {stream}"
    )
    blocks_of_rows = [ledger.breaches(table(entry), TRIAL, TRANSFER) for entry in entries]
    for found in (ledger.breaches(table(*entries), TRIAL, TRANSFER), [one for part in blocks_of_rows for one in part]):
        with pytest.raises(UserError, match=expected):
            ledger.check(found, TRIAL)
