"""Signals that ask for a stop: SIGTERM and SIGINT raise a flag that the loop, and a probe inside it, look at."""

import signal
from types import FrameType, TracebackType


class Stop:
    """A context in which the first signal raises the flag and a second one ends the process as usual."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Stop":
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._raise_flag)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _raise_flag(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(number, self._before[number])
