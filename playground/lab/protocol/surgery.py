"""What surgery on a model does, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """How the held-out loss differs between two states of a model, in nats a token."""

    before: float
    after: float
    delta: float
    """The mean over all tokens of what is added to the loss."""
    error: float | None
    """The standard error of `delta`, of the paired texts; None for fewer than two texts."""
    documents: int
    tokens: int

    @property
    def within_noise(self) -> bool:
        """True if the difference is less than twice its standard error."""
        return self.error is not None and abs(self.delta) < 2 * self.error
