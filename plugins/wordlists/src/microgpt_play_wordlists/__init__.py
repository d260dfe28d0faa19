"""The hook: four small word lists, which come with the plugin and need no network."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from microgpt_play_wordlists.dataset import AccentKnobs, WordKnobs, Words
from microgpt_play_wordlists.lists import LISTS
from playground.api import Contribution, Dataset, hookimpl


@hookimpl
def microgpt_datasets() -> Iterator[Contribution[Dataset]]:
    """A data set for each list: see `playground.api`."""
    for words in LISTS:
        yield Contribution(
            name=words.name,
            summary=f"{words.entries} {words.of}",
            factory=partial(Words, words),
            knobs=AccentKnobs if words.accents else WordKnobs,
        )
