"""The exponential moving average of the losses, which every chart of losses draws."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

DECAY = 0.95
"""The weight of the average so far, which then covers about 1 / (1 - 0.95) = 20 steps."""


def smoothed(losses: Sequence[float], before: float = math.nan) -> array[float]:
    """The average after each loss, in nats a token, one for each of `losses`.

    before: the average before the first of `losses`; if it is not finite, the average starts at the
    first loss.
    """
    averages = array("d")
    average = before if math.isfinite(before) or not losses else losses[0]
    for loss in losses:
        average = DECAY * average + (1 - DECAY) * loss
        averages.append(average)
    return averages
