"""Streams: document → training texts, one file per kind of text. A new kind is one new file that registers itself."""

import importlib
import pkgutil

from jaxmlda.streams.text import KINDS, Kind, Part, Text, bind, lexicons_of, texts_of

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["KINDS", "Kind", "Part", "Text", "bind", "lexicons_of", "texts_of"]
