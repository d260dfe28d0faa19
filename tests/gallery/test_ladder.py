"""Every engine of the gallery beside the two that are built in.

These tests need the distributions of plugins/, which `make gallery` installs in an environment of
its own. Elsewhere they are skipped.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from microgpt import (
    CharTokenizer,
    EngineFactory,
    ModelConfig,
    OptimizerConfig,
    Trainer,
    initial_weights,
    load_names,
    shuffle,
)
from playground.hooks.manager import load
from playground.testing import move_checks
from tests.e2e.terminal import Terminal
from tests.e2e.test_walk import step_of

ENGINES = ("scalar", "vector", "numpy", "numba")
LISTED = (*ENGINES, "numba-float32", "torch")
"""The engines that the picker lists before the last that is chosen here."""
HERE = {"numpy", "numba"} <= {point.name for point in entry_points(group="microgpt_play")}
pytestmark = pytest.mark.skipif(not HERE, reason="the gallery is not installed: make gallery")


def factories() -> dict[str, EngineFactory]:
    registry = load()
    return {name: registry.contribution("engine", name).factory for name in ENGINES}


def losses(factory: EngineFactory, steps: int, **shape: int) -> list[float]:
    """The losses of a run on the embedded names, batch size 1."""
    names = load_names()
    rng = shuffle(names, 42)
    tokenizer = CharTokenizer(set("".join(names)))
    config = ModelConfig(tokenizer.vocab_size, **shape)
    bos = tokenizer.bos_id
    documents = [[bos, *tokenizer.encode(name), bos] for name in names[:1000]]
    optimizer = OptimizerConfig()
    engine = factory(config, optimizer, initial_weights(config, rng))
    return list(Trainer(engine, documents, optimizer, 1000).train(steps).losses)


def test_a_thousand_steps_have_the_same_losses_with_every_engine() -> None:
    made = factories()
    vector = losses(made["vector"], 1000)
    assert losses(made["scalar"], 5) == pytest.approx(vector[:5], rel=1e-9)
    for name in ("numpy", "numba"):
        assert losses(made[name], 1000) == pytest.approx(vector, rel=1e-9), name


def test_a_larger_model_has_the_same_losses_with_every_engine() -> None:
    made = factories()
    shape = {"n_embd": 64, "n_layer": 2, "block_size": 32}
    vector = losses(made["vector"], 20, **shape)
    for name in ("numpy", "numba"):
        assert losses(made[name], 20, **shape) == pytest.approx(vector, rel=1e-9), name


@pytest.mark.parametrize("check", move_checks(factories()) if HERE else ())
def test_a_run_moves_between_any_two_engines_without_a_change(check) -> None:
    check()


@pytest.mark.e2e
def test_a_run_changes_to_ever_faster_engines_in_a_real_terminal(tmp_path: Path) -> None:
    terminal = start(tmp_path, "--steps", "5000000")
    try:
        terminal.wait_for("step 0/")
        terminal.press("+", "+", "Space")
        terminal.wait_for(lambda screen: step_of(screen) > 30)
        choose(terminal, "numpy")
        terminal.wait_for("numpy engine")
        terminal.wait_for(lambda screen: step_of(screen) > 2_000, 30)
        choose(terminal, "numba")
        terminal.wait_for("numba engine", 60)  # Numba may have to compile
        terminal.wait_for(lambda screen: step_of(screen) > 30_000, 30)
        terminal.press("Space")
        reached = step_of(terminal.wait_for("paused"))
        terminal.press("b")
        terminal.wait_for(lambda screen: step_of(screen) == reached - 1)
        terminal.press("s")
        terminal.wait_for(lambda screen: step_of(screen) == reached)
        choose(terminal, "vector")
        terminal.wait_for("vector engine")
        terminal.press("s")
        terminal.wait_for(lambda screen: step_of(screen) == reached + 1)
        terminal.press("q")
        assert terminal.wait_for_exit() == 0
    finally:
        terminal.close()


@pytest.mark.e2e
def test_a_library_that_cannot_be_imported_leaves_the_run_its_engine(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "numba.py").write_text("raise ImportError('libllvm is of another age')")
    terminal = start(tmp_path, "--steps", "5000000", PYTHONPATH=str(broken))
    try:
        terminal.wait_for("step 0/")
        terminal.press("+", "+", "Space")
        terminal.wait_for(lambda screen: step_of(screen) > 30)
        choose(terminal, "numba")
        terminal.wait_for("cannot be used")
        reached = step_of(terminal.screen)
        terminal.wait_for(lambda screen: step_of(screen) > reached + 20)
        terminal.press("e")
        screen = terminal.wait_for("✗ numba")
        (line,) = [line for line in screen.splitlines() if "✗ numba" in line]
        assert "libllvm is of another age" in line
    finally:
        terminal.close()


def start(folder: Path, *words: str, **env: str) -> Terminal:
    """The playground in a terminal, run by this Python."""
    settings = {
        "MICROGPT_PLAY_HOME": str(folder / "home"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "PATH": os.environ["PATH"],
        **env,
    }
    command = [sys.executable, "-m", "playground", *words]
    return Terminal(command, size=(140, 40), folder=folder, env=settings)


def choose(terminal: Terminal, name: str) -> None:
    """Choose an engine with the key e."""
    terminal.press("e")
    screen = terminal.wait_for("at work   ○")
    listed = re.findall(rf"│ {{1,2}}[●○✗ ] ({'|'.join(LISTED)}) ", screen)
    place = listed.index(name)
    terminal.press("Home", *["Down"] * place, "Enter")
