"""The embedded world as a corpus. In: a world; out: its documents, question-answer pairs included, and its terms."""

from collections.abc import Iterator

from jaxmlda.corpus.document import Document
from jaxmlda.corpus.lexicon import LANGUAGES, Term
from jaxmlda.world import Abstract, World

LICENCE = "Apache-2.0"


def document(world: World, abstract: Abstract, qa: bool = True) -> Document:
    """One abstract as a document, with its question-answer pairs or without."""
    return Document(
        id=abstract.id,
        en=abstract.texts["en"],
        ja=abstract.texts["ja"],
        titles=dict(abstract.titles),
        keywords=dict(abstract.keywords),
        subjects=list(abstract.subjects["en"]),
        year=abstract.year,
        source="embedded world",
        licence=LICENCE,
        qa=world.question_answers(abstract) if qa else [],
    )


def documents(world: World, qa: bool = True) -> Iterator[Document]:
    """All documents of a world, one at a time."""
    return (document(world, abstract, qa) for abstract in world)


def terms(world: World) -> Iterator[Term]:
    """Names and synonyms of everything that the documents of a world may name; the names are the preferred terms."""
    for concept in world.lexicon():
        for language in LANGUAGES:
            yield Term(concept.id, language, concept.name(language), True)
            yield from (Term(concept.id, language, other, False) for other in concept.synonyms[language])
