import numpy as np
import pyarrow as pa
import pytest

from jaxmlda import storage
from jaxmlda.probe import accuracy, tables
from jaxmlda.probe.rules import Scored
from jaxmlda.questions import Question


def made(*of, neutral=None, alone=None):
    """A table from (gold indices, [(sum_logp, n_tok, n_char, n_byte)]) per question."""
    questions = [
        Question(f"q{i}", "?", [str(o) for o in range(len(rows))], gold, {"docid": f"d{i}"}, "en_generalization")
        for i, (gold, rows) in enumerate(of)
    ]
    scored = [[Scored((1, 2), (1,), (), *row[1:], False) for row in rows] for _, rows in of]
    sums = np.array([row[0] for _, rows in of for row in rows], np.float32)
    n = len(sums)
    where = np.arange(n) if neutral is None else np.where(np.isnan(neutral), -1, np.arange(n))
    option_sums = np.concatenate(
        [np.nan_to_num(np.zeros(n) if neutral is None else neutral), np.zeros(n) if alone is None else alone]
    )
    items = tables.items(
        "s",
        questions,
        scored,
        neutral=where,
        alone=np.arange(n) + n,
        n_tok_alone=np.full(n, 2),
        has_rest=False,
    )
    return tables.build(items, 7, "abc", sums, option_sums.astype(np.float32))


BY_HAND = made(
    (
        (1,),
        [(-4.0, 2, 8, 8), (-5.0, 5, 5, 50)],
    ),  # sum: 0 (wrong); token: -2 < -1, right; char: -.5 > -1, wrong; byte right
    ((0,), [(-3.0, 1, 1, 1), (-6.0, 2, 3, 3)]),  # sum right; token tied; char and byte: -3 < -2, wrong
)


@pytest.mark.parametrize(
    ("by", "share", "expected"),
    [
        ("sum", True, 0.5),
        ("token", True, (1 + 0.5) / 2),
        ("token", False, 1.0),
        ("char", True, 0.0),
        ("byte", True, 0.5),
        ("pmi", True, 0.5),
        ("delta", True, None),
    ],
)
def test_accuracies_by_hand(by, share, expected):
    assert accuracy.accuracy(BY_HAND, by, share=share) == expected


def test_ties_give_each_option_its_share_or_the_first_one_everything():
    table = made(((2,), [(-1.0, 1, 1, 1)] * 4), ((0, 1), [(-1.0, 1, 1, 1)] * 3))
    assert accuracy.credits(table, "sum", share=True)[0].tolist() == [1 / 4, 2 / 3]
    assert accuracy.credits(table, "sum", share=False)[0].tolist() == [0.0, 1.0]
    assert accuracy.credits(table, "sum", share=True)[1].tolist() == [4, 3]


def test_pmi_leaves_questions_without_a_neutral_score_out():
    rows = [(-4.0, 1, 1, 1), (-5.0, 1, 1, 1)]
    table = made(((1,), rows), ((1,), rows), neutral=np.array([-1.0, -9.0, np.nan, np.nan]))
    assert accuracy.credits(table, "pmi", share=True)[0][0] == 1.0
    assert accuracy.accuracy(table, "pmi", share=True) == 1.0
    assert accuracy.accuracy(made(((1,), rows), neutral=np.full(2, np.nan)), "pmi", share=True) is None
    assert table.column("sum_logp_neutral").null_count == 2


def test_delta_is_the_change_since_step_0():
    base = made(((0,), [(-9.0, 1, 1, 1), (-2.0, 1, 1, 1)]))
    now = made(((0,), [(-5.0, 1, 1, 1), (-1.0, 1, 1, 1)]))
    assert accuracy.accuracy(now, "sum", share=True) == 0.0
    assert accuracy.accuracy(now, "delta", share=True, base=base) == 1.0


def test_an_option_without_a_scored_token_is_never_chosen():
    table = made(((1,), [(0.0, 0, 3, 3), (-7.0, 3, 3, 3)]))
    assert all(accuracy.accuracy(table, by, share=True) == 1.0 for by in ("sum", "token", "char", "byte", "pmi"))


def test_options_alone_are_compared_per_token():
    table = made(((1,), [(-1.0, 1, 1, 1), (-9.0, 1, 1, 1)]), alone=np.array([-8.0, -2.0]))
    assert accuracy.scores(table, "alone").tolist() == [-4.0, -1.0]
    assert accuracy.accuracy(table, "alone", share=True) == 1.0


def test_shuffled_gold_labels_give_chance():
    rng = np.random.default_rng(0)
    n = 4000
    table = made(*[((int(rng.integers(4)),), [(-float(x), 1, 1, 1) for x in rng.random(4)]) for _ in range(n)])
    assert accuracy.accuracy(table, "sum", share=True) == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / n))


def test_a_table_is_the_same_after_writing_and_reading(tmp_path):
    storage.write_table(tmp_path / "t.parquet", BY_HAND)
    back = storage.read_table(tmp_path / "t.parquet")
    assert back.schema.equals(tables.SCHEMA)
    assert back.equals(BY_HAND)


def test_the_schema_is_that_of_the_contract():
    assert tables.SCHEMA.names[:21] == [
        "step",
        "digest",
        "set",
        "question",
        "option",
        "gold",
        "document",
        "cluster",
        "language",
        "written_in",
        "form",
        "pair",
        "sum_logp",
        "sum_logp_rest",
        "n_tok",
        "n_char",
        "n_byte",
        "sum_logp_neutral",
        "sum_logp_alone",
        "truncated",
        "merged",
    ]
    assert tables.SCHEMA.names[21:] == ["n_tok_alone"]
    floats = {f.name for f in tables.SCHEMA if f.type == pa.float64()}
    assert floats == {"sum_logp", "sum_logp_rest", "sum_logp_neutral", "sum_logp_alone"}
    assert BY_HAND.column("sum_logp_rest").null_count == 4
