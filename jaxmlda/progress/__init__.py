"""Progress bars with rate and time left, the same for every long piece of work."""

import sys
from collections.abc import Iterable

from tqdm import tqdm


def bar(iterable: Iterable | None = None, *, total: int | None = None, label: str, unit: str) -> tqdm:
    """A bar on standard error; where that is no terminal, a line every ten seconds instead of a redrawn one."""
    terminal = sys.stderr.isatty()
    return tqdm(
        iterable,
        total=total,
        desc=label,
        unit=unit,
        unit_scale=True,
        dynamic_ncols=terminal,
        ncols=None if terminal else 100,
        mininterval=0.2 if terminal else 10.0,
        leave=True,
    )
