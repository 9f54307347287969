"""From documents to stored rows: every document comes back, budgets are exact, one recipe gives one set of rows."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from data_case import Case, build_rows, byte_tokenizer, recipe_of, stream, texts_in

from jaxmlda.config.run import Rows as Settings
from jaxmlda.corpus import Document, Trial, embedded
from jaxmlda.errors import UserError
from jaxmlda.rows import Rows, store
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.storage import digest
from jaxmlda.streams import texts_of
from jaxmlda.world import World

# `!` is id 0 in a byte-level tokenizer whose letters are sorted.
ZERO = Document("zero", en="!!!", ja="a!b\n!", titles={"en": "!"})
EMOJI = Document("emoji", en="🙂 か\u3099\n\n 👩🏽\u200d🔬", ja="亜鉛。" * 30)
EPOCHS = recipe_of(
    [
        stream("native_en", "native", "en", "outside", epochs=3),
        stream("native_ja", "native", "ja", "outside", epochs=1),
        stream("pairs", "translation", "en ja", "outside", epochs=2),
    ],
    [stream("questions", "questions", "en ja", "outside", epochs=1)],
)
SHARES = recipe_of(
    [
        stream("native_en", "native", "en", "outside", share=0.05),
        stream("pairs", "translation", "en ja", "outside", share=0.95, repeat=True),
    ],
    [stream("late", "native", "ja", "outside", share=1.0)],
    shares=(0.95, 0.05),
)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Documents of a small world and two that are hard to keep."""
    folder = byte_tokenizer(tmp_path_factory.mktemp("bytes"), ((".", "Ċ"), ("t", "h")))
    documents = [ZERO, *embedded.documents(World(documents=12)), EMOJI]
    return Case(documents, vocabularies.load(folder))


def arrays_of(rows):
    return rows.batch(0, len(rows))


@pytest.mark.parametrize("attention", ["within", "across"])
@pytest.mark.parametrize("packing", ["cut", "whole"])
def test_rows_of_an_epoch_recipe_give_every_document_back(tmp_path, case, packing, attention):
    settings = Settings(sequence_length=190, packing=packing, attention=attention)
    found = texts_in(build_rows(tmp_path, EPOCHS, settings, case))
    for one in (one for phase in EPOCHS.phases for one in phase.streams):
        expected = {}
        for document in case.documents:
            for text in texts_of(document, one.kind, tuple(one.languages), {}):
                ids = [*case.vocabulary.encode(str(text)), case.vocabulary.eos_id]
                held = expected.setdefault((one.name, document.id, text.form), Counter())
                held.update(dict.fromkeys(enumerate(ids), one.epochs))
        assert {key: held for key, held in found.items() if key[0] == one.name} == expected


def test_detokenised_rows_are_the_texts_of_the_documents(tmp_path, case):
    found = texts_in(build_rows(tmp_path, EPOCHS, Settings(sequence_length=64), case))
    for document in case.documents:
        for name, kind, languages in (("native_en", "native", ("en",)), ("pairs", "translation", ("en", "ja"))):
            for text in texts_of(document, kind, languages, {}):
                ids = [token for _, token in sorted(found[name, document.id, text.form])]
                assert case.vocabulary.decode(ids[:-1]) == str(text)
    assert [token for _, token in sorted(found["native_en", "zero", "native"])][2:-1] == [0, 0, 0]


@pytest.mark.parametrize("packing", ["cut", "whole"])
def test_the_ledgers_characters_are_those_that_the_tokens_spell(tmp_path, case, packing):
    """An entry whose tokens are whole characters decodes to the document's own text from from_char to to_char."""
    rows = build_rows(tmp_path, EPOCHS, Settings(sequence_length=500, packing=packing), case)
    documents = {document.id: document for document in case.documents}
    arrays, row, column, exact, whole = arrays_of(rows), -1, 0, 0, 0
    for entry in rows.ledger().to_pylist():
        row, column = (row, column) if entry["row"] == row else (entry["row"], 0)
        ids = [int(token) for token in arrays["tokens"][row, column : column + entry["tokens"]]]
        column += entry["tokens"]
        spelt = case.vocabulary.decode([token for token in ids if token != case.vocabulary.eos_id])
        own = documents[entry["document"]].text(entry["language"])
        if entry["from_char"] < 0:
            assert (entry["from_char"], entry["to_char"]) == (-1, -1)
        elif "\ufffd" not in spelt:
            # Only a full stop may stand in the next entry: it shares its token with the line feed of the label.
            held = own[entry["from_char"] : entry["to_char"]]
            assert held in (spelt, f"{spelt}.")
            exact, whole = exact + 1, whole + (held == own)
    assert exact > 100
    assert whole > 20


def test_segments_number_the_texts_of_a_row_and_positions_restart_with_each(tmp_path, case):
    rows = build_rows(tmp_path / "within", EPOCHS, Settings(sequence_length=300, packing="whole"), case)
    arrays = arrays_of(rows)
    for number in range(len(rows)):
        pieces = []
        for entry in rows[number].pieces:
            # A text that goes on in another part is one piece; one that begins anew is another.
            if pieces and entry["from_token"] == pieces[-1][1] and entry["document"] == pieces[-1][2]:
                pieces[-1] = (pieces[-1][0] + entry["tokens"], entry["to_token"], entry["document"])
            else:
                pieces.append((entry["tokens"], entry["to_token"], entry["document"]))
        segments = [place for place, piece in enumerate(pieces, start=1) for _ in range(piece[0])]
        positions = [column for piece in pieces for column in range(piece[0])]
        padding = 300 - len(segments)
        assert arrays["segment_ids"][number].tolist() == segments + [0] * padding
        assert arrays["positions"][number].tolist() == positions + list(range(padding))
        assert arrays["loss_mask"][number].tolist() == [1] * len(segments) + [0] * padding
        assert set(arrays["tokens"][number, len(segments) :]) <= {case.vocabulary.pad_id}


def test_across_documents_a_row_is_one_segment(tmp_path, case):
    rows = build_rows(tmp_path, EPOCHS, Settings(sequence_length=300, attention="across"), case)
    arrays = arrays_of(rows)
    real = arrays["loss_mask"].sum(1)
    for number in range(len(rows)):
        assert arrays["segment_ids"][number].tolist() == [1] * real[number] + [0] * (300 - real[number])
        assert arrays["positions"][number, : real[number]].tolist() == list(range(real[number]))


def test_budgets_are_exact_and_cut_only_the_last_document(tmp_path, case):
    settings = Settings(sequence_length=128, total_tokens=120_001)
    rows = build_rows(tmp_path, SHARES, settings, case)
    # 120,001 x 0.95 x 0.05, 120,001 x 0.95 x 0.95 and 120,001 x 0.05, to the nearest whole token.
    wanted = {"native_en": 5700, "pairs": 108_301, "late": 6000}
    assert {one["name"]: one["tokens"] for one in rows.meta["streams"]} == wanted
    assert [one["name"] for one in rows.meta["streams"] if one["epochs"] > 1] == ["pairs"]
    assert int(arrays_of(rows)["loss_mask"].sum()) == rows.meta["tokens"] == sum(wanted.values())
    kinds = {one.name: (one.kind, tuple(one.languages)) for phase in SHARES.phases for one in phase.streams}
    for one in rows.meta["streams"]:
        padding = one["rows"] * 128 - one["tokens"]
        assert 0 <= padding < 128 * one["epochs"]
        held = {key[1:]: places for key, places in texts_in(rows).items() if key[0] == one["name"]}
        cut = 0
        for document in case.documents:
            for text in texts_of(document, *kinds[one["name"]], {}):
                size = len(case.vocabulary.encode(str(text))) + 1
                places = held.get((document.id, text.form), Counter())
                times = Counter(place for place, _ in places.elements())
                cut += len({times[place] for place in range(size)}) > 1
                assert {times[place] for place in range(size)} <= {one["epochs"], one["epochs"] - 1}
        assert cut <= 1


def test_phases_follow_one_another_and_passes_share_out_what_has_fewer_epochs(tmp_path, case):
    rows = build_rows(tmp_path, EPOCHS, Settings(sequence_length=64), case)
    names = [rows.streams[number] for number in arrays_of(rows)["stream"]]
    late = names.count("questions")
    assert names[-late:] == ["questions"] * late
    pass_rows = next(one["rows"] // one["epochs"] for one in rows.meta["streams"] if one["name"] == "native_en")
    ends = [place for place, name in enumerate(names) if name == "native_en"]
    # In each third of the phase: one epoch of native_en, a third of native_ja, two thirds of an epoch of the pairs.
    bounds = [0, *(ends[count * pass_rows - 1] for count in (1, 2, 3))]
    for name, total in ((name, names.count(name)) for name in ("native_ja", "pairs")):
        inside = [names[: bounds[number]].count(name) for number in (1, 2, 3)]
        # The last row of native_en in a pass is near the end of the pass, never beyond it.
        assert all(count <= -(-total * number // 3) for number, count in enumerate(inside, start=1))
        assert all(count > total * (number - 1) / 3 for number, count in enumerate(inside, start=1))


def test_with_whole_texts_packed_best_fit_every_pass_is_an_epoch_too(tmp_path, case):
    """Best fit gives each epoch another number of rows."""
    recipe = recipe_of([stream("native_en", "native", "en", "outside", epochs=4)])
    rows = build_rows(tmp_path, recipe, Settings(sequence_length=190, packing="whole"), case)
    texts = {one.id: str(next(texts_of(one, "native", ("en",), {}))) for one in case.documents}
    once = Counter({document: len(case.vocabulary.encode(text)) + 1 for document, text in texts.items()})
    passes = [Counter()]
    for entry in rows.ledger().to_pylist():
        if passes[-1].total() == once.total():
            passes.append(Counter())
        passes[-1][entry["document"]] += entry["tokens"]
    assert passes == [once] * 4


def test_the_same_recipe_gives_the_same_rows_and_another_seed_others(tmp_path, case):
    made = [
        build_rows(tmp_path / str(number), EPOCHS, Settings(sequence_length=64, seed=seed), case)
        for number, seed in enumerate((0, 0, 1))
    ]
    first, again, other = (arrays_of(rows)["tokens"] for rows in made)
    assert np.array_equal(first, again)
    assert made[0].ledger().equals(made[1].ledger())
    assert not np.array_equal(first, other[: len(first)])
    assert Counter(first[first > 0]) == Counter(other[other > 0])


def test_the_rows_of_a_fixed_recipe_are_the_same_for_ever(tmp_path):
    """The text of the world, the order of documents, the cut, the shuffle and the store stand behind these values."""
    vocabulary = vocabularies.load(byte_tokenizer(tmp_path / "bytes"))
    case = Case(list(embedded.documents(World(documents=60))), vocabulary)
    rows = build_rows(tmp_path / "rows", SHARES, Settings(sequence_length=64, total_tokens=120_000, seed=5), case)
    names = ("tokens", "segment_ids", "positions", "loss_mask", "stream")
    parts = [rows.batch(0, 1000), rows.batch(1000, len(rows) - 1000)]
    found = [digest(b"".join(part[name].astype("<i4").tobytes() for name in names)) for part in parts]
    assert found == ["d5ef9e1931453871", "183f3932447fd660"]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Ten thousand short rows of a fixed recipe, attention across documents."""
    home = tmp_path_factory.mktemp("many")
    case = Case(list(embedded.documents(World(documents=60))), vocabularies.load(byte_tokenizer(home / "bytes")))
    settings = Settings(sequence_length=12, total_tokens=120_100, seed=5, attention="across")
    return build_rows(home / "rows", SHARES, settings, case)


def digest_of(batches):
    """Digest of all arrays of batches, one batch after the other."""
    parts = [batch[name] for name in ("tokens", "segment_ids", "positions", "loss_mask", "stream") for batch in batches]
    return digest(b"".join(part.astype("<i4").tobytes() for part in parts))


def test_the_first_ten_thousand_rows_are_the_same_for_any_number_of_hosts_and_from_any_step(many):
    steps, size = range(125), 80
    assert 0 <= len(many) - 10_000 < 100
    whole = [many.batch(0, 10_000)]
    assert digest_of(whole) == "254e1270962ec876"
    for hosts in (1, 2, 4, 8):
        dealt = [many.host_batch(step, size, host, hosts) for step in steps for host in range(hosts)]
        assert digest_of(dealt) == digest_of(whole)
    for step in (3, 124):
        again = Rows(many.folder).host_batch(step, size, 3, 4)
        assert np.array_equal(again["tokens"], whole[0]["tokens"][step * 80 + 60 : step * 80 + 80])


def test_a_batch_that_hosts_cannot_share_is_refused(many):
    with pytest.raises(UserError, match=r"batch_size is 80; it must be a multiple of the 3 hosts"):
        many.host_batch(0, 80, 0, 3)


def test_a_row_is_read_with_its_own_part_of_the_ledger(many, monkeypatch):
    """The ledger is cut into row groups as the rows are into shards, and of all groups one is read."""
    whole, read = many.ledger(), []
    group = pq.ParquetFile.read_row_groups

    def counted(self, numbers, *rest, **named):
        read.append(numbers)
        return group(self, numbers, *rest, **named)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", counted)
    for number in (0, 1023, 1024, 9_999):
        own = whole.filter(pc.equal(whole["row"], number)).drop_columns(["row"])
        assert many[number].pieces == own.to_pylist()
    assert read == [[0], [0], [1], [9]]
    assert many.entries(1000, 1100).equals(whole.filter(pc.is_in(whole["row"], pa.array(range(1000, 1100)))))
    assert pa.concat_tables(many.ledger_blocks()).equals(whole)


def test_the_number_of_rows_in_a_shard_does_not_change_them(tmp_path, case, monkeypatch):
    settings = Settings(sequence_length=256)
    one = build_rows(tmp_path / "one", EPOCHS, settings, case)
    monkeypatch.setattr(store, "ROWS_A_SHARD", 7)
    many = build_rows(tmp_path / "many", EPOCHS, settings, case)
    assert len(list((tmp_path / "many" / "tokens" / "c").iterdir())) == -(-len(many) // 7)
    for name, array in arrays_of(one).items():
        assert np.array_equal(array, arrays_of(many)[name]), name
    assert many.ledger().combine_chunks().equals(one.ledger().combine_chunks())


def test_rows_are_read_one_by_one_in_batches_and_past_the_end(tmp_path, case):
    rows = build_rows(tmp_path, EPOCHS, Settings(sequence_length=256), case)
    last = len(rows) - 1
    batch = rows.batch(last - 1, 5)
    assert batch["tokens"].shape == (5, 256)
    for place, number in enumerate((last - 1, last)):
        row = rows[number]
        assert np.array_equal(row.tokens, batch["tokens"][place])
        assert np.array_equal(row.loss_mask, batch["loss_mask"][place])
        assert row.stream == rows.streams[batch["stream"][place]]
        assert sum(piece["tokens"] for piece in row.pieces) == row.loss_mask.sum()
    for name in ("loss_mask", "segment_ids", "tokens"):
        assert not batch[name][2:].any()
        assert not rows.batch(len(rows) + 3, 2)[name].any()
    with pytest.raises(IndexError, match=f"row {len(rows)} of {len(rows)}"):
        rows[len(rows)]


def test_the_ledger_is_in_the_order_of_rows_and_holds_every_token(tmp_path, case):
    rows = build_rows(tmp_path, EPOCHS, Settings(sequence_length=256), case)
    ledger, arrays = rows.ledger(), arrays_of(rows)
    numbers = ledger["row"].to_numpy()
    assert (np.diff(numbers) >= 0).all()
    counted = np.bincount(numbers, weights=ledger["tokens"].to_numpy(), minlength=len(rows))
    assert counted.tolist() == arrays["loss_mask"].sum(1).tolist()
    streams = dict(zip(numbers, ledger["stream"].to_pylist(), strict=True))
    assert [streams[number] for number in range(len(rows))] == [rows.streams[one] for one in arrays["stream"]]


def test_rows_that_were_not_finished_are_refused(tmp_path, case, monkeypatch):
    settings = Settings(sequence_length=256)
    build_rows(tmp_path, EPOCHS, settings, case)

    def interrupted(path, table):
        raise ZeroDivisionError

    monkeypatch.setattr(store, "write_table", interrupted)
    with pytest.raises(ZeroDivisionError):
        build_rows(tmp_path, EPOCHS, settings, case)
    with pytest.raises(UserError, match=rf"{tmp_path}: no finished rows"):
        Rows(tmp_path)


@pytest.mark.parametrize(
    ("recipe", "settings", "fault"),
    [
        (SHARES, {}, "recipe case gives shares: the run must say rows.total_tokens"),
        (EPOCHS, {"total_tokens": 5}, "recipe case gives epochs: rows.total_tokens must be null"),
        (SHARES, {"total_tokens": 10**6}, r"stream native_en: a budget of 47,500 tokens, but it holds [\d,]+; lower"),
        (SHARES, {"total_tokens": 1}, "stream native_en: its share of rows.total_tokens is not even one token"),
        (
            recipe_of([stream("s", "native", "en", "both", epochs=1)]),
            {},
            r"stream s: no text \(arms both; languages en\)",
        ),
    ],
)
def test_budgets_that_cannot_be_met_are_told(tmp_path, case, recipe, settings, fault):
    with pytest.raises(UserError, match=fault):
        build_rows(tmp_path, recipe, Settings(**settings), case)


def test_a_recipe_that_draws_from_a_forbidden_arm_stops_with_document_stream_and_row(tmp_path, case):
    names = [document.id for document in case.documents]
    trial = Trial({name: ("en", "ja", "both")[number % 3] for number, name in enumerate(names)}, "")
    kept = recipe_of([stream("english", "native", "en", "en both", epochs=1)])
    edited = recipe_of([stream("english", "native", "en", "en both ja", epochs=1)])
    settings = Settings(sequence_length=64)
    assert len(build_rows(tmp_path / "kept", kept, settings, case._replace(trial=trial))) > 0
    with pytest.raises(UserError) as caught:
        build_rows(tmp_path / "edited", edited, settings, case._replace(trial=trial))
    # The same rows where the trial permits everything, to see which is the first that breaks it.
    permitting = case._replace(trial=Trial(dict.fromkeys(names, "both"), ""))
    ledger = build_rows(tmp_path / "permitted", edited, settings, permitting).ledger().to_pylist()
    row, document = next((one["row"], one["document"]) for one in ledger if trial.arm(one["document"]) == "ja")
    first = min(one["document"] for one in ledger if one["row"] == row and trial.arm(one["document"]) == "ja")
    assert document in names
    assert f"document {first} (arm ja) stands in row {row} in en by stream english" in str(caught.value)
    assert not (tmp_path / "edited" / "meta.json").exists()
