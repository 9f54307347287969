"""One document: a text in one or both languages, with its id and its source."""

from dataclasses import dataclass, field

from jaxmlda.errors import UserError


@dataclass(frozen=True)
class Document:
    """A text that may exist in English, in Japanese, or in both; a missing text is empty."""

    id: str
    en: str = ""
    ja: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    keywords: dict[str, list[str]] = field(default_factory=dict)
    subjects: list[str] = field(default_factory=list)
    year: int = 0
    source: str = ""
    licence: str = ""
    cluster: str = ""
    qa: list[tuple[str, str, str]] = field(default_factory=list)
    paraphrases: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id:
            raise UserError("a document without an id; every document needs one of its own")
        if not (self.en or self.ja):
            raise UserError(f"document {self.id}: has no text in either language")
        if not self.cluster:
            object.__setattr__(self, "cluster", self.id)

    def text(self, language: str) -> str:
        """The text in a language, empty where there is none."""
        return {"en": self.en, "ja": self.ja}[language]

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in which there is a text."""
        return tuple(language for language in ("en", "ja") if self.text(language))
