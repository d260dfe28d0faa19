"""The film strip in a real terminal: found, followed, looked back at, killed, printed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.protocol.film import FilmRow, has_row
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store
from tests.e2e.conftest import Launch
from tests.e2e.test_faults import workers_of
from tests.e2e.test_more import playground_of
from tests.e2e.test_walk import step_of

pytestmark = pytest.mark.e2e
STEPS = 220


@pytest.fixture(scope="module")
def straight() -> dict[int, FilmRow]:
    """The film of the same run, trained in one go in this process."""
    session = Session.open(RunSpec.parse({"steps": STEPS}), load(PluginSources(entry_points=False)))
    while session.step < STEPS:
        assert session.advance(STEPS - session.step), session.trouble
    session.camera.finish()
    return session.camera.rows


def film(home: Path) -> dict[int, FilmRow]:
    with Store.open(home / "data" / "runs.sqlite") as store:
        assert store.check() == []
        return {row.step: row for row in store.film(1)}


def test_the_film_is_found_by_its_name_and_grows_while_the_run_trains(
    launch: Launch, home: Path, straight: dict[int, FilmRow]
) -> None:
    terminal = launch("--steps", str(STEPS))
    terminal.wait_for("step 0/")
    terminal.press("C-p")
    terminal.type("gibberish")
    terminal.wait_for("Film strip: from gibberish to names")
    terminal.press("Enter")
    first = straight[0].texts[0].text
    terminal.wait_for(lambda s: f"▸0  {first}…" in s and "j chances" in s)
    terminal.press("-", "Space")  # slowly: the last row is looked for
    terminal.wait_for(re.compile(r"▸ *(4[5-9]|5\d)  "), 30)  # it goes on beyond what is looked for
    terminal.press("Space")
    screen = terminal.wait_for("‖ paused")
    at = step_of(screen)
    assert re.search(rf"▸ *{at - at % (5 if at < 100 else 50)}  ", screen)
    for row in (straight[at_row] for at_row in (5, 20, 40)):
        words = "  +".join(
            re.escape(f"{text.text}{'·' if text.ended else '…'}") + " *" for text in row.texts
        )
        assert re.search(rf" {row.step}  {words}", re.sub(" +", "  ", screen)), row
    terminal.press("r")
    terminal.wait_for(lambda s: "▸ 0  " in s and re.search(r"[^▸] 40  ", s))
    terminal.press("q")
    assert terminal.wait_for_exit() == 0 and terminal.errors == ""
    rows = film(home)
    assert sorted(rows) == [step for step in range(at + 1) if has_row(step)]
    assert rows == {step: straight[step] for step in rows}
    command = [str(Path(sys.executable).parent / "microgpt-play"), "runs", "show", "1", "--film"]
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True,
        env={**os.environ, "MICROGPT_PLAY_HOME": str(home)},
    ).stdout.splitlines()  # fmt: skip
    assert len(printed) == len(rows) and printed[0].split()[:2] == ["0", f"{first}…"]


def test_after_a_kill_the_film_is_the_one_of_a_run_that_was_never_killed(
    launch: Launch, home: Path, straight: dict[int, FilmRow]
) -> None:
    terminal = launch("--steps", str(STEPS))
    terminal.wait_for("step 0/")
    (worker,), playground = workers_of(terminal), playground_of(terminal)
    terminal.press("+", "Space")  # flat out: rows wait for their texts
    terminal.wait_for(lambda s: step_of(s) >= 60 and "· run 1" in s, 30)
    for process in (worker, playground):
        os.kill(process, signal.SIGKILL)
    terminal = launch("--run", "1")
    terminal.wait_for("names")
    terminal.press("+", "Space")
    terminal.wait_for("✓ finished", 30)
    terminal.press("q")
    assert terminal.wait_for_exit() == 0 and terminal.errors == ""
    assert film(home) == straight
