"""The base of every settings class: unknown keys are errors, values are frozen, every field says what it means."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from jaxmlda.storage import digest


class Settings(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def identity(self) -> str:
        """Digest of what was chosen. Defaults are left out, so that a setting added to the class changes no digest."""
        return digest(self.model_dump(mode="json", exclude_defaults=True))


def setting(meaning: str, default: Any = ..., **limits: Any) -> Any:
    """A field with its meaning, which `--help` and the reference print."""
    if isinstance(default, type) and issubclass(default, Settings):
        return Field(default_factory=default, description=meaning, **limits)
    return Field(default, description=meaning, **limits)
