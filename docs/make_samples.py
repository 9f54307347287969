"""Writes docs/samples.md: sentences in romaji, code-switched and with noise, so that a reader can judge by eye.

    python docs/make_samples.py

In: a small embedded world and the sentences below; out: the page, the same on every machine.
"""

import itertools
from pathlib import Path

import pyarrow as pa

from jaxmlda.corpus import Document, embedded
from jaxmlda.corpus.lexicon import SCHEMA, Lexicon
from jaxmlda.storage import write_text
from jaxmlda.streams import bind
from jaxmlda.streams.romanised import romaji_of
from jaxmlda.world import World

PAGE = Path(__file__).parent / "samples.md"
FROM_WORLD = 20
WRITTEN = {
    "en": [
        "Serum CRP fell from 12.4 to 3.1 mg/dL (p < 0.001) within 48 h of i.v. methylprednisolone.",
        "Dr. J. Smith et al. isolated E. coli O157:H7 from 7 of 23 stool samples (Fig. 2).",
        "In the U.S., about 1 in 10 adults has type 2 diabetes mellitus, vs. 1 in 15 in 1990.",
        "Patients received 0.5 mg/kg prednisolone p.o. for 14 days; the dose was then tapered by 10% a week.",
        "IL-6 and TNF-α were measured by ELISA, since both rise early in sepsis.",
        "No adverse events (e.g. nausea or rash) were seen.",
        "The furuncle on her left buttock healed within 10 days of oral cefalexin, and none of the three swabs taken"
        " later grew S. aureus.",
    ],
    "ja": [
        "インフルエンザワクチンの接種後48時間以内に、CRPは12.4から3.1 mg/dLへ低下した（p < 0.001）。",
        "ステロイドパルス療法を3日間行ったところ、「息苦しさ」は消失した。",
        "糖尿病患者23例のうち7例で、HbA1cが8.5％を超えていた。",
        "プレドニゾロン0.5 mg/kgを14日間経口投与し、その後週に10％ずつ減量した。",
        "E. coliおよびMRSAは血液培養で検出されなかった。",
        "本症例では、アレルギー性の発疹、吐き気などの副作用は認めなかったか？",
        "左臀部の癤は、セファレキシンの内服開始から10日以内に治癒し、その後の3回の培養でS. aureusは検出されなかった。",
    ],
}
NOISE = [(["reorder", "delete"], 0.08), (["reorder", "delete"], 0.16), (["reorder", "delete"], 0.32)]
NOISE += [(["mask"], 0.16), (["replace"], 0.16)]
HEAD = """# Samples of the streams

Sentences as the kinds [`romanised`, `code_switched` and `denoising`](streams.md) make them: the first twenty of
each language state the same facts of the embedded world, whose lexicon names the terms; the rest show numbers, units,
abbreviations and loan words, and hold no term of that lexicon. `python docs/make_samples.py` writes this page.

| line | made by |
|---|---|
| `romaji` | `romanised` |
| `across 100%`, `across 50%` | `code_switched` with `across: true`, `ratio: 1` and `0.5` |
| `synonyms` | `code_switched` with `across: false` |
| `reorder+delete 8%` and so on | `denoising` with that `noise` and `ratio` |

A line that would be the sentence itself is left out.

`reorder` shuffles at least two words, so a short sentence keeps its order: below 19 words at 8%, below 10 at 16%, below
5 at 32%. `delete` begins at 7, 4 and 2. So at 8% of the English sentences only 23 and 27 are reordered; the others lose
one word.

The romaji is as cutlet writes it, faults included. Those that this page shows:

| text | romaji | what is wrong |
|---|---|---|
| 病初期 | Yamai shoki | read as two words; it is byoushoki |
| 硝子性 | glasssei | 硝子 taken for a loan word; it is shoushisei |
| 癤 | ? | a rare character that the dictionary cannot read |
| 10人 | 10nin | a counter without a space, beside one with it: 2名, 2 mei |
| 3日間 | 3 kakan | a reading cut at the digit; it is mikkakan |
| ワクチン | Vakzin | a loan word in German |
| ギザロン | Giza ron | a name cut in two |
"""


def sentences(world: World, language: str) -> list[str]:
    """The sentences of the page in one language: the same facts in both."""
    facts = [(abstract, abstract.facts[0]) for abstract in itertools.islice(world, FROM_WORLD)]
    return [abstract.texts[language][slice(*fact.sentence[language])] for abstract, fact in facts] + WRITTEN[language]


def lexicon(world: World) -> Lexicon:
    """The terms of the world."""
    rows = sorted(set(embedded.terms(world)))
    return Lexicon(pa.table([list(column) for column in zip(*rows, strict=True)], schema=SCHEMA))


def samples(sentence: str, language: str, terms: Lexicon) -> dict[str, str]:
    """Every version of one sentence by its label."""
    document = Document(f"sample {sentence}", **{language: sentence})
    made = {"romaji": romaji_of(sentence)} if language == "ja" else {}
    for label, options in (
        ("across 100%", {}),
        ("across 50%", {"ratio": 0.5}),
        ("synonyms", {"across": False}),
    ):
        maker = bind("code_switched", (language,), {"lexicon": "world", "form": "plain", **options}, lambda _: terms)
        for text in maker(document):
            made[label] = str(text)
    for noise, ratio in NOISE:
        (text,) = bind("denoising", (language,), {"noise": noise, "ratio": ratio})(document)
        made[f"{'+'.join(noise)} {ratio:.0%}"] = text.parts[1].text
    return {label: text for label, text in made.items() if text != sentence}


def page() -> str:
    """The whole page."""
    world = World(documents=60)
    terms, lines = lexicon(world), [HEAD]
    for language, name in (("en", "English"), ("ja", "Japanese")):
        lines.append(f"## {name}\n")
        for number, sentence in enumerate(sentences(world, language), start=1):
            lines += [f"### {name} {number}\n", f"{sentence}\n", "```text"]
            lines += [f"{label:<18} {text}" for label, text in samples(sentence, language, terms).items()]
            lines.append("```\n")
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    write_text(PAGE, page())
