"""What a run needs of the machine: memory and disk, by the number of its parameters."""

from __future__ import annotations

from playground.lab.timeline import LARGE, keyframe_size, most_keyframes

BUDGET = 16 * 1024 * 1024
"""Bytes of keyframes that a run keeps on disk, if _FEWEST or more of them fit in."""
_FEWEST = 4
_OF_A_LARGE_MODEL = 2
"""How many keyframes of a large model a run keeps on disk: the first and the newest. The first one
of a run that begins at its start follows from the seed, and is not written."""
WORTH_TELLING = 1_000_000
"""Parameters of the smallest model whose needs are worth telling of."""
_PROGRAM = 150_000_000
"""Bytes of the worker without a model, an engine's library included."""
_ENGINE = 5 * 8
"""Bytes a parameter of an engine: weights, gradients, both moments, and a copy of the weights."""
_START = 2 * 8
"""Bytes a parameter of the first state: its weights, and the zeros of its moments."""
_AT_WORK = 3
"""States that are there for a moment, while one is taken, and another one is written."""


def most_on_disk(size: int) -> int:
    """How many keyframes of `size` bytes a run keeps on disk."""
    if size > LARGE:
        return _OF_A_LARGE_MODEL
    return max(_FEWEST, BUDGET // max(1, size))


def memory_needed(parameters: int) -> int:
    """About how many bytes the worker takes at most, while nobody looks inside the model."""
    size = keyframe_size(parameters)
    kept = most_keyframes(size) - 1
    return _PROGRAM + (_ENGINE + _START) * parameters + (kept + _AT_WORK) * size


def disk_needed(parameters: int) -> int:
    """About how many bytes of states a run keeps in its record."""
    size = keyframe_size(parameters)
    return (most_on_disk(size) - 1) * size  # the first one follows from the seed
