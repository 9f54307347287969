"""Gold facts to question records. In: questions of the embedded world; out: the four released sets, fields added."""

from collections.abc import Iterable

from jaxmlda.config import LANGUAGES
from jaxmlda.questions import Question
from jaxmlda.world import WorldQuestion

FORMS = {"mem": "memorization", "gen": "generalization"}


def from_world(asked: Iterable[WorldQuestion]) -> dict[str, list[Question]]:
    """{en,ja}_knowledge_{memorization,generalization}: the forms of a question share an id, the languages a pair."""
    sets: dict[str, list[Question]] = {
        f"{language}_knowledge_{name}": [] for language in LANGUAGES for name in FORMS.values()
    }
    for one in asked:
        for language in LANGUAGES:
            for form, name in FORMS.items():
                stem = f"{language}_knowledge_{name}"
                sets[stem].append(_record(one, language, form, stem))
    return sets


def _record(one: WorldQuestion, language: str, form: str, stem: str) -> Question:
    options = list(one.options[language])
    metadata = {
        "docid": one.document,
        "sentid": one.fact.index,
        "correct_answer": options[one.answer_idx],
        "triple": one.triple[language],
        "sentence": one.sentence[language],
        "language": language,
        # Both texts of a world document are originals, so each sentence was written in the language asked in.
        "written_in": language,
        "form": form,
        "pair_id": one.id,
        "cluster": one.document,
        "is_verbatim": True,
        "blank_pos": one.blank_pos[language],
        "sentence_span": list(one.sentence_span[language]),
    }
    text = one.cloze[language] if form == "mem" else one.question[language]
    return Question(id=one.id, question=text, options=options, answers=(one.answer_idx,), metadata=metadata, set=stem)
