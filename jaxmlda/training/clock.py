"""Seconds spent in each kind of work: input, step, checkpoint, probe."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator


class Clock:
    """Adds up spans by name until they are read."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Counts the time inside the block towards a name."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += time.perf_counter() - begin

    def read(self) -> dict[str, float]:
        """The seconds since the last reading."""
        seconds = {name: round(value, 4) for name, value in self._seconds.items()}
        self._seconds.clear()
        return seconds
