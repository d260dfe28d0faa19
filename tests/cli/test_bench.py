"""`bench`: figures for all engines that work, a line for each that does not."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from playground.cli.bench_text import Paper, chart, figure, ratio_words, step_time, table
from playground.lab.bench import DEFAULT, TOLERANCES, BenchResult, EngineResult
from tests.cli.conftest import Done, Play, command

TINY = ("bench", "--quick", "--rounds", 2, "--seconds", 0.001)
BUILT_IN = ("--engine", "vector", "--engine", "scalar")

PLUGIN = """
from microgpt import VectorEngine
from playground.api import Contribution, hookimpl

class Mine(VectorEngine):
    {body}

@hookimpl
def microgpt_engines():
    yield Contribution(name="mine", summary="", factory=Mine, requires={requires!r})
"""
DOUBLED = "def adam_step(self, rate, step): super().adam_step(2 * rate, step)"


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine is doing."""
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0), raising=False)


@pytest.fixture
def mine(tmp_path: Path) -> Any:
    """mine(body): a plugin with an engine "mine", as options."""

    def write(body: str, requires: tuple[str, ...] = ()) -> tuple[object, ...]:
        path = tmp_path / "mine.py"
        path.write_text(PLUGIN.format(body=body, requires=requires))
        return "--plugin", path, "--engine", "mine"

    return write


def engines(done: Done) -> dict[str, dict[str, Any]]:
    """The engines of the default model in --json."""
    return {engine["engine"]: engine for engine in json.loads(done.out)["models"][0]["engines"]}


def test_json_holds_all_figures_and_nothing_else_is_printed(play: Play) -> None:
    done = play(*TINY, *BUILT_IN, "--json")
    assert (done.code, done.err) == (0, "")
    said = json.loads(done.out)
    (model,) = said["models"]
    assert (model["base"], model["rounds"], model["seconds"]) == ("scalar", 2, 0.001)
    assert (model["model"]["n_embd"], model["model"]["parameters"]) == (16, 4192)
    assert said["machine"]["cpus"] >= 1 and said["machine"]["load_average"] == 0
    scalar, vector = model["engines"]  # the slowest first
    assert scalar["engine"] == "scalar" and scalar["ratio"] == 1
    assert scalar["difference"] is None
    own = vector["microgpt_ratio"] / scalar["microgpt_ratio"]
    assert own == pytest.approx(vector["ratio"], rel=0.5)
    assert vector["ratio"] > 1 and len(vector["ratios"]) == 2
    assert vector["steps_per_second"] * vector["seconds_per_step"] == pytest.approx(1)
    assert vector["tokens_per_second"] > vector["steps_per_second"]
    assert 0 <= vector["difference"] < 1e-12 and vector["compared"] >= 2
    assert not vector["wrong"] and vector["origin"] == "built in"


@pytest.mark.parametrize("columns", [40, 80])
def test_ratios_come_first_and_nothing_is_clipped(
    play: Play, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = play(*TINY, *BUILT_IN)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert "\x1b" not in done.out
    (scalar,) = (line.split() for line in lines if line.lstrip().startswith("1x  scalar"))
    assert scalar[-1] == "reference"
    # In the narrow table neither the steps and tokens a second nor microgpt.py's loop found room.
    assert len(scalar) == (8 if columns == 80 else 5)
    assert "microgpt.py's own loop" in " ".join(done.out.split())
    assert "times as fast as the scalar engine" in " ".join(done.out.split())
    bars = [line.split()[1] for line in lines if line.startswith("  ") and line.endswith("x")]
    assert bars[0] == "▏" and bars[1].startswith("█")


def test_a_poor_encoding_gets_plain_letters() -> None:
    done = command(*TINY, *BUILT_IN, PYTHONIOENCODING="ascii", COLUMNS="80")
    assert done.code == 0
    assert "\\" not in done.out and "####" in done.out


def test_an_engine_that_cannot_be_used_is_one_line_and_the_others_go_on(
    play: Play, mine: Any
) -> None:
    for body, requires, reason in (
        ("def __init__(self, *_): raise OSError('[no] compiler')", (), "OSError: [no] compiler"),
        ("def adam_step(self, rate, step): 1 / 0", (), "ZeroDivisionError: division by zero"),
        ("pass", ("nothing_of_that_name",), "needs nothing_of_that_name, which is not installed"),
    ):
        done = play(*TINY, *mine(body, requires), "--engine", "vector")
        assert (done.code, done.err) == (0, "")
        (line,) = (line for line in done.out.splitlines() if line.startswith("  mine: "))
        assert line.startswith(f"  mine: {reason}")
        assert "1x  vector" in done.out


def test_if_no_engine_works_that_is_a_failure(play: Play, mine: Any) -> None:
    done = play(*TINY, *mine("def adam_step(self, rate, step): raise OSError"))
    assert done.code == 1
    assert "  mine: OSError" in done.out
    assert done.err == "microgpt-play: No engine could be measured.\n"


def test_an_engine_that_computes_something_else_is_marked_and_a_failure(
    play: Play, mine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")  # there is always room for this
    done = play(*TINY, *mine(DOUBLED), "--engine", "vector")
    assert done.code == 1
    (line,) = (line for line in done.out.splitlines() if line.endswith("WRONG"))
    assert line.split()[1] == "mine" and len(line) <= 50
    assert "The engine mine computes something else" in done.err
    assert "vector computes" not in done.err
    figures = engines(play(*TINY, *mine(DOUBLED), "--engine", "vector", "--json"))
    assert {name: one["wrong"] for name, one in figures.items()} == {"mine": True, "vector": False}
    assert 0.001 < figures["mine"]["difference"] < 1


def test_losses_that_are_no_numbers_are_still_json(play: Play, mine: Any) -> None:
    broken = "def loss_and_gradients(self, documents): return [[float('nan')]]"
    done = play(*TINY, *mine(broken), "--engine", "vector", "--json")
    assert "NaN" not in done.out and "Infinity" not in done.out
    (left,) = json.loads(done.out)["models"][0]["left_out"]
    assert left["engine"] == "mine" and "diverged" in left["reason"]


def test_what_an_engine_prints_is_no_figure(play: Play, mine: Any) -> None:
    done = play(*TINY, *mine("def prepare(self, progress): print('compiling')"), "--json")
    assert engines(done)["mine"]["prepare_seconds"] > 0
    assert done.err == "compiling\n"


def test_an_engine_of_another_name_is_refused_with_the_names_there_are(play: Play) -> None:
    done = play(*TINY, "--engine", "vectr", "--no-plugins")
    assert (done.code, done.out) == (2, "")
    assert "did you mean 'vector'? there are: vector, scalar" in " ".join(done.err.split())


def test_interrupted_it_prints_nothing(play: Play, mine: Any) -> None:
    done = play(*TINY, *mine("def adam_step(self, rate, step): raise KeyboardInterrupt"))
    assert (done.code, done.out, done.err.strip()) == (130, "", "")


def test_a_busy_machine_is_said(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 99.0, 99.0), raising=False)
    done = play(*TINY, "--engine", "vector", "--json")
    assert done.err.startswith("! This machine is busy (load average 99.0 on ")
    assert json.loads(done.out)["machine"]["load_average"] == 99


# ---------------------------------------------------------------- on paper


def rung(engine: str, ratio: float, difference: float | None = 1e-15) -> EngineResult:
    """An engine that takes 80 ms over its ratio."""
    seconds = 0.08 / ratio
    return EngineResult(
        engine, "mine", "here", ratio, (ratio,), seconds, 1 / seconds, 7 / seconds, 0, difference, 9
    )


def test_an_engine_in_float32_may_differ_by_what_its_digits_explain() -> None:
    exact = rung("a", 2, 1e-6)
    single = dataclasses.replace(exact, tolerance=TOLERANCES["float32"])
    assert exact.wrong and not single.wrong
    assert dataclasses.replace(single, difference=1e-3).wrong


@pytest.mark.parametrize("width", [24, 30, 40, 60, 80, 100])
@pytest.mark.parametrize("ratios", [[1], [1, 49.3, 4698], [0.02, 1, 1.5], [1, 3e5]])
def test_table_and_chart_fit_whatever_the_width(width: int, ratios: list[float]) -> None:
    rungs = [rung("a-name-of-far-too-many-letters", ratio) for ratio in ratios]
    paper = Paper(width, width)
    shown = BenchResult(DEFAULT, 4192, "scalar", tuple(rungs), ())
    lines = [*table(shown, paper), *chart(shown, paper)]
    assert max(map(len, lines)) <= width
    for ratio in ratios:
        assert sum(ratio_words(ratio) in line.split() for line in lines) == 2


def test_bars_are_as_long_as_the_logarithm_and_the_axis_says_so() -> None:
    shown = BenchResult(DEFAULT, 4192, "a", tuple(rung("a", 10.0**n) for n in range(4)), ())
    *bars, axis = chart(shown, Paper(80, 80))
    begin = bars[0].index("▏")
    places = [begin, *(len(bar.rstrip("0123456789,x ")) for bar in bars[1:])]
    ticks = [place for place, letter in enumerate(axis) if letter == "|"]
    assert all(abs(place - tick) <= 1 for place, tick in zip(places, ticks, strict=True))
    assert axis.split() == ["|1x", "|10x", "|100x", "|1,000x"]


def test_numbers_have_three_digits_that_mean_something() -> None:
    assert [ratio_words(x) for x in (0.0213, 1, 1.052, 9.996, 49.3, 99.7, 1049, 4698)] == [
        "0.0213x", "1x", "1.05x", "10x", "49x", "100x", "1,050x", "4,700x",
    ]  # fmt: skip
    assert [figure(x) for x in (0, 0.5, 13.84, 609, 56_340)] == [
        "0",
        "0.500",
        "13.8",
        "609",
        "56,300",
    ]
    assert [step_time(x) for x in (1.298, 0.0722, 0.000018)] == ["1.30 s", "72.2 ms", "18.0 µs"]


class Terminal(io.StringIO):
    """A stream that is one."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = BenchResult(DEFAULT, 4192, "vector", (rung("mine", 0.5, 0.1), rung("vector", 1)), ())
    for name, value, colour in (("TERM", "xterm", True), ("TERM", "dumb", False),
                                ("NO_COLOR", "1", False)):  # fmt: skip
        monkeypatch.setenv(name, value)
        paper = Paper.of(Terminal())
        coloured = "\x1b[" in "".join(table(shown, paper)), "\x1b[" in "".join(chart(shown, paper))
        assert coloured == (colour, colour)
    assert not Paper.of(io.StringIO()).colour
