"""The embedded world as a corpus. In: the settings of a world; out: its documents, question-answer pairs included."""

from collections.abc import Iterator

from jaxmlda.corpus.document import Document
from jaxmlda.world import Abstract, World

LICENCE = "Apache-2.0"


def document(world: World, abstract: Abstract) -> Document:
    """One abstract as a document."""
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
        qa=world.question_answers(abstract),
    )


def documents(world: World) -> Iterator[Document]:
    """All documents of a world, one at a time."""
    return (document(world, abstract) for abstract in world)
