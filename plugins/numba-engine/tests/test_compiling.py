"""Compiling, keeping the compiled code, and costing nothing before the engine is used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

USE = """
import random
from microgpt import ModelConfig, OptimizerConfig, initial_weights
from microgpt_play_numba import make_engine
config = ModelConfig(5, 4, 2, 1, 4)
engine = make_engine(config, OptimizerConfig(), initial_weights(config, random.Random(1)))
engine.prepare(lambda what, done, total: print(what, done, total))
print(engine.losses([[4, 1, 2]]))
"""


def run(code: str, **environment: str) -> list[str]:
    """The lines that a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_importing_the_plugin_imports_neither_numba_nor_numpy():
    said = run(
        "import sys, microgpt_play_numba;"
        "print(len(list(microgpt_play_numba.microgpt_engines())));"
        "print([name for name in ('numba', 'numpy', 'llvmlite') if name in sys.modules])"
    )
    assert said == ["2", "[]"]


def test_compiled_code_is_made_once_and_found_again_by_the_next_process(tmp_path: Path):
    first = run(USE, NUMBA_CACHE_DIR=str(tmp_path))
    assert first[0] == "compiling, once 1 4"
    assert list(tmp_path.rglob("*.nbc"))
    second = run(USE, NUMBA_CACHE_DIR=str(tmp_path))
    assert second[0] == "loading compiled code 1 4"
    assert second[-1] == first[-1]


def test_without_a_place_to_keep_it_the_code_is_compiled_each_time(tmp_path: Path):
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    said = run(USE, NUMBA_CACHE_DIR=str(in_the_way))
    assert said[0] == "compiling, once 1 4"
    assert said[-1].startswith("[[")


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch):
    """The module that compiles, as in a process that has compiled nothing yet."""
    from microgpt_play_numba import compiled

    monkeypatch.setattr(compiled, "_compiled", {})
    return compiled


def test_cancelling_lets_the_exception_through_and_the_next_attempt_succeeds(fresh):
    class CancelledError(Exception):
        pass

    def cancel(*_: object) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        fresh.compiled("float64", cancel)
    assert fresh.compiled("float64", lambda *_: None).train


def test_what_numba_refuses_is_said_with_its_version(fresh, monkeypatch):
    from numba import types

    from microgpt_play_numba.entries import Entry

    def impossible(x):
        return x.no_such_thing

    entry = Entry(impossible, lambda _: types.int64(types.int64))
    monkeypatch.setattr(fresh, "ENTRIES", {"update": entry})
    monkeypatch.setattr(fresh, "cache_folder", lambda: None)
    with pytest.raises(
        RuntimeError, match=r"(?s)Numba \d.* cannot compile update: .*no_such_thing"
    ):
        fresh.compiled("float64", lambda *_: None)


def test_the_cache_folder_of_other_code_that_uses_numba_is_left_alone(fresh):
    import numba

    before = numba.config.CACHE_DIR
    fresh.compiled("float64", lambda *_: None)
    assert before == numba.config.CACHE_DIR


def test_a_changed_source_gets_a_folder_of_its_own(fresh, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    package = tmp_path / "package"
    package.mkdir()
    (package / "compiled.py").write_text("a = 1")
    monkeypatch.setattr(fresh, "__file__", str(package / "compiled.py"))
    one = fresh.cache_folder()
    assert one == fresh.cache_folder()
    (package / "compiled.py").write_text("a = 2")
    assert fresh.cache_folder() != one
