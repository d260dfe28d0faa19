"""A line of progress stays one line: with wide letters, in narrow terminals, while one resizes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.cli import one_line
from playground.cli.export import Telling
from playground.cli.one_line import OneLine, fitting, rows_of
from playground.cli.progress import Report
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.sampling import Measuring, MetricChoice
from playground.lab.session import Session
from playground.widths import cell_len
from tests.lab.conftest import text_run

WIDE = "長い名前の文書ファイルですとても長い名前の文書ファイルです.txt"


class Terminal(io.StringIO):
    """A terminal that notes what is written, and in how many columns."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """What was drawn, a text each time."""
        return [one.replace("\x1b[K", "") for one in self.getvalue().split("\r")[1:]]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("XTERM_VERSION", raising=False)
    return Terminal()


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The terminal's columns, which a test may change."""
    now = {"columns": 60}
    monkeypatch.setattr(one_line, "columns_of", lambda _: now["columns"])
    return now


@given(st.text(alphabet="ab长é\u0301👍🏽-"), st.integers(0, 30))
def test_a_text_is_cut_by_its_columns(text: str, room: int) -> None:
    cut = fitting(text, room, Terminal())
    assert cell_len(cut) <= room
    assert cut == text or cell_len(text) > room


def test_the_share_of_a_long_name_stays_in_sight(
    terminal: Terminal, columns: dict[str, int]
) -> None:
    report = Report(terminal, quiet=False)
    report.opening(Progress(f"reading {WIDE}", 83, 100))
    drawn = terminal.lines[-1]
    assert drawn.startswith("reading 長い名前") and drawn.endswith("…  83%")
    assert cell_len(drawn) < columns["columns"]


def test_the_progress_of_an_export_fits_as_well(
    terminal: Terminal, columns: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.cli.export._NOTICED", 0.0)
    monkeypatch.setattr("sys.stderr", terminal)
    with Telling() as tell:
        tell(Progress(WIDE, 12, 3456))
    assert terminal.lines[0].endswith("… 12/3,456")
    assert cell_len(terminal.lines[0]) < columns["columns"]
    assert terminal.lines[-1] == ""


@pytest.mark.parametrize("wide", [200, 80, 60, 40, 25, 12, 5, 2, 1])
def test_a_step_is_told_in_whole_figures(
    terminal: Terminal,
    columns: dict[str, int],
    tmp_path: Path,
    wide: int,
) -> None:
    """Half a number is another number."""
    columns["columns"] = wide
    words = tmp_path / "words.txt"
    words.write_text("ant\nbee\ncat\n" * 10)
    session = Session.open(text_run(words, steps=1234), load(PluginSources(entry_points=False)))
    session.observe(Measuring((MetricChoice("gradient-norm"),)))
    session.measure_all()
    for _ in range(10):
        session.advance()
    report = Report(terminal, quiet=False)
    report.opened(session)
    began = len(terminal.lines)
    report.step(session, 2.34567)
    (drawn,) = terminal.lines[began:]
    assert cell_len(drawn) < wide
    norm = session.training.series.measured["gradient-norm"].values[-1]
    said = ("step", "10/1,234", "10", "loss", "2.346", "gradient-norm", f"{norm:.4g}", "left")
    said += ("steps/s", "s", "min", "h", "10…", "1…", "…")
    for word in drawn.split():
        bar = set(word) <= set("━─")
        assert bar or word in said or word.replace(",", "").isdecimal(), drawn
    assert ("loss 2.346" in drawn) == (wide > 20)
    assert ("gradient-norm" in drawn) == (wide >= 80)
    assert ("━" in drawn or "─" in drawn) == (wide == 200)


def test_a_line_that_the_terminal_wrapped_is_erased_whole(
    terminal: Terminal, columns: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = OneLine(terminal)
    line.draw("x" * 59)
    columns["columns"] = 20
    line.draw("shorter")
    assert terminal.getvalue().endswith("\r\x1b[K\x1b[A\x1b[K\x1b[Ashorter\x1b[K")
    columns["columns"] = 5
    line.clear()
    assert terminal.getvalue().endswith("shorter\x1b[K\r\x1b[K\x1b[A\x1b[K")
    columns["columns"] = 60
    line.draw("x" * 59)
    monkeypatch.setenv("XTERM_VERSION", "XTerm(379)")  # which cuts its lines, and wraps none
    columns["columns"] = 20
    line.clear()
    assert terminal.getvalue().endswith("x\x1b[K\r\x1b[K")


@pytest.mark.parametrize(
    ("text", "wide", "rows"), [("", 5, 1), ("abcde", 5, 1), ("abcdef", 5, 2), ("長長長", 5, 2)]
)
def test_rows_of_a_wrapped_text(text: str, wide: int, rows: int) -> None:
    assert rows_of(text, wide) == rows
