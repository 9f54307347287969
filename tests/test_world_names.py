"""Names of the embedded world: unique, free of one another, split into two spaces whatever the seed."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.world import World, domain
from jaxmlda.world.names import SPACES, Naming, Shuffle

KINDS = [(d, kind) for d in domain.DOMAINS for kind in domain.load(d).kinds]
DRAWN = 4000


def drawn(domain_name, kind, names, seed=0):
    spec = domain.load(domain_name).kinds[kind]
    naming = Naming(spec, seed, domain_name, names)
    return [naming.spell(naming.code(n, subject=side)) for side in (False, True) for n in range(DRAWN)]


def contained(names):
    """Pairs (inner, outer) of different names, found by looking every substring up."""
    known, shortest = set(names), min(map(len, names))
    found = []
    for name in known:
        for size in range(shortest, len(name)):
            found += [(name[a : a + size], name) for a in range(len(name) - size + 1) if name[a : a + size] in known]
    return found


@pytest.mark.parametrize(("domain_name", "kind"), KINDS)
def test_names_of_both_spaces_are_unique_and_none_lies_in_another(domain_name, kind):
    pairs = [pair for names in SPACES for pair in drawn(domain_name, kind, names)]
    for side in (0, 1):
        names = [pair[side] for pair in pairs]
        assert len(set(names)) == len(names)
        assert contained([name.lower() for name in names]) == []


@pytest.mark.parametrize("domain_name", domain.DOMAINS)
def test_no_name_is_shared_by_two_kinds_of_a_domain(domain_name):
    names = [name for kind in domain.load(domain_name).kinds for name in drawn(domain_name, kind, "target")]
    assert len({en for en, _ in names}) == len(names) == len({ja for _, ja in names})


@pytest.mark.parametrize(("domain_name", "kind"), KINDS)
def test_name_spaces_stay_disjoint_across_seeds(domain_name, kind):
    spec = domain.load(domain_name).kinds[kind]
    rng = random.Random(5)
    codes = [rng.randrange(spec.capacity) for _ in range(5000)]
    target, general = ({spec.spell(code, space) for code in codes} for space in (0, 1))
    assert target.isdisjoint(general)
    other_seed = set(drawn(domain_name, kind, "general", seed=9))
    assert other_seed.isdisjoint(drawn(domain_name, kind, "target", seed=0))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 700), st.integers(0, 1000))
def test_shuffle_is_a_permutation_of_any_size(size, key):
    shuffle = Shuffle(size, "test", key)
    assert sorted(map(shuffle, range(size))) == list(range(size))


@pytest.mark.parametrize("domain_name", domain.DOMAINS)
def test_katakana_differs_wherever_the_english_syllables_differ(domain_name):
    for kind in domain.load(domain_name).kinds.values():
        for pattern in kind.patterns:
            for slot in pattern:
                assert len({en for en, _ in slot}) == len(slot) == len({ja for _, ja in slot})


@pytest.mark.parametrize("domain_name", domain.DOMAINS)
def test_names_last_for_two_hundred_thousand_documents(domain_name):
    world = World(documents=200_000, domain=domain_name)
    first, last = world.document(0), world.document(199_999)
    assert world.pool_size == 20_000
    assert first.id != last.id
    assert first.texts["en"] != last.texts["en"]
