"""Writers that ask models behind OpenAI-compatible addresses.

httpx takes a tenth of a second to import. The factories import it, so that it counts neither among
the time of the start nor among that of an answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from microgpt_play_remote.knobs import ModelsLabKnobs, OpenAIKnobs
from microgpt_play_remote.writer import modelslab, openai
from playground.api import Contribution, Writer, hookimpl

__all__ = ["ModelsLabKnobs", "OpenAIKnobs", "microgpt_writers", "modelslab", "openai"]


@hookimpl
def microgpt_writers() -> Iterator[Contribution[Writer]]:
    """Two writers: see `playground.api`."""
    yield Contribution(
        name="openai",
        summary="a model behind an OpenAI-compatible address, here or elsewhere",
        factory=openai,
        knobs=OpenAIKnobs,
        requires=("httpx",),
    )
    yield Contribution(
        name="modelslab",
        summary="a model of ModelsLab's",
        factory=modelslab,
        knobs=ModelsLabKnobs,
        requires=("httpx",),
    )
