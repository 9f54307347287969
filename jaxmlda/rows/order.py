"""The order of rows: phases one after the other, passes one after the other, each pass shuffled as a whole.

Grain's index-based datasets do the mixing, so a row's place is a pure function of the seed and its number.
"""

import grain.python as grain
import numpy as np


def passes(rows_of_epochs: list[list[int]]) -> list[list[np.ndarray]]:
    """Rows of each pass and stream. In: per stream, the rows of each of its epochs.

    Every stream is dealt evenly, so that shares hold in each pass, also where a budget ends within an epoch; whole
    epochs of a stream that has as many as any fall one to a pass.
    """
    longest = max(len(epochs) for epochs in rows_of_epochs)
    dealt: list[list[np.ndarray]] = [[] for _ in range(longest)]
    for epochs in rows_of_epochs:
        bounds = np.arange(longest + 1) * sum(epochs) // longest
        for number in range(longest):
            dealt[number].append(np.arange(bounds[number], bounds[number + 1]))
    return dealt


def ordered(rows_of_epochs: list[list[int]], seed: int) -> np.ndarray:
    """The rows of a phase in training order, as pairs (stream, row of the stream)."""
    done = []
    for number, parts in enumerate(passes(rows_of_epochs)):
        pairs = [np.stack([np.full(len(rows), stream), rows], axis=1) for stream, rows in enumerate(parts) if len(rows)]
        mixed = grain.MapDataset.concatenate([grain.MapDataset.source(part) for part in pairs])
        mixed = mixed.shuffle(seed=(seed * 1_000_003 + number) % 2**32)
        done.extend(mixed[index] for index in range(len(mixed)))
    return np.array(done, np.int64).reshape(-1, 2)
