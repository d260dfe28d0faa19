"""The moving average of the losses, as every chart of them draws it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

DECAY = 0.95
"""The average remembers about 1 / (1 - 0.95) = 20 steps."""


def smoothed(losses: Sequence[float], before: float = math.nan) -> array[float]:
    """The average after each of the losses, in nats a token as they are.

    before: the average after the loss before the first of them; where that is no number, the first
    loss is the average to begin with.
    """
    averages = array("d")
    average = before if math.isfinite(before) or not losses else losses[0]
    for loss in losses:
        average = DECAY * average + (1 - DECAY) * loss
        averages.append(average)
    return averages
