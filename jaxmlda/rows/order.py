"""The order of rows: phases one after the other, passes one after the other, each pass shuffled as a whole.

Grain's index-based datasets do the mixing, so a row's place is a pure function of the seed and its number.
"""

import grain.python as grain
import numpy as np


def passes(rows_of_epochs: list[list[int]], whole: bool = False) -> list[list[np.ndarray]]:
    """Rows of each pass and stream. In: per stream, the rows of each of its epochs, and whether all epochs are whole.

    A stream that has as many whole epochs as any gives one to each pass. Every other one is dealt evenly, so that
    shares hold in each pass, also where a budget ends within an epoch.
    """
    longest = max(len(epochs) for epochs in rows_of_epochs)
    dealt: list[list[np.ndarray]] = [[] for _ in range(longest)]
    for epochs in rows_of_epochs:
        bounds = np.arange(longest + 1) * sum(epochs) // longest
        if whole and len(epochs) == longest:
            bounds = np.cumsum([0, *epochs])
        for number in range(longest):
            dealt[number].append(np.arange(bounds[number], bounds[number + 1]))
    return dealt


def ordered(rows_of_epochs: list[list[int]], seed: int, whole: bool = False) -> np.ndarray:
    """The rows of a phase in training order, as pairs (stream, row of the stream)."""
    done = []
    for number, parts in enumerate(passes(rows_of_epochs, whole)):
        pairs = np.concatenate([np.stack([np.full(len(rows), one), rows], axis=1) for one, rows in enumerate(parts)])
        if not len(pairs):
            continue
        # Numbers are shuffled rather than the pairs: the same order, fetched a few times as fast.
        shuffled = grain.MapDataset.range(len(pairs)).shuffle(seed=(seed * 1_000_003 + number) % 2**32)
        done.append(pairs[np.fromiter((shuffled[index] for index in range(len(pairs))), np.int64, len(pairs))])
    return np.concatenate([np.zeros((0, 2), np.int64), *done])
