"""The token premium: how many more tokens a vocabulary needs for the same content in Japanese than in English.

In: a stored corpus and what turns texts into ids; out: counts over the documents that have both texts, and the card
with them.
"""

from collections.abc import Callable
from typing import Any

from etils import epath

from jaxmlda.config import LANGUAGES
from jaxmlda.corpus.store import Corpus
from jaxmlda.errors import UserError
from jaxmlda.progress import bar
from jaxmlda.storage import read_json, write_json

DOCUMENTS_AT_ONCE = 256
EncodeBatch = Callable[[list[str]], list[list[int]]]


def measure(corpus: Corpus, encode_batch: EncodeBatch) -> dict[str, Any]:
    """Tokens of each language over the documents with both texts, without titles and end-of-document tokens.

    premium = tokens(ja) / tokens(en) of all of them together; mean_premium = the mean of the same ratio by document.
    """
    tokens, characters = dict.fromkeys(LANGUAGES, 0), dict.fromkeys(LANGUAGES, 0)
    documents, ratios = 0, 0.0
    waiting: list[tuple[str, str]] = []

    def count() -> None:
        nonlocal ratios
        lengths = {}
        for place, language in enumerate(LANGUAGES):
            texts = [pair[place] for pair in waiting]
            lengths[language] = [len(ids) for ids in encode_batch(texts)]
            tokens[language] += sum(lengths[language])
            characters[language] += sum(map(len, texts))
        ratios += sum(ja / max(en, 1) for en, ja in zip(*(lengths[language] for language in LANGUAGES), strict=True))
        waiting.clear()

    for document in bar(corpus, total=len(corpus), label="token premium", unit="document"):
        if len(document.languages) == len(LANGUAGES):
            documents += 1
            waiting.append((document.en, document.ja))
            if len(waiting) == DOCUMENTS_AT_ONCE:
                count()
    if not documents:
        raise UserError(f"{corpus.folder}: no document has both texts; a token premium compares the two languages")
    if waiting:
        count()
    return {
        "documents": documents,
        "tokens": tokens,
        "tokens_per_document": {language: tokens[language] / documents for language in LANGUAGES},
        "tokens_per_character": {language: tokens[language] / characters[language] for language in LANGUAGES},
        "premium": tokens["ja"] / max(tokens["en"], 1),
        "mean_premium": ratios / documents,
    }


def record(corpus: Corpus, vocabulary: str, encode_batch: EncodeBatch) -> dict[str, Any]:
    """Measures the premium of a vocabulary, named by its digest, and keeps it on the card under `premium`.

    The card's digest, which is that of the documents, stays. What is on the card is not measured again.
    """
    path = epath.Path(corpus.folder) / "card.json"
    card = read_json(path)
    known = card.get("premium", {})
    if vocabulary not in known:
        known[vocabulary] = measure(corpus, encode_batch)
        write_json(path, card | {"premium": known})
    return known[vocabulary]
