"""Readers of the formats that users have, one file each. A new format is one new file that registers itself."""

import importlib
import pkgutil

from jaxmlda.corpus.formats.base import (
    READERS,
    Deleted,
    Faulty,
    Filtered,
    Found,
    Item,
    Options,
    Place,
    Reader,
    excerpt,
    lines,
    opened,
    reader,
)

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["READERS", "Deleted", "Faulty", "Filtered", "Found", "Item", "Options", "Place", "Reader"]
__all__ += ["excerpt", "lines", "opened", "reader"]
