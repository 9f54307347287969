import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probe_case import decoder, naive_logp, params, sets, vocabulary

from jaxmlda.errors import UserError
from jaxmlda.parallel import make_mesh
from jaxmlda.probe import packing, rules, templates, trees
from jaxmlda.probe.prepare import prepare
from jaxmlda.probe.scorer import Scorer
from jaxmlda.probe.trees import Strand


def planned(rule="joint", rows_per_batch=None, row_length=None, given_sets=None):
    scorer = Scorer(decoder(), rows_per_batch=rows_per_batch)
    template = templates.load("adaxeval")
    split = rule == "joint"
    ready = prepare(
        given_sets or sets(),
        vocabulary(),
        rules.by_name(rule),
        template,
        scorer,
        split=split,
        row_length=row_length,
    )
    return scorer, ready


def one_by_one(rule, name):
    """Answer sums, then rest sums, each option by a forward pass of its own."""
    template, answers, rests = templates.load("adaxeval"), [], []
    for question in sets()[name]:
        for option in question.options:
            scored = rules.by_name(rule)(vocabulary(), *template.split(question, option))
            answers.append(naive_logp(scored.ids, scored.answer).sum())
            rests.append(naive_logp(scored.ids, scored.rest).sum() if scored.rest else 0.0)
    return np.array(answers + (rests if rule == "joint" else []))


@pytest.mark.parametrize("rule", ["joint", "harness", "published"])
def test_trees_score_what_one_request_at_a_time_scores(rule):
    scorer, ready = planned(rule)
    spread = []
    for name in sets():
        sums, expected = scorer.score(params(), ready.plans[name]), one_by_one(rule, name)
        np.testing.assert_allclose(sums, expected, atol=1e-4)
        spread.append(np.ptp(expected))
    assert min(spread) > 5  # scores that lie close together would prove little


def test_neutral_and_alone_score_each_distinct_option_once_and_as_one_request_does():
    scorer, ready = planned()
    sums = scorer.score(params(), ready.options)
    template = templates.load("adaxeval")
    asked = {(q.language, o) for of in sets().values() for q in of for o in q.options}
    assert ready.options.n_slots == len(asked) + len({o for _, o in asked})
    for name, of in sets().items():
        options = [(q, o) for q in of for o in q.options]
        for place, (question, option) in enumerate(options):
            alone = rules.joint(vocabulary(), "", option, "")
            assert sums[ready.items[name].alone[place]] == pytest.approx(
                naive_logp(alone.ids, alone.answer).sum(), abs=1e-4
            )
            neutral = ready.items[name].neutral[place]
            if question.question.startswith("[BLANK]"):
                assert neutral == -1
                continue
            scored = rules.joint(vocabulary(), *template.neutral(question.language, option))
            assert sums[neutral] == pytest.approx(naive_logp(scored.ids, scored.answer).sum(), abs=1e-4)


def test_the_sets_of_the_tests_hold_the_hard_cases():
    scored = [
        [rules.joint(vocabulary(), *templates.load("adaxeval").split(q, o)) for o in q.options]
        for of in sets().values()
        for q in of
    ]
    assert any(len(s.answer) == 1 for of in scored for s in of)
    assert any(s.answer[0] == 1 for of in scored for s in of)
    assert any(len({s.ids[s.answer[0]] for s in of}) < len(of) for of in scored)
    assert {len(of) for of in scored} >= {2, 3, 4, 5}


@pytest.mark.parametrize(("row_length", "rows_per_batch"), [(96, 1), (128, 3), (512, 2)])
def test_row_length_and_rows_per_batch_change_no_score(row_length, rows_per_batch):
    scorer, ready = planned()
    other_scorer, other = planned(row_length=row_length, rows_per_batch=rows_per_batch)
    assert other.options.shape.length == row_length
    assert other.options.shape.rows == rows_per_batch
    for name in sets():
        np.testing.assert_allclose(
            other_scorer.score(params(), other.plans[name]),
            scorer.score(params(), ready.plans[name]),
            rtol=1e-6,
            atol=1e-5,
        )


def test_the_order_of_questions_changes_no_score():
    name = "en_knowledge_generalization"
    of = sets()[name]
    scorer, ready = planned(given_sets={name: of})
    other_scorer, other = planned(given_sets={name: of[::-1]})
    sizes = [len(q.options) for q in of]
    straight = np.split(scorer.score(params(), ready.plans[name])[: sum(sizes)], np.cumsum(sizes)[:-1])
    turned = np.split(other_scorer.score(params(), other.plans[name])[: sum(sizes)], np.cumsum(sizes[::-1])[:-1])
    for one, other_one in zip(straight, turned[::-1], strict=True):
        np.testing.assert_allclose(one, other_one, rtol=1e-6, atol=1e-5)


def test_the_same_weights_have_the_same_bits_compiled_ahead_or_not():
    scorer, ready = planned()
    plan = ready.plans["ja_knowledge_memorization"]
    before = scorer.score(params(), plan)
    fresh, _ = planned()
    fresh.compile(decoder().abstract(), plan)
    np.testing.assert_array_equal(fresh.score(params(), plan), before)


def test_all_sets_and_checkpoints_share_one_executable():
    scorer, ready = planned()
    for seed in (0, 1):
        for plan in (*ready.plans.values(), ready.options):
            scorer.score(params(seed), plan)
    assert scorer._jitted._cache_size() == 1


def test_nothing_reaches_the_host_before_the_one_fetch_of_a_set(monkeypatch):
    scorer, ready = planned(rows_per_batch=1)
    plan = ready.plans["en_knowledge_memorization"]
    fetched = []
    real = jax.device_get
    monkeypatch.setattr(jax, "device_get", lambda x: fetched.append(len(x)) or real(x))
    with jax.transfer_guard("disallow"):
        scorer.score(params(), plan)
    assert fetched == [len(plan.batches)]
    assert len(plan.batches) > 1


def test_a_mesh_gives_the_same_scores():
    mesh = make_mesh({"data": 1, "fsdp": -1})
    scorer, ready = planned()
    sharded = Scorer(decoder(), mesh)
    plan = ready.plans["en_knowledge_memorization"]
    np.testing.assert_allclose(sharded.score(params(), plan), scorer.score(params(), plan), rtol=1e-6, atol=1e-5)


def test_bf16_rounds_weights_first_so_that_a_bf16_restore_agrees_with_float32_weights():
    _, ready = planned()
    plan = ready.plans["en_knowledge_generalization"]
    scorer = Scorer(decoder(), dtype="bf16")
    restored = jax.tree.map(lambda leaf: leaf.astype("bfloat16"), params())
    np.testing.assert_array_equal(scorer.score(params(), plan), scorer.score(restored, plan))


def test_more_edges_than_a_chunk_are_all_scored(monkeypatch):
    scorer, ready = planned()
    plan = ready.plans["en_knowledge_memorization"]
    whole = scorer.score(params(), plan)
    monkeypatch.setattr("jaxmlda.probe.scorer._chunk", lambda *_: 50)  # does not divide the number of edges
    assert plan.batches[0].n_edges > 100
    assert plan.shape.edges % 50
    np.testing.assert_allclose(Scorer(decoder()).score(params(), plan), whole, rtol=1e-6, atol=1e-5)


def test_an_id_that_the_model_does_not_know_is_an_error():
    tree = trees.build([Strand((1, 5, 7), (2,), (0,)), Strand((1, 5, 400), (2,), (1,))])
    with pytest.raises(UserError, match="id 400, the model knows 400"):
        packing.pack({"x": [tree]}, {"x": 2}, vocab_size=400)


def test_options_of_one_token_feed_nothing_beyond_the_shared_prompt():
    tree = trees.build([Strand((1, 5, 6, 10 + o), (3,), (o,)) for o in range(4)])
    assert tree.tokens.tolist() == [1, 5, 6]
    assert tree.edge_from.tolist() == [2] * 4
    assert tree.edge_target.tolist() == [10, 11, 12, 13]


strands = st.lists(
    st.builds(
        lambda head, tail, first: Strand((1, *head, *tail), tuple(range(first, 1 + len(head + tail))), ()),
        st.just((4, 5)) | st.just((4,)) | st.just((4, 5, 6)),
        st.lists(st.integers(2, 9), min_size=1, max_size=6).map(tuple),
        st.integers(1, 2),
    ),
    min_size=1,
    max_size=5,
).map(lambda many: [Strand(s.ids, s.places, (slot,) * len(s.places)) for slot, s in enumerate(many)])


@settings(max_examples=200, deadline=None)
@given(strands)
def test_every_edge_of_a_tree_sees_exactly_what_stands_before_its_target(many):
    tree = trees.build(many)
    found = {slot: [] for slot in range(len(many))}
    for place, target, slot in zip(tree.edge_from, tree.edge_target, tree.edge_slot, strict=True):
        branch = tree.branches[place]
        seen = [i for i in range(place + 1) if tree.branches[i] in (0, branch)]
        assert tree.positions[seen].tolist() == list(range(len(seen)))
        found[slot].append((*tree.tokens[seen].tolist(), int(target)))
    twins = dict(zip(*tree.twins.tolist(), strict=True))
    assert all(many[slot].ids == many[same].ids and not found[slot] for slot, same in twins.items())
    for slot, one in enumerate(many):
        assert found[twins.get(slot, slot)] == [one.ids[: place + 1] for place in one.places]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 64), min_size=1, max_size=60))
def test_packing_keeps_every_tree_once_and_no_row_overflows(sizes):
    made = [trees.build([Strand((1,) * (n + 1), (n,), (i,))]) for i, n in enumerate(sizes)]
    rows = packing.fill(made, 64)
    assert sorted(int(t.edge_slot[0]) for row in rows for t in row) == list(range(len(sizes)))
    filled = [sum(len(t.tokens) for t in row) for row in rows]
    assert max(filled) <= 64
    # First fit: whatever opened a row had no room in any row before it, so that no two rows could be one.
    assert all(a + b > 64 for a, b in itertools.combinations(filled, 2))


def test_segments_restart_in_every_row_and_padding_edges_go_to_the_spare_slot():
    made = [trees.build([Strand((1,) * (n + 1), (n,), (i,))]) for i, n in enumerate([5, 4, 3, 3])]
    plan = packing.pack({"x": made}, {"x": 4}, vocab_size=9, row_length=8, rows_per_batch=3)["x"]
    (batch,) = plan.batches
    assert batch.segments.tolist() == [[1] * 5 + [2] * 3, [1] * 4 + [2] * 3 + [0], [0] * 8]
    assert batch.edge_slot[:4].tolist() == [0, 2, 1, 3]
    assert set(batch.edge_slot[4:].tolist()) == {4}
    assert (plan.n_tokens, int(batch.n_edges), len(batch.edge_slot)) == (15, 4, 128)


@pytest.mark.parametrize(("largest", "length"), [(100, 128), (129, 256), (513, 1024)])
def test_the_row_length_is_the_smallest_power_of_two_that_holds_the_largest_tree(largest, length):
    made = [trees.build([Strand((1,) * (largest + 1), (largest,), (0,))])]
    assert packing.pack({"x": made}, {"x": 1}, vocab_size=9)["x"].shape.length == length
    with pytest.raises(UserError, match=f"needs {largest} tokens, rows hold 64"):
        packing.pack({"x": made}, {"x": 1}, vocab_size=9, row_length=64)


def test_trees_of_options_stay_small_and_keep_every_option():
    many = [Strand((1, 7, 8, *range(10, 10 + n % 9 + 1)), (n % 9 + 3,), (n,)) for n in range(300)]
    bundled = list(trees.bundle(many))
    kept = [slot for tree in bundled for slot in (*set(tree.edge_slot.tolist()), *tree.twins[0].tolist())]
    assert sorted(kept) == list(range(300))
    assert max(len(tree.tokens) for tree in bundled) <= trees.MAX_TOKENS
    assert max(tree.branches.max() for tree in bundled) <= trees.MAX_BRANCHES


def test_strands_of_the_same_tokens_are_tied_to_the_last_bit_and_fed_once():
    rng, made, expected = np.random.default_rng(0), [], []
    for number in range(40):
        ids, other = (tuple(rng.integers(3, 300, 8).tolist()) for _ in range(2))
        given_strands = [ids, other[:1] + ids[1:6] + other[6:], ids, ids[:6] + other[6:], ids]
        slots = range(5 * number, 5 * number + 5)
        made.append(
            trees.build(
                [Strand((1, *one), (6, 7, 8), (slot,) * 3) for one, slot in zip(given_strands, slots, strict=True)]
            )
        )
        expected.append(naive_logp((1, *ids), (6, 7, 8)).sum())
        assert made[-1].branches.max() == 3
    plan = packing.pack({"all": made}, {"all": 200}, vocab_size=vocabulary().size)["all"]
    sums = Scorer(decoder()).score(params(), plan).reshape(40, 5)
    np.testing.assert_array_equal(sums[:, [2, 4]], sums[:, [0, 0]])
    np.testing.assert_allclose(sums[:, 0], expected, atol=1e-3)
    assert len(np.unique(sums)) == 40 * 3
