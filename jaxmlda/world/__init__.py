"""The embedded world: a seeded, fictional, bilingual body of abstracts whose facts are known. In: a seed
and a size. Out: documents, a lexicon, question-answer pairs and balanced questions."""

from jaxmlda.world.documents import World
from jaxmlda.world.records import Abstract, Concept, Fact, WorldQuestion

__all__ = ["Abstract", "Concept", "Fact", "World", "WorldQuestion"]
