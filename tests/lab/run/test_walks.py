"""A step of a run leaves the same bytes, however the run was walked through."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_any_sequence_of_moves_leads_where_the_straight_way_does(
    words: Path, registry: Registry, dice: random.Random
) -> None:
    """As the test above; what fails is made as short as it can be."""
    small = {"n_embd": 4, "n_head": 2, "n_layer": 1, "block_size": 8}
    spec = text_run(words, model=small, steps=30, eval_every=10)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "runs.sqlite"
        Walk(dice, spec, registry, store, Straight(spec, registry), ("vector",)).go(8)
