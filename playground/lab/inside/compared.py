"""What the explained logit is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from microgpt.anatomy import Anatomy
from playground.lab.protocol.inside import MEAN, Look


def compared_with(look: Look, anatomy: Anatomy) -> int | Sequence[float] | None:
    """Another token, the model's own probabilities, or nothing, as `attribution` takes it."""
    return anatomy.probs[look.position] if look.against == MEAN else look.against
