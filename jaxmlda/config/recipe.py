"""The recipe: phases of streams, each with its share or its epochs. In: a YAML mapping; out: a checked recipe."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from jaxmlda.config.settings import Settings, setting

LANGUAGES = ("en", "ja")
Language = Literal["en", "ja"]
Arm = Literal["en", "ja", "both", "bridge", "outside"]


class Stream(Settings):
    """One kind of text drawn from some of the documents."""

    name: str = setting("name of the stream, unique in the recipe", pattern=r"^[a-z0-9][a-z0-9_]*$")
    kind: str = setting("kind of text: a name registered in jaxmlda/streams")
    languages: list[Language] = setting("languages of the text, in the order that the kind needs", min_length=1)
    arms: list[Arm] = setting("arms of the trial whose documents it may draw from", min_length=1)
    share: float | None = setting("share of the phase's tokens", None, gt=0, le=1)
    epochs: Annotated[int, Field(gt=0)] | None = setting("times that every document is given", None)
    repeat: bool = setting("whether a share larger than the stream may begin it again", False)
    weight: float = setting("weight of its loss", 1.0, ge=0)
    corpus: str | None = setting("name of another corpus among the run's `corpora`; null is the run's own", None)
    options: dict[str, Any] = setting("settings of its kind", {})

    @field_validator("arms", mode="before")
    @classmethod
    def _not_the_control(cls, value: Any) -> Any:
        if isinstance(value, list) and "none" in value:
            raise ValueError("documents of the arm none are the control: no stream may train on them")
        return value

    @field_validator("languages", "arms")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("each may be named once")
        return value

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Stream":
        if self.repeat and self.epochs is not None:
            raise ValueError(f"stream {self.name}: repeat belongs to a share; epochs already say how often")
        if self.corpus is not None and self.arms != ["outside"]:
            raise ValueError(f"stream {self.name}: another corpus stands outside the trial; its arms are [outside]")
        return self


class Phase(Settings):
    """Streams that are mixed with one another."""

    name: str = setting("name of the phase")
    streams: list[Stream] = setting("its streams", min_length=1)
    share: float = setting("share of the run's tokens, for a recipe with shares", 1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _one_budget(self) -> "Phase":
        shares = [stream.share for stream in self.streams if stream.share is not None]
        epochs = [stream.epochs for stream in self.streams if stream.epochs is not None]
        if bool(shares) == bool(epochs) or max(len(shares), len(epochs)) != len(self.streams):
            raise ValueError(f"phase {self.name}: give every stream a share, or every stream its epochs")
        if shares and not math.isclose(sum(shares), 1.0, abs_tol=1e-9):
            raise ValueError(f"phase {self.name}: the shares of its streams sum to {sum(shares):g}, not to 1")
        return self


class Recipe(Settings):
    """What is trained on, in which order."""

    name: str = setting("name of the recipe", pattern=r"^[a-z0-9][a-z0-9_]*$")
    native_languages: list[Language] = setting("languages whose native text it trains on", min_length=1)
    phases: list[Phase] = setting("its phases", min_length=1)
    allow_leak: bool = setting(
        "whether a stream may train documents in a language that their arm does not permit; control documents never",
        False,
    )

    @model_validator(mode="after")
    def _phases_agree(self) -> "Recipe":
        names = [stream.name for stream in self.streams]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"stream names must be unique in a recipe; given twice: {', '.join(twice)}")
        kinds = {self.by_share(phase) for phase in self.phases}
        if len(kinds) > 1:
            raise ValueError("all phases must have shares, or all must have epochs")
        if kinds == {True} and not math.isclose(sum(phase.share for phase in self.phases), 1.0, abs_tol=1e-9):
            raise ValueError("the shares of the phases must sum to 1")
        if kinds == {False} and any(phase.share != 1 for phase in self.phases):
            raise ValueError("a phase has a share only where its streams have shares")
        return self

    @property
    def streams(self) -> list[Stream]:
        """All streams, phase by phase."""
        return [stream for phase in self.phases for stream in phase.streams]

    @staticmethod
    def by_share(phase: Phase) -> bool:
        """Whether a phase counts tokens rather than epochs."""
        return phase.streams[0].share is not None

    @property
    def counts_tokens(self) -> bool:
        """Whether a run must give `rows.total_tokens`."""
        return self.by_share(self.phases[0])
