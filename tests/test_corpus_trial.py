"""The trial: chance decides an arm by cluster and seed alone, and the arm decides what may be trained on."""

import random
from collections import Counter
from math import sqrt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jaxmlda.corpus import ARMS, DEFAULT_SHARES, Corpus, Document, Trial, assign, write
from jaxmlda.corpus.balance import Moments, balance, difference, large, shown
from jaxmlda.corpus.trial import arm_of, check_clusters, check_corpus, parse_shares, write_trial
from jaxmlda.errors import UserError
from jaxmlda.storage import digest, keyed, read_table, write_table
from jaxmlda.verbs import corpus as verb


def documents(count, first=0):
    return [Document(f"d{number}", en="e", ja="j") for number in range(first, first + count)]


def arms(table):
    return dict(zip(table["document"].to_pylist(), table["arm"].to_pylist(), strict=True))


def test_the_arms_of_documents_stay_when_the_corpus_grows_and_whatever_its_order():
    small = arms(assign(documents(300), DEFAULT_SHARES, 7))
    large = arms(assign(documents(900)[::-1], DEFAULT_SHARES, 7))
    assert small.items() <= large.items()


def test_documents_of_one_cluster_are_in_one_arm():
    many = [Document(f"d{number}", en="e", ja="j", cluster=f"c{number % 40}") for number in range(400)]
    found = arms(assign(many, DEFAULT_SHARES, 0))
    by_cluster = {one.cluster: {found[other.id] for other in many if other.cluster == one.cluster} for one in many}
    assert {len(names) for names in by_cluster.values()} == {1}
    assert {found[one.id] for one in many} == set(ARMS)


def test_another_seed_gives_another_trial():
    first, second = (arms(assign(documents(300), DEFAULT_SHARES, seed)) for seed in (0, 1))
    same = sum(first[name] == second[name] for name in first)
    # Two independent assignments agree with probability equal to the sum of the squared shares.
    expected = sum(share**2 for share in DEFAULT_SHARES.values())
    assert abs(same - 300 * expected) < 5 * sqrt(300 * expected * (1 - expected))


@pytest.mark.parametrize("shares", [DEFAULT_SHARES, {"en": 0.5, "none": 0.5}, {"ja": 1.0}])
def test_shares_are_met_within_what_chance_allows(shares):
    count = 4000
    found = list(arms(assign(documents(count), shares, 3)).values())
    for arm in ARMS:
        share = shares.get(arm, 0.0)
        assert abs(found.count(arm) - count * share) <= 4.5 * sqrt(count * share * (1 - share))


@settings(deadline=None)
@given(st.text(max_size=6), st.integers(0, 99), st.permutations(list(DEFAULT_SHARES)))
def test_the_arm_is_where_the_point_falls_among_the_shares_laid_end_to_end(cluster, seed, order):
    point = keyed("trial", seed, cluster) / 2**64
    laid = [("en", 0.25), ("ja", 0.5), ("both", 0.65), ("none", 0.85), ("bridge", 1.0)]
    expected = next(arm for arm, end in laid if point < end)
    assert arm_of(cluster, {arm: DEFAULT_SHARES[arm] for arm in order}, seed) == expected


def test_documents_with_one_language_are_outside():
    mixed = [Document("a", en="e"), Document("b", ja="j"), *documents(50)]
    found = arms(assign(mixed, DEFAULT_SHARES, 0))
    assert (found.pop("a"), found.pop("b")) == ("outside", "outside")
    assert "outside" not in found.values()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("en=.5,ja=.6", "must sum to 1, not to 1.1"),
        ("en=.5", "must sum to 1, not to 0.5"),
        ("en=-.5,ja=1.5", "must not be negative"),
        ("en=nan,ja=1", "must sum to 1, not to nan"),
        ("en=.5,en=.5", "en is given twice"),
        ("en=.5,control=.5", "control unknown; the arms are en, ja, both, none, bridge"),
        ("outside=1", "outside unknown"),
        ("en", "'en' is not ARM=SHARE"),
        ("en=half,ja=.5", "'en=half' is not ARM=SHARE"),
        ("", "'' is not ARM=SHARE"),
    ],
)
def test_shares_that_are_none_are_refused(text, fault):
    with pytest.raises(UserError, match=fault):
        parse_shares(text)


def test_shares_are_read_as_written():
    assert parse_shares("en=.25, ja=0.25,none=5e-1") == {"en": 0.25, "ja": 0.25, "none": 0.5}


# arm: native English, native Japanese, English in a transfer stream, Japanese in a transfer stream
PERMITS = {
    "en": (True, False, True, False),
    "ja": (False, True, False, True),
    "both": (True, True, True, True),
    "none": (False, False, False, False),
    "bridge": (False, False, True, True),
    "outside": (True, True, True, True),
}


@pytest.mark.parametrize("arm", PERMITS)
def test_an_arm_permits_what_the_contract_says(arm):
    trial = Trial({"d": arm}, "")
    cases = [("en", False), ("ja", False), ("en", True), ("ja", True)]
    assert tuple(trial.permits("d", language, transfer) for language, transfer in cases) == PERMITS[arm]


def test_a_document_that_the_trial_does_not_know_is_outside(tmp_path):
    trial = Trial.read(write_trial(assign(documents(5), {"none": 1.0}, 0), tmp_path))
    assert [trial.arm(f"d{number}") for number in (0, 4, 5)] == ["none", "none", "outside"]
    assert Trial.read(None).arm("d0") == "outside"


def test_a_stored_trial_is_told_apart_by_its_arms_alone(tmp_path):
    first, again, other = (
        Trial.read(write_trial(assign(documents(80), DEFAULT_SHARES, seed), tmp_path / str(number)))
        for number, seed in enumerate((0, 0, 1))
    )
    assert first == again
    assert first.digest != other.digest


def test_a_table_that_is_no_trial_is_refused(tmp_path):
    write_table(tmp_path / "t.parquet", pa.table({"document": ["a"], "row": [1]}))
    with pytest.raises(UserError, match=r"t\.parquet: no trial table"):
        Trial.read(tmp_path / "t.parquet")


def test_the_balance_counts_documents_clusters_and_characters_of_each_arm():
    some = [
        Document("a", en="12345", ja="123", cluster="k"),
        Document("b", en="1", ja="12", cluster="k"),
        Document("c", en="1234", ja="1"),
        Document("d", ja="1234567"),
    ]
    table = pa.table({"document": list("abcd"), "cluster": ["k", "k", "c", "d"], "arm": ["ja", "ja", "en", "outside"]})
    names = ("arm", "clusters", "documents", "characters_en", "characters_ja")
    rows = [("en", 1, 1, 4, 1), ("ja", 1, 2, 6, 5), ("outside", 1, 1, 0, 7)]
    assert balance(some, table).select(names).to_pylist() == [dict(zip(names, row, strict=True)) for row in rows]


def varied(count, seed):
    """Documents of many lengths, years (some unknown), subjects and cluster sizes, some with one text."""
    rng = random.Random(seed)
    return [
        Document(
            f"d{number}",
            en="e" * rng.randint(1, 90) if rng.random() < 0.9 else "",
            ja="j" * rng.randint(1, 40),
            year=rng.choice([0, *range(1990, 2024)]),
            subjects=[f"s{place}" for place in range(14) if rng.random() < 0.9 / (place + 1)] * rng.randint(1, 2),
            cluster=f"c{rng.randrange(count)}",
        )
        for number in range(count)
    ]


def measured(documents, clusters):
    """Every variable of some documents as a plain list."""
    sizes = list(clusters.values())
    found = {
        "characters en": [len(one.en) for one in documents if one.en],
        "characters ja": [len(one.ja) for one in documents if one.ja],
        "year": [one.year for one in documents if one.year],
        "cluster size": [sizes.count(clusters[one.id]) for one in documents],
    }
    return found | {f"subject s{n}": [float(f"s{n}" in one.subjects) for one in documents] for n in range(14)}


@pytest.mark.parametrize("shares", [DEFAULT_SHARES, {"en": 0.5, "ja": 0.3, "both": 0.2}])
def test_differences_of_the_balance_are_those_of_numpy(shares):
    documents = varied(400, 1)
    table = assign(documents, shares, 0)
    arm_of_document, clusters = arms(table), {one.id: one.cluster for one in documents}
    rows = {row["arm"]: row for row in balance(documents, table).to_pylist()}
    assert set(rows) == {*shares, "outside"}
    for arm in shares:
        inside = ["none"] if "none" in shares else [other for other in shares if other != arm]
        own, other = (
            measured([one for one in documents if arm_of_document[one.id] in names], clusters)
            for names in ([arm], inside)
        )
        for name in [key.removeprefix("mean ") for key in rows[arm] if key.startswith("mean ")]:
            assert rows[arm][f"mean {name}"] == pytest.approx(np.mean(own[name]))
            if arm == "none":
                assert rows[arm][f"d {name}"] is None
                continue
            pooled = np.sqrt((np.var(own[name], ddof=1) + np.var(other[name], ddof=1)) / 2)
            d = (np.mean(own[name]) - np.mean(other[name])) / pooled
            assert rows[arm][f"d {name}"] == pytest.approx(d, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 30), st.integers(0, 10**6))
def test_the_difference_of_two_samples_of_one_size_is_welchs_t_by_the_root_of_half_the_size(size, seed):
    rng = random.Random(seed)
    samples = [[rng.gauss(mean, 1 + mean) for _ in range(size)] for mean in (0, rng.random())]
    moments = [Moments(), Moments()]
    for one, sample in zip(moments, samples, strict=True):
        for value in sample:
            one.add(value)
    t = stats.ttest_ind(*samples, equal_var=False).statistic
    assert difference(*moments) == pytest.approx(t / sqrt(size / 2))
    merged = moments[0].merged(moments[1])
    assert merged.variance == pytest.approx(np.var(samples[0] + samples[1], ddof=1))


def test_the_balance_has_the_ten_most_frequent_subjects_of_assigned_documents():
    documents = varied(300, 2)
    documents += [Document(f"o{number}", ja="j", subjects=["only outside"]) for number in range(400)]
    table = assign(documents, DEFAULT_SHARES, 0)
    found = [name for name in balance(documents, table).column_names if name.startswith("mean subject ")]
    placed = arms(table)
    counts = Counter(name for one in documents if placed[one.id] != "outside" for name in set(one.subjects))
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    assert found == [f"mean subject {name}" for name in ranked[:10]]
    outside = balance(documents, table).to_pylist()[-1]
    assert outside["arm"] == "outside"
    assert [value for name, value in outside.items() if name.startswith("d ")] == [None] * 14


def test_a_variable_without_spread_differs_by_nothing_or_cannot_be_told():
    some = [Document(name, en="e" * size, ja="j") for name, size in zip("abcd", (2, 2, 3, 3), strict=True)]
    table = pa.table({"document": list("abcd"), "cluster": list("abcd"), "arm": ["en", "en", "none", "none"]})
    row = balance(some, table).to_pylist()[0]
    assert (row["d characters ja"], row["d characters en"], row["mean year"], row["d year"]) == (0.0, None, None, None)


def test_what_is_out_of_balance_is_told_and_nothing_else(tmp_path, caplog, capsys):
    some = [Document(name, en="e" * size, ja="j") for name, size in zip("abcd", (2, 4, 3, 5), strict=True)]
    table = pa.table({"document": list("abcd"), "cluster": list("abcd"), "arm": ["en", "en", "none", "none"]})
    balanced = balance(some, table)
    # (3 - 4) / sqrt((2 + 2) / 2) by hand
    assert balanced.to_pylist()[0]["d characters en"] == pytest.approx(-1 / sqrt(2))
    assert list(large(balanced)) == ["en: characters en -0.71"]
    assert "3.00 (-0.71)  4.00" in shown(balanced)
    write([Document(f"d{n}", en="e" * (n % 7 + 1), ja="j") for n in range(400)], tmp_path, {})
    with caplog.at_level("WARNING", "jaxmlda"):
        verb.run(["trial", str(tmp_path), "--no-duplicates"])
    rows = read_table(tmp_path / "balance.parquet").to_pylist()
    uneven = any(abs(value or 0) > 0.25 for row in rows for name, value in row.items() if name.startswith("d "))
    assert uneven == bool(caplog.messages)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == list(ARMS)
    assert printed[1].replace(",", "").split() == ["documents", *(str(row["documents"]) for row in rows)]


def test_the_trial_of_a_corpus_knows_its_own_digest_and_that_of_the_documents(tmp_path, caplog):
    write(documents(40), tmp_path, {})
    with caplog.at_level("INFO", "jaxmlda"):
        verb.run(["trial", str(tmp_path), "--no-duplicates"])
    meta = read_table(tmp_path / "trial.parquet").schema.metadata
    trial = Trial.read(tmp_path / "trial.parquet")
    assert meta[b"digest"].decode() == trial.digest == digest(trial.arms)
    assert meta[b"corpus"].decode() == trial.corpus == Corpus(tmp_path).digest
    assert f"{tmp_path}: digest {trial.digest}" in caplog.messages


def test_a_trial_of_other_documents_is_refused(tmp_path):
    for name, count in (("own", 40), ("grown", 50), ("less", 30)):
        write(documents(count), tmp_path / name, {})
    own, grown, less = (Corpus(tmp_path / name) for name in ("own", "grown", "less"))
    trial = Trial.read(write_trial(assign(own, DEFAULT_SHARES, 0, corpus=own.digest), tmp_path))
    check_corpus(trial, own)
    with pytest.raises(
        UserError, match=rf"assigned on documents of digest {own.digest}, .*grown now has {grown.digest}"
    ):
        check_corpus(trial, grown)
    with pytest.raises(UserError, match=r"trial: 10 of its 40 documents are not in .*less; first: d30"):
        check_corpus(trial, less)
    # A table made by hand does not say what it was made on; its documents have to be there.
    by_hand = Trial(trial.arms, trial.digest)
    check_corpus(by_hand, grown)
    with pytest.raises(UserError, match="not in"):
        check_corpus(by_hand, less)
    check_corpus(Trial.read(None), less)


def test_documents_with_one_language_share_the_arm_of_their_cluster():
    some = [
        Document("a", en="e", cluster="k"),
        Document("b", en="e", ja="j", cluster="k"),
        Document("c", ja="j", cluster="alone"),
    ]
    found = assign(some, {"none": 1.0}, 0)
    assert arms(found) == {"a": "none", "b": "none", "c": "outside"}
    check_clusters(found)
    assert arms(assign(some, {"none": 1.0}, 0, {"a": "a", "b": "b", "c": "b"})) == {
        "a": "outside",
        "b": "none",
        "c": "none",
    }


def test_an_own_table_that_splits_a_cluster_is_refused_by_its_documents():
    table = pa.table({"document": list("abcd"), "cluster": list("kkmm"), "arm": ["none", "en", "ja", "ja"]})
    with pytest.raises(UserError, match=r"trial: 1 near-duplicates .*: a \(none\) and b \(en\); assign it again"):
        check_clusters(table)
    # A document that the table does not know is outside.
    with pytest.raises(UserError, match=r"c \(ja\) and e \(outside\)"):
        check_clusters(table, {"c": "m", "e": "m"})
    check_clusters(table, {"c": "m", "d": "m", "a": "a", "b": "b"})
