"""docs/runs.md: its commands are run in the order of the page, and what the page says of keys,
signs and sizes is looked up in the program."""

from __future__ import annotations

import gc
import json
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from textual.binding import Binding, BindingType

from microgpt import ModelConfig, parameter_count
from playground.cli.commands import cli
from playground.cli.runs.film import lines
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab import paths, timeline
from playground.lab.checkpoint import read_checkpoint
from playground.lab.paths import last_run, store_file
from playground.lab.protocol.film import MOST_TOKENS, TEXTS, has_row
from playground.lab.record import batches, needs, recorder, writer
from playground.lab.run.film import LARGE, MOST_SECONDS, FilmRation
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.lab.store import housekeeping
from playground.lab.store.query import Query
from playground.lab.store.store import Store
from playground.tui.bindings import MAIN_BINDINGS, action_name
from playground.tui.screens.fork.screen import ForkScreen
from playground.tui.screens.race.screen import RACE_BINDINGS
from playground.tui.screens.runs.screen import RunsScreen
from playground.tui.screens.runs.table import RunList
from playground.tui.widgets.scrubber import AHEAD, HANDLE, RECORDED, SIGNS
from tests.docs_helpers import (
    COMMAND,
    ROOT,
    assert_links_lead_somewhere,
    assert_understood,
    blocks,
    commands,
)

PAGE = ROOT / "docs" / "runs.md"
TEXT = PAGE.read_text(encoding="utf-8")
WORDS = " ".join(TEXT.split())
SHOWN = commands(TEXT)
ON_SCREEN = [command for command in SHOWN if command.startswith(f"{COMMAND} --")]
MB = 1024 * 1024


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working folder of the commands, with a store of its own."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MICROGPT_PLAY_HOME", str(folder / "home"))
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def said(home: Path) -> dict[str, str]:
    """The output of each command of the page, run one after the other in the order of the page."""
    assert not any(home.iterdir())
    outputs: dict[str, str] = {}
    threshold = gc.get_threshold()
    for command in SHOWN:
        if command in ON_SCREEN:
            continue
        words = shlex.split(command)[1:]
        done = CliRunner().invoke(cli, words, prog_name=COMMAND, standalone_mode=False)
        assert done.exception is None, f"{command}: {done.exception!r}"
        assert not done.return_value, f"{command}: {done.output}"
        outputs[command] = done.output
    gc.set_threshold(*threshold)
    return outputs


# ---------------------------------------------------------------- commands of the page


def test_every_command_of_the_page_does_what_stands_beside_it(
    said: dict[str, str], home: Path
) -> None:
    runs = {command.removeprefix(f"{COMMAND} runs "): out for command, out in said.items()}
    asked = "list 'lr>=0.01 dataset=names touched<2d'"
    assert [line.split()[0] for line in runs[asked].splitlines()[1:]] == ["2", "1"]
    listed = [json.loads(line) for line in runs["list --sort heldout --json"].splitlines()]
    losses = [one["heldout"] for one in listed]
    assert losses == sorted(losses) and len(losses) == 2
    assert "as it comes" in runs["show plain"] and "200 of 200" in runs["show plain"]
    lines = (home / "plain.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", *(str(at) for at in range(201))]
    assert read_checkpoint(home / "at100.safetensors").step == 100
    assert "restore 2" in runs["delete 2 --yes"]
    assert "sound" in runs["check"] and str(store_file()) in runs["check"]


def test_a_deleted_run_is_back_and_a_run_without_a_record_is_not_there(
    said: dict[str, str],
) -> None:
    assert f"{COMMAND} train --no-record --steps 100" in said
    with Store.open(store_file()) as store:
        rows = store.runs(Query(sort="id", descending=False))
        first, imported = (store.record(rows[place].id) for place in (0, 4))
    steps = [200, 200, 400, 400, 200]
    assert [(row.id, row.step) for row in rows] == list(enumerate(steps, start=1))
    assert [(row.parent, row.fork_step) for row in rows[2:4]] == [(1, 200)] * 2
    assert imported.losses == first.losses
    assert (first.row.name, imported.row.name) == ("plain", "plain (imported)")


@pytest.mark.parametrize("command", ON_SCREEN)
def test_the_command_line_takes_what_opens_the_screen(command: str) -> None:
    assert_understood(command)


def test_commands_and_links_of_the_page_are_found() -> None:
    assert len(SHOWN) > 15 and ON_SCREEN
    assert assert_links_lead_somewhere(PAGE) >= 3


@pytest.mark.parametrize("name", ["race", "runs"])
def test_pictures_of_the_page_ask_nothing_of_the_network(name: str) -> None:
    svg = (PAGE.parent / f"{name}.svg").read_text(encoding="utf-8")
    assert "microgpt-play" in svg
    assert "@font-face" not in svg and "url(http" not in svg


def test_the_query_of_the_page_is_understood() -> None:
    (text,) = [block for block in blocks(TEXT, "text") if "lr>=" in block]
    query = Query.parse(text.strip())
    assert (query.words, len(query.filters)) == (("kafka",), 4)


# ---------------------------------------------------------------- keys and signs


def keys(bindings: Iterable[BindingType]) -> dict[str, str]:
    """The action of each key, written as the page writes keys."""
    single = [one for one in bindings if isinstance(one, Binding)]
    shown = {"slash": "/", "delete": "Del", "enter": "Enter", "home": "Home", "end": "End",
             "escape": "esc", "plus": "+", "minus": "-"}  # fmt: skip
    return {
        shown.get(key, key): action_name(one.action) if one in MAIN_BINDINGS else one.action
        for one in single
        for key in one.key.split(",")
    }


def test_the_keys_of_the_page_do_what_it_says() -> None:
    main, race, fork = keys(MAIN_BINDINGS), keys(RACE_BINDINGS), keys(ForkScreen.BINDINGS)
    runs = keys([*RunsScreen.BINDINGS, *RunList.BINDINGS])
    assert [main[key] for key in ("s", "b", "Home", "End", "f", "a", "y", "o", "h", "e")] == [
        "step", "back", "travel.0", "travel.1", "fork", "runs", "probes", "resume",
        "settings", "engines",
    ]  # fmt: skip
    assert [fork[key] for key in ("Enter", "ctrl+n", "ctrl+r")] == ["accept", "from_start", "race"]
    assert [race[key] for key in ("+", "-", "v", "g", "A", "B", "esc")] == [
        "speed(1)", "speed(-1)", "raw", "sample", "keep(0)", "keep(1)", "escape",
    ]  # fmt: skip
    assert [runs[key] for key in ("Enter", "space", "R", "/")] == ["open", "mark", "race", "search"]
    managing = [runs[key] for key in ("n", "m", "Del", "u", "x", "i")]
    assert managing == [
        f"manage('{what}')" for what in ("name", "note", "delete", "undo", "export", "take_in")
    ]
    for key in {*"sbfayohevgABRnmuxi/+-", "Home", "End", "Enter", "ctrl+n", "ctrl+r", "Del", "esc"}:
        assert f"`{key}`" in TEXT, f"the page says nothing of {key}"


def test_the_timeline_is_drawn_with_the_signs_it_explains() -> None:
    (line,) = [block for block in blocks(TEXT, "text") if HANDLE in block]
    used = set(line.partition("  ")[0])
    assert used == {HANDLE, RECORDED, AHEAD, *SIGNS.values()}
    for sign in (HANDLE, *SIGNS.values()):
        assert f"`{sign}`" in TEXT


# ---------------------------------------------------------------- figures


def test_the_figures_of_the_page_are_those_of_the_program() -> None:
    bytes_of_a_state = 3 * 8 * parameter_count(ModelConfig(27))
    assert round(bytes_of_a_state / 1000, -1) == 100
    for figure, words in (
        (recorder.EVERY, "The losses of the last {:g} seconds"),
        (writer.AGAIN / 10, "every ten seconds"),
        (timeline.SPACING, "In memory they are {} steps apart"),
        (timeline.BUDGET // MB, "within {} MB a run"),
        (needs.BUDGET // MB, "within {} MB a run"),
        (needs._FEWEST, "or four if they are larger"),
        (timeline.LARGE / 24e6, "more than {:.1f} million"),
        (timeline.LARGE // MB, "more than {} MB, and few are kept"),
        (timeline.LARGE_BUDGET / 48e6, "beyond {:.0f} million"),
        (timeline.LARGE_BUDGET / 1e9, "{:.1f} GB at most beside the first"),
        (batches.RATE // MB, "at {} MB a second"),
        (paths.MOST // MB, "if that has up to {} MB"),
        (housekeeping.BUDGET >> 30, "more than {} GB"),
        (housekeeping.WEEK / (7 * 86400), "for a week"),
    ):
        assert words.format(figure) in WORDS
    assert (writer.AGAIN, needs._FEWEST, housekeeping.WEEK) == (10, 4, 7 * 86400)
    assert last_run().name in TEXT and store_file().name in TEXT


# ---------------------------------------------------------------- the film


def test_the_rows_of_the_film_are_those_of_a_default_run(said: dict[str, str]) -> None:
    shown = TEXT[TEXT.index("## The film") :].split("```")[1].splitlines()[1:]
    session = Session.open(RunSpec.parse({}), load(PluginSources(entry_points=False)))
    while session.step < 150:
        assert session.advance(150 - session.step), session.trouble
    session.camera.finish()
    rows = [session.camera.rows[step] for step in (0, 5, 45, 150)]
    assert [line.split() for line in shown[:4]] == [line.split() for line in lines(rows)]
    printed = said[f"{COMMAND} runs show plain --film"].splitlines()
    assert printed[0].split() == shown[0].split(), "before the first step, all runs are alike"
    assert len(printed) == len([step for step in range(201) if has_row(step)])


def test_what_the_page_says_of_the_film_is_so() -> None:
    assert f"at {MOST_TOKENS} tokens" in WORDS
    assert f"more than {LARGE:,} parameters has one" in WORDS
    assert FilmRation.SHARE == 0.005 and FilmRation.SHARE * FilmRation.WATCHED == 0.1
    assert MOST_SECONDS == 0.25 and TEXTS == 3
