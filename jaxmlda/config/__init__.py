"""Configuration: what a run file and a recipe may say, how they are read, and where the shipped ones lie."""

from jaxmlda.config.load import configs_dir, describe, dump, find, load, with_overrides
from jaxmlda.config.recipe import LANGUAGES, Phase, Recipe, Stream
from jaxmlda.config.run import Run
from jaxmlda.config.settings import Settings

__all__ = [
    "LANGUAGES",
    "Phase",
    "Recipe",
    "Run",
    "Settings",
    "Stream",
    "configs_dir",
    "describe",
    "dump",
    "find",
    "load",
    "with_overrides",
]
