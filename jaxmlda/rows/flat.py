"""Flat arrays in .npy files, written as they grow and read through memory maps.

In: blocks of an array, or places in it; out: one file, or the values at those places. No more is in memory than was
asked for.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
from etils import epath


class Growing:
    """A .npy file whose first axis grows; its header is written last."""

    def __init__(self, stream: BinaryIO, width: tuple[int, ...] = ()) -> None:
        self._stream, self._width, self.rows = stream, width, 0
        self._header()

    def _header(self) -> None:
        # numpy pads the header so that the first axis may grow to any number in place.
        values = {"descr": "<i4", "fortran_order": False, "shape": (self.rows, *self._width)}
        self._stream.seek(0)
        np.lib.format.write_array_header_1_0(self._stream, values)

    def add(self, block: np.ndarray) -> None:
        """Appends rows."""
        self._stream.write(np.ascontiguousarray(block, "<i4").data)
        self.rows += len(block)

    def close(self) -> None:
        """Writes the number of rows into the header."""
        self._header()


class Flat:
    """Several arrays, each in a .npy file or in memory, that read as one."""

    def __init__(
        self, sources: Sequence[epath.PathLike | np.ndarray], lengths: Sequence[int], width: tuple[int, ...] = ()
    ) -> None:
        self._width = width
        self._sources = [source for source, length in zip(sources, lengths, strict=True) if length]
        self._begins = np.cumsum([0, *(length for length in lengths if length)])

    def __len__(self) -> int:
        return int(self._begins[-1])

    def _parts(self, places: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of every source that holds some of the places: the array, which of the places, and where in the array."""
        number = np.searchsorted(self._begins, places, "right") - 1
        for one in np.unique(number):
            source, which = self._sources[one], np.flatnonzero(number == one)
            # A map for each question, so that open files do not grow with the number of shards.
            array = source if isinstance(source, np.ndarray) else np.load(source, mmap_mode="r").view(np.ndarray)
            yield array, which, places[which] - self._begins[one]

    def take(self, places: np.ndarray) -> np.ndarray:
        """The values at places, in any order, as int64."""
        found = np.empty((len(places), *self._width), np.int64)
        for array, which, inside in self._parts(places):
            found[which] = array[inside]
        return found

    def runs(self, begins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """The values of [begin, begin + size) of every run, end to end; no run goes beyond its source."""
        found: list[np.ndarray] = [np.empty(0, np.int32)] * len(begins)
        for array, which, inside in self._parts(begins):
            stops = inside + sizes[which]
            for number, start, stop in zip(which.tolist(), inside.tolist(), stops.tolist(), strict=True):
                found[number] = array[start:stop]
        return np.concatenate([np.empty(0, np.int32), *found])
