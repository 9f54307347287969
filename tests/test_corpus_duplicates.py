"""Near-duplicates: documents alike in either language are one cluster, and no duplicate of control is trained on."""

import random
import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmlda.corpus import (
    DEFAULT_SHARES,
    Corpus,
    Document,
    Trial,
    assign,
    clashing,
    duplicates,
    embedded,
    signed,
    write,
)
from jaxmlda.corpus.signatures import PLACES, signatures
from jaxmlda.corpus.trial import check_clusters, write_trial
from jaxmlda.errors import UserError
from jaxmlda.storage import read_table, write_table
from jaxmlda.verbs import corpus as verb
from jaxmlda.world import World

LETTERS = "abcdefghijklmnopqrstuvwxyz"
KANJI = [chr(code) for code in range(0x4E00, 0x4F00)]


def english(rng, words=60):
    return ["".join(rng.choices(LETTERS, k=rng.randint(3, 8))) for _ in range(words)]


def japanese(rng, letters=150):
    return rng.choices(KANJI, k=letters)


def edited(rng, units, count, fresh):
    """A copy with a few units replaced."""
    copy = list(units)
    for place in rng.sample(range(len(copy)), count):
        copy[place] = fresh(rng)[0]
    return copy


def shingles(text, language):
    """The set of shingles by plain Python; a text shorter than one is its own."""
    small = text.casefold()
    units = re.findall(r"\w+", small) if language == "en" else [letter for letter in small if letter.isalnum()]
    size = {"en": 3, "ja": 5}[language]
    return {tuple(units[place : place + size]) for place in range(len(units) - size + 1)} or {text}


def jaccard(one, other, language):
    left, right = (shingles(document.text(language), language) for document in (one, other))
    return len(left & right) / len(left | right) if one.text(language) and other.text(language) else 0.0


def planted(seed):
    """Documents, some alone and some edited copies of others in one language, in chains; and which hang together."""
    rng = random.Random(seed)
    texts, families = [], []
    for family in range(25):
        en, ja = english(rng), japanese(rng)
        for _ in range(rng.choice([1, 1, 2, 4])):
            texts.append((en, ja))
            families.append(family)
            if rng.random() < 0.5:
                en, ja = edited(rng, en, 1, english), japanese(rng)
            else:
                en, ja = english(rng), edited(rng, ja, 2, japanese)
    documents, order = [], rng.sample(range(len(texts)), len(texts))
    for number in order:
        en, ja = " ".join(texts[number][0]), "".join(texts[number][1])
        documents.append(Document(f"d{number:03d}", en=en, ja=ja))
    return documents, [families[number] for number in order]


def stored(folder, documents):
    write(documents, folder, {})
    return Corpus(folder)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_equal_places_of_signatures_estimate_the_jaccard_similarity(language):
    rng = random.Random(1)
    fresh, joint = (english, " ") if language == "en" else (japanese, "")
    errors = []
    for count in range(1, 40, 2):
        units = fresh(rng, 150)
        one, other = (
            Document(name, **{language: joint.join(some)})
            for name, some in (("a", units), ("b", edited(rng, units, count, fresh)))
        )
        left, right = signatures([one.text(language), other.text(language)], language)
        exact = jaccard(one, other, language)
        # The number of equal places is binomial, so its deviation in standard errors has mean 0 and variance 1.
        errors.append(((left == right).mean() - exact) / np.sqrt(exact * (1 - exact) / PLACES))
    assert abs(np.mean(errors)) < 4 / np.sqrt(len(errors))
    assert 0.5 < np.std(errors) < 1.6


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["en", "ja"]), st.lists(st.text("ab 亜。.Ａ\u3099", max_size=30), min_size=1, max_size=6))
def test_a_signature_does_not_depend_on_the_texts_beside_it(language, texts):
    together = signatures(texts, language)
    assert together.shape == (len(texts), PLACES)
    for text, row in zip(texts, together, strict=True):
        assert (signatures([text], language)[0] == row).all()


@pytest.mark.parametrize(
    ("language", "one", "other", "same"),
    [
        ("en", "Zinc is needed, always.", "zinc  IS needed always", True),
        ("ja", "亜鉛はＡＢＣ、である。", "亜鉛はabcである", True),
        ("en", "Zinc deficiency", "zinc deficiency", True),
        ("en", "Zinc deficiency", "Zinc deficiencies", False),
        ("ja", "亜鉛", "亜鉛。", False),
        ("en", "?!", "!?", False),
    ],
)
def test_case_width_and_punctuation_do_not_count_and_short_texts_are_compared_exactly(language, one, other, same):
    left, right = signatures([one, other], language)
    assert (left == right).mean() == (1 if same else pytest.approx(0, abs=0.05))


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 0.95, 1])
def test_bands_miss_at_most_one_pair_in_a_hundred_at_the_threshold(threshold):
    bands, rows = duplicates.bands_of(threshold)
    assert bands * rows <= PLACES
    assert (1 - threshold**rows) ** bands <= 0.01


@pytest.mark.parametrize("seed", range(10))
def test_no_control_document_nor_its_duplicate_is_trained_on(seed, tmp_path):
    documents, families = planted(seed)
    corpus = stored(tmp_path, documents)
    clusters = duplicates.make(corpus)
    smallest = {}
    for document, family in zip(documents, families, strict=True):
        smallest[family] = min(smallest.get(family, document.id), document.id)
    family_of = {document.id: smallest[family] for document, family in zip(documents, families, strict=True)}
    assert clusters == family_of
    trial = Trial.read(write_trial(assign(corpus, DEFAULT_SHARES, seed, clusters, corpus.digest), tmp_path))
    control = {family_of[document.id] for document in documents if trial.arm(document.id) == "none"}
    assert control
    trained = {
        document.id
        for document in documents
        if any(
            trial.permits(document.id, language, transfer) for language in ("en", "ja") for transfer in (False, True)
        )
    }
    assert {family_of[name] for name in trained} & control == set()
    check_clusters(trial, clusters)
    check_clusters(trial)


@pytest.mark.parametrize("seed", range(10))
def test_a_duplicate_of_a_control_document_that_is_let_in_stops_the_check(seed, tmp_path):
    documents, _ = planted(seed)
    corpus = stored(tmp_path, documents)
    clusters = duplicates.make(corpus)
    sizes = {name: list(clusters.values()).count(name) for name in clusters.values()}
    twin = max(name for name, cluster in clusters.items() if sizes[cluster] > 1 and name != cluster)
    arms = {name: "none" if cluster == clusters[twin] else "ja" for name, cluster in clusters.items()}
    check_clusters(Trial(arms, ""), clusters)
    with pytest.raises(UserError, match=rf"trial: 1 near-duplicates .*(none\) and {twin} \(en\)|{twin} \(en\) and )"):
        check_clusters(Trial(arms | {twin: "en"}, ""), clusters)
    table = assign(corpus, {"none": 1.0}, 0, clusters, corpus.digest)
    tampered = ["en" if name == twin else arm for name, arm in Trial.read(write_trial(table, tmp_path)).arms.items()]
    changed = table.set_column(2, "arm", [tampered])
    with pytest.raises(UserError, match=f"{twin} \\(en\\)"):
        check_clusters(changed)
    with pytest.raises(UserError, match=r"trial\.parquet: its arms have digest .* changed after it was assigned"):
        Trial.read(write_trial(changed, tmp_path))


def test_clusters_are_those_of_all_pairs_compared_exactly():
    documents = [document for seed in range(3) for document in planted(seed)[0]]
    documents = [replace(document, id=f"{number}", cluster="") for number, document in enumerate(documents)]
    found = signed.Signed(
        [document.id for document in documents],
        [document.id for document in documents],
        {language: signatures([one.text(language) for one in documents], language) for language in ("en", "ja")},
        {language: np.ones(len(documents), bool) for language in ("en", "ja")},
    )
    clusters = dict(zip(found.documents, duplicates.cluster_names(found, 0.7), strict=True))
    # Copies were edited to 0.85 or more and all others are near 0, so the estimate decides no case.
    alike = {
        (one.id, other.id)
        for one, other in combinations(documents, 2)
        if max(jaccard(one, other, language) for language in ("en", "ja")) >= 0.7
    }
    assert alike
    expected = {document.id: {document.id} for document in documents}
    for one, other in alike:
        merged = expected[one] | expected[other]
        expected |= dict.fromkeys(merged, merged)
    assert clusters == {name: min(members) for name, members in expected.items()}


def test_clusters_that_documents_came_with_are_kept_and_joined(tmp_path):
    rng = random.Random(0)
    en, other = english(rng), english(rng)
    documents = [
        Document("z", en=" ".join(en), cluster="given"),
        Document("y", ja="".join(japanese(rng)), cluster="given"),
        Document("x", en=" ".join(edited(rng, en, 1, english)), ja="".join(japanese(rng))),
        Document("w", en=" ".join(other), ja="".join(japanese(rng))),
    ]
    corpus = stored(tmp_path, documents)
    clusters = duplicates.make(corpus)
    assert clusters == {"z": "x", "y": "x", "x": "x", "w": "w"}
    # z and y lack a text: outside, they could be trained on though their near-duplicate is control.
    arms = Trial(*_arms(assign(corpus, {"none": 1.0}, 0, clusters))).arms
    assert arms == dict.fromkeys("zyxw", "none")
    assert _arms(assign(corpus, {"none": 1.0}, 0))[0] == {"z": "outside", "y": "outside", "x": "none", "w": "none"}


def _arms(table):
    return dict(zip(table["document"].to_pylist(), table["arm"].to_pylist(), strict=True)), ""


@pytest.mark.parametrize("domain", ["biomedical", "science"])
@pytest.mark.parametrize("clone", [False, True])
def test_documents_of_a_world_are_no_near_duplicates(domain, clone):
    documents = list(embedded.documents(World(domain=domain, clone=clone)))
    ids = [document.id for document in documents]
    values = {language: signatures([one.text(language) for one in documents], language) for language in ("en", "ja")}
    found = signed.Signed(ids, ids, values, {language: np.ones(len(ids), bool) for language in ("en", "ja")})
    assert duplicates.cluster_names(found, duplicates.THRESHOLD) == ids


def test_clusters_and_signatures_are_kept_until_the_documents_change(tmp_path):
    documents, _ = planted(0)
    corpus = stored(tmp_path, documents)
    assert duplicates.stored(corpus) is None
    clusters = duplicates.make(corpus)
    assert duplicates.stored(corpus) == clusters
    signatures_before = (tmp_path / "signatures.parquet").read_bytes()
    assert duplicates.make(corpus, 1.0) != clusters
    assert (tmp_path / "signatures.parquet").read_bytes() == signatures_before
    grown = stored(tmp_path, [*documents, Document("more", en="another text", ja="別")])
    assert duplicates.stored(grown) is None
    assert "more" in duplicates.make(grown)


def test_several_processes_find_the_same_signatures(tmp_path, monkeypatch):
    corpus = stored(tmp_path, planted(3)[0])
    alone = signed.signed(corpus)
    (tmp_path / "signatures.parquet").unlink()
    monkeypatch.setattr(signed, "DOCUMENTS_A_JOB", 7)
    shared = signed.signed(corpus, processes=2)
    assert (shared.documents, shared.given) == (alone.documents, alone.given)
    assert all((shared.values[language] == alone.values[language]).all() for language in ("en", "ja"))


def test_a_missing_text_is_like_no_other(tmp_path):
    rng = random.Random(2)
    documents = [Document(f"e{n}", en=" ".join(english(rng))) for n in range(4)]
    documents += [Document(f"j{n}", ja="".join(japanese(rng))) for n in range(4)]
    clusters = duplicates.make(stored(tmp_path, documents))
    assert clusters == {document.id: document.id for document in documents}


def test_matches_name_the_cluster_that_a_foreign_document_is_like(tmp_path):
    rng = random.Random(5)
    documents, _ = planted(5)
    corpus = stored(tmp_path / "own", documents)
    clusters = duplicates.make(corpus)
    twin, far = documents[3], documents[7]
    foreign = [
        Document("copy", en=" ".join(edited(rng, twin.en.split(), 1, english))),
        Document("half", ja="".join(edited(rng, list(far.ja), 1, japanese)), en=" ".join(english(rng))),
        Document("both", en=twin.en, ja="".join(edited(rng, list(far.ja), 2, japanese))),
        Document("other", en=" ".join(english(rng)), ja="".join(japanese(rng))),
    ]
    other = stored(tmp_path / "other", foreign)
    expected = {"copy": clusters[twin.id], "half": clusters[far.id], "both": clusters[twin.id]}
    assert duplicates.matches(corpus, other) == expected
    near = list(duplicates.near(corpus, other))
    assert {one.cluster for one in near if one.document == "both"} == {clusters[twin.id], clusters[far.id]}
    assert max(one.similarity for one in near if one.near == twin.id) == 1.0
    whole = {
        (one.id, two.id) for one in foreign for two in documents for la in ("en", "ja") if jaccard(one, two, la) > 0.8
    }
    assert whole <= {(one.document, one.near) for one in near}


def test_ids_that_clash_are_the_first_ten_of_the_other_corpus(tmp_path):
    one = stored(tmp_path / "one", [Document(f"d{n}", en="e") for n in range(30)])
    other = stored(tmp_path / "other", [Document(f"d{n}", en="e") for n in range(40, 4, -1)])
    assert clashing(one, other) == [f"d{n}" for n in range(29, 19, -1)]
    assert clashing(one, stored(tmp_path / "none", [Document("x", en="e")])) == []


def test_a_text_that_very_many_documents_share_is_told(tmp_path, caplog):
    rng = random.Random(9)
    documents = [Document(f"d{n:02d}", en="No abstract available.", ja="".join(japanese(rng))) for n in range(25)]
    with caplog.at_level("WARNING", "jaxmlda"):
        clusters = duplicates.make(stored(tmp_path, documents))
    assert set(clusters.values()) == {"d00"}
    assert "25 documents are near-duplicates of document d00" in caplog.messages[-1]


def test_the_verb_stores_clusters_and_the_trial_takes_them(tmp_path, caplog):
    documents, _ = planted(1)
    corpus = stored(tmp_path, documents)
    with caplog.at_level("INFO", "jaxmlda"):
        assert verb.run(["duplicates", str(tmp_path)]) == 0
    table = read_table(tmp_path / "clusters.parquet")
    count = len(set(table["cluster"].to_pylist()))
    assert count < len(documents)
    assert caplog.messages[-1] == f"{tmp_path}: {len(documents)} documents in {count} clusters"
    # Clusters of the file are taken as they are: all documents as one make one arm.
    one = table.set_column(1, "cluster", [["d000"] * len(documents)])
    write_table(tmp_path / "clusters.parquet", one)
    verb.run(["trial", str(tmp_path)])
    assert set(read_table(tmp_path / "trial.parquet")["cluster"].to_pylist()) == {"d000"}
    verb.run(["trial", str(tmp_path), "--no-duplicates"])
    assert read_table(tmp_path / "trial.parquet")["cluster"].to_pylist() == [one.id for one in corpus]
    (tmp_path / "clusters.parquet").unlink()
    verb.run(["trial", str(tmp_path)])
    assert read_table(tmp_path / "trial.parquet")["cluster"].to_pylist() == table["cluster"].to_pylist()


@pytest.mark.parametrize("threshold", ["0", "1.5", "nan"])
def test_a_threshold_that_is_no_similarity_is_refused(tmp_path, threshold):
    stored(tmp_path, [Document("a", en="x")])
    with pytest.raises(UserError, match="--threshold"):
        verb.run(["duplicates", str(tmp_path), f"--threshold={threshold}"])
