"""The hook: the names of Karpathy's makemore, fetched once and kept."""

from __future__ import annotations

from collections.abc import Iterator

from microgpt_play_makemore.dataset import MakemoreKnobs, MakemoreNames
from playground.api import Contribution, Dataset, hookimpl


@hookimpl
def microgpt_datasets() -> Iterator[Contribution[Dataset]]:
    """One data set: see `playground.api`."""
    yield Contribution(
        name="makemore",
        summary="the 32,033 names of Karpathy's makemore; downloads 228 kB once",
        factory=MakemoreNames,
        knobs=MakemoreKnobs,
    )
