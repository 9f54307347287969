"""Readers of dictionaries, one file per format. A new format is one new file that registers itself."""

import importlib
import pkgutil

from jaxmlda.corpus.lexicons.format import FORMATS, Format, Log, check, read

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["FORMATS", "Format", "Log", "check", "read"]
