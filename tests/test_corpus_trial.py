"""The trial: chance decides an arm by cluster and seed alone, and the arm decides what may be trained on."""

from math import sqrt

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus import ARMS, DEFAULT_SHARES, Document, Trial, assign
from jaxmlda.corpus.trial import arm_of, balance, parse_shares, write_trial
from jaxmlda.errors import UserError
from jaxmlda.storage import keyed, write_table


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
    assert balance(some, table).to_pylist() == [dict(zip(names, row, strict=True)) for row in rows]
