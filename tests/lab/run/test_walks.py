"""A step of a run leaves the same bytes, however the run was walked through."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.hooks.registry import Registry
from tests.lab.conftest import text_run
from tests.lab.walks import Straight, Walk


@pytest.mark.parametrize(
    ("engine", "others", "walks"), [("vector", "scalar", 12), ("scalar", "vector", 3)]
)
def test_random_walks_of_steps_jumps_edits_forks_and_reopenings_lead_where_the_straight_way_does(
    engine: str, others: str, walks: int, words: Path, registry: Registry, tmp_path: Path
) -> None:
    small = {"n_embd": 4, "n_head": 2, "n_layer": 1, "block_size": 8}
    spec = text_run(words, engine=engine, model=small, steps=90, eval_every=20)
    straight = Straight(spec, registry)
    for seed in range(walks):
        store = tmp_path / f"{engine}{seed}.sqlite"
        Walk(seed, spec, registry, store, straight, (engine, others)).go(14)
