"""Random walks through recorded runs with the engines of the gallery."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from playground.hooks.manager import load
from tests.lab.conftest import WORDS, text_run
from tests.lab.walks import Straight, Walk

HERE = {"numpy", "numba"} <= {point.name for point in entry_points(group="microgpt_play")}
pytestmark = pytest.mark.skipif(not HERE, reason="the gallery is not installed: make gallery")


@pytest.mark.parametrize(("engine", "others"), [("numpy", "vector"), ("numba", "numpy")])
def test_random_walks_with_engines_of_the_gallery_lead_where_the_straight_way_does(
    engine: str, others: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path / "home"))
    registry = load()
    words = tmp_path / "words.txt"
    words.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    small = {"n_embd": 4, "n_head": 2, "n_layer": 1, "block_size": 8}
    spec = text_run(words, engine=engine, model=small, steps=90, eval_every=20)
    straight = Straight(spec, registry)
    for seed in range(12):
        store = tmp_path / f"{engine}{seed}.sqlite"
        Walk(seed, spec, registry, store, straight, (engine, others)).go(14)
