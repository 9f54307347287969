"""Transfer text: sentences that align, romaji, swapped terms, noise; each beside the document's own text."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_case import LEXICON, find, made, texts

from jaxmlda.corpus import Document, embedded
from jaxmlda.streams import bind
from jaxmlda.streams.align import PRIORS, align, cost
from jaxmlda.streams.code_switched import swaps
from jaxmlda.streams.native import EXERCISES
from jaxmlda.streams.perturb import MASK, units
from jaxmlda.streams.romanised import romaji_of
from jaxmlda.streams.sentences import sentences
from jaxmlda.world import World

WORLD = list(embedded.documents(World(documents=30)))
DRUG = Document(
    "d", en="Aspirin lowers fever. BRCA1 and aspirin, no fever.", ja="アスピリンは発熱を下げる。BRCA1は無関係。"
)
LENGTHS = st.lists(st.integers(1, 200), min_size=1, max_size=4)


def lengths(text):
    return [end - begin for begin, end in sentences(text)]


def rows_of_beads(left, right):
    """Every row of beads that covers so many sentences of both sides."""
    if not left and not right:
        yield []
    for a, b in PRIORS:
        if a <= left and b <= right:
            for rest in rows_of_beads(left - a, right - b):
                yield [*rest, (a, b)]


def price(row, source, target):
    """The price of a row, by adding up its beads."""
    ratio, i, j, total = sum(target) / sum(source), 0, 0, 0.0
    for a, b in row:
        total += cost(sum(source[i : i + a]), sum(target[j : j + b]), ratio, PRIORS[a, b])
        i, j = i + a, j + b
    return total


@settings(max_examples=30, deadline=None)
@given(LENGTHS, LENGTHS)
def test_no_row_of_beads_is_cheaper_than_the_alignment(source, target):
    beads = align(source, target)
    row = [(bead.source[1] - bead.source[0], bead.target[1] - bead.target[0]) for bead in beads]
    best = min(price(other, source, target) for other in rows_of_beads(len(source), len(target)))
    assert math.isclose(price(row, source, target), best, rel_tol=1e-9)


@given(LENGTHS, LENGTHS)
def test_beads_follow_one_another_and_cover_both_texts(source, target):
    beads = align(source, target)
    for side, count in ((0, len(source)), (1, len(target))):
        edges = [bead[side] for bead in beads]
        assert edges[0][0] == 0
        assert edges[-1][1] == count
        assert all(before[1] == after[0] for before, after in itertools.pairwise(edges))


def test_the_cost_is_minus_the_logarithm_of_a_two_sided_normal_tail():
    # δ = (120 - 1·100) / √(6.8 · 110) = 0.7313; 2(1 - Φ(0.7313)) = 0.4646
    assert cost(100, 120, 1.0, 0.5) == pytest.approx(-math.log(0.4646) - math.log(0.5), abs=1e-3)
    far = [cost(10, length, 1.0, 0.5) for length in (1000, 10_000, 100_000, 1_000_000)]
    assert far == sorted(far)
    assert all(map(math.isfinite, far))


def test_sentences_of_the_embedded_world_align_one_to_one_and_all_of_them():
    for document in WORLD:
        pairs = texts(document, "translation", "en", "ja", level="sentence")
        assert len(pairs) == 2 * len(sentences(document.en))
        for language in ("en", "ja"):
            own = [(part.from_char, part.text) for text in pairs for part in text.parts if part.from_char is not None]
            spans = [document.text(language)[begin:end].strip() for begin, end in sentences(document.text(language))]
            assert [text for _, text in own if text in document.text(language)] == spans * 2


def test_a_sentence_without_a_partner_is_left_out_and_its_neighbours_still_meet():
    document = WORLD[0]
    spans = sentences(document.ja)
    without = Document(
        "w", en=document.en, ja="".join(document.ja[slice(*span)] for n, span in enumerate(spans) if n != 3)
    )
    full = [str(text) for text in texts(document, "translation", "en", "ja", level="sentence")]
    found = [str(text) for text in texts(without, "translation", "en", "ja", level="sentence")]
    beads = align(lengths(without.en), lengths(without.ja))
    assert len(found) == 2 * sum(bead.aligned for bead in beads)
    assert full[0] in found
    assert full[len(full) // 2 - 1] in found


def test_two_sentences_that_became_one_are_paired_with_it():
    document = Document(
        "m",
        en="The first sentence has forty characters. The second one is a bit longer than the first one was. Last one.",
        ja="最初の文はおよそ四十文字であり、二番目の文は最初の文より少し長いものであったといえる。最後。",
    )
    pairs = made(document, "translation", "en", "ja", level="sentence")
    assert pairs[1] == ("translation-en-ja", "English: Last one.\n日本語：最後。")
    assert len(pairs) == 4


def test_varied_wordings_hold_both_texts_and_differ_between_documents():
    heads = set()
    for document in WORLD:
        for text in texts(document, "translation", "en", "ja", wordings="varied"):
            assert [part.text for part in text.parts if part.from_char == 0] == (
                [document.en, document.ja] if text.form == "translation-en-ja" else [document.ja, document.en]
            )
            heads.add("".join(part.text for part in text.parts if part.from_char is None))
    assert len(heads) > 12


def test_romaji_is_hepburn_with_english_loan_words_a_capital_a_sentence_and_the_lines_of_the_text():
    assert romaji_of("学校で新聞を読む。") == "Gakkou de shinbun wo yomu."
    assert romaji_of("コピー数を調べた。喫茶店で会った。\n「はい」と答えた。") == (
        'Copy suu wo shirabeta. Kissaten de atta.\n"hai" to kotaeta.'
    )


def test_what_cannot_be_read_becomes_a_question_mark():
    assert romaji_of("薬\u3097。").count("?") == 1


def test_a_romanised_stream_pairs_romaji_with_japanese_and_on_wish_with_english():
    document = Document("d", en="Rice.", ja="ご飯です。")
    assert made(document, "romanised", "ja") == [
        ("romanised-romaji-ja", "Romaji: Gohan desu.\n日本語：ご飯です。"),
        ("romanised-ja-romaji", "日本語：ご飯です。\nRomaji: Gohan desu."),
    ]
    assert made(document, "romanised", "en", "ja", english=True, directions=["from_romaji"]) == [
        ("romanised-romaji-ja", "Romaji: Gohan desu.\n日本語：ご飯です。"),
        ("romanised-romaji-en", "Romaji: Gohan desu.\nEnglish: Rice."),
    ]
    assert made(Document("e", en="Rice."), "romanised", "en", "ja", english=True) == []


def test_romaji_counts_as_japanese_and_has_no_place_in_the_document():
    (text, _) = texts(Document("d", ja="ご飯です。"), "romanised", "ja")
    assert [(part.language, part.from_char) for part in text.parts] == [("ja", None)] * 3 + [("ja", 0)]


def test_terms_give_way_to_the_other_languages_terms_and_the_text_is_to_be_restored():
    assert made(DRUG, "code_switched", "en", "ja", lexicon="drugs") == [
        (
            "code_switched",
            f"Altered text: アスピリン lowers 発熱. BRCA1 and アスピリン, no 発熱.\nOriginal text: {DRUG.en}",
        ),
        ("code_switched", f"変更された文章：aspirinはfeverを下げる。BRCA1は無関係。\n元の文章：{DRUG.ja}"),
    ]


def test_synonyms_stay_in_the_language_and_begin_a_sentence_with_a_capital():
    ((form, text),) = made(DRUG, "code_switched", "en", lexicon="drugs", across=False, form="plain")
    assert form == "code_switched_plain"
    assert text == "Acetylsalicylic acid lowers fever. BRCA1 and acetylsalicylic acid, no fever."


def test_text_between_swapped_terms_keeps_its_place():
    (text,) = texts(DRUG, "code_switched", "ja", lexicon="drugs", form="plain")
    assert [tuple(part)[::2] for part in text.parts] == [
        ("aspirin", None),
        ("は", 5),
        ("fever", None),
        ("を下げる。BRCA1は無関係。", 8),
    ]


@pytest.mark.parametrize(("ratio", "swapped"), [(0.1, 0), (0.13, 1), (0.25, 1), (0.375, 2), (0.5, 2), (1.0, 4)])
def test_the_ratio_of_the_terms_is_swapped_halves_up(ratio, swapped):
    found = swaps(DRUG.en, "en", LEXICON, ratio, key=5)
    assert len(found) == swapped
    assert [swap.begin for swap in found] == sorted(swap.begin for swap in found)


def test_a_document_without_a_term_gives_no_text():
    plain = Document("p", en="Nothing of note.", ja="特になし。")
    assert made(plain, "code_switched", "en", "ja", lexicon="drugs") == []
    assert made(Document("g", en="BRCA1 alone."), "code_switched", "en", lexicon="drugs") == []


def test_every_term_of_the_embedded_world_that_is_swapped_is_its_translation():
    concepts = {}
    world = World(documents=30)
    for concept in world.lexicon():
        concepts[concept.en.lower()] = concept.ja

    class Named:
        """The names of a world by plain search: the longest at each place."""

        def find(self, text, language):
            folded, spans, place = text.lower(), [], 0
            while place < len(text):
                hit = max((name for name in concepts if folded.startswith(name, place)), key=len, default="")
                spans += [(place, place + len(hit))] if hit else []
                place += len(hit) or 1
            return spans

        def translations(self, term, language):
            return (concepts[term.lower()],)

    maker = bind("code_switched", ("en",), {"lexicon": "world", "form": "plain"}, lambda name: Named())
    for abstract in itertools.islice(world, 5):
        (text,) = maker(embedded.document(world, abstract))
        for fact in abstract.facts:
            assert fact.object.ja in str(text)


def test_noise_stands_before_the_original_and_only_the_original_keeps_its_place():
    document = WORLD[0]
    for language in ("en", "ja"):
        (text,) = texts(document, "denoising", language, noise=["delete"], ratio=0.5)
        altered, original = text.parts[1], text.parts[3]
        count = len(units(document.text(language), language))
        assert text.form == "denoising"
        assert original == (document.text(language), language, 0)
        assert altered.from_char is None
        assert len(units(altered.text, "en")) == count - int(count / 2 + 0.5) or language == "ja"
        assert len(altered.text) < len(original.text)


@pytest.mark.parametrize("options", [{"noise": []}, {"ratio": 0}])
def test_the_copy_control_has_nothing_to_restore(options):
    document = Document("d", en="A b c.", ja="一二三。")
    assert made(document, "denoising", "en", "ja", **options) == [
        ("copy", "Altered text: A b c.\nOriginal text: A b c."),
        ("copy", "変更された文章：一二三。\n元の文章：一二三。"),
    ]
    assert [part.from_char for text in texts(document, "denoising", "en", **options) for part in text.parts] == [
        None,
        0,
        None,
        0,
    ]


def test_operations_are_applied_in_the_order_given():
    document = Document("d", en=" ".join(f"w{n}" for n in range(50)))
    masked_first = texts(document, "denoising", "en", noise=["mask", "delete"], ratio=0.5)[0].parts[1].text
    deleted_first = texts(document, "denoising", "en", noise=["delete", "mask"], ratio=0.5)[0].parts[1].text
    assert len(masked_first.split()) == len(deleted_first.split()) == 25
    assert deleted_first.split().count(MASK) == 13
    assert masked_first.split().count(MASK) != 25


def test_another_seed_and_another_document_give_other_noise():
    text = " ".join(f"w{n}" for n in range(50))
    noised = {
        texts(Document(name, en=text), "denoising", "en", seed=seed)[0].parts[1].text
        for name in ("a", "b", "c")
        for seed in range(3)
    }
    assert len(noised) == 9


def test_spans_of_exercises_can_be_masked_and_the_whole_exercise_is_to_be_restored():
    document = WORLD[0]
    views = [view for view in EXERCISES if view != "sections"]
    exercises = [str(text) for text in texts(document, "native", "en", views=views)]
    masked = texts(document, "denoising", "en", noise=["mask"], ratio=0.3, span=3, views=views)
    assert [str(text).partition("\nOriginal text: ")[2] for text in masked] == exercises
    assert all(MASK in text.parts[1].text for text in masked)


def test_a_lexicon_is_used_under_the_name_that_the_options_give():
    with pytest.raises(KeyError, match="umls"):
        bind("code_switched", ("en",), {"lexicon": "umls"}, find)
