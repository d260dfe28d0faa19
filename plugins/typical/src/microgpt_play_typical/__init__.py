"""The hook: two strategies that steer by surprise, in pure Python."""

from __future__ import annotations

from collections.abc import Iterator

from microgpt_play_typical.mirostat import Mirostat, MirostatKnobs
from microgpt_play_typical.typical import Typical, TypicalKnobs
from playground.api import Contribution, Strategy, hookimpl


@hookimpl
def microgpt_sampling_strategies() -> Iterator[Contribution[Strategy]]:
    """Two strategies: see `playground.api`."""
    yield Contribution(
        name="typical",
        summary="the tokens about as surprising as is to be expected here",
        factory=Typical,
        knobs=TypicalKnobs,
    )
    yield Contribution(
        name="mirostat",
        summary="holds the surprise of the whole text at a target (version 2)",
        factory=Mirostat,
        knobs=MirostatKnobs,
    )
