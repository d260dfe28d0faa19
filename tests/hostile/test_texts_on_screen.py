"""Texts that attack a terminal, in all that the screen gets: none of it is obeyed.

The real app draws on a driver that keeps what it would write. The lab is scripted, and every text
of every message of the protocol, of the catalog and of the store is hostile.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot
from textual.widgets import Input

from microgpt.surgery import Component
from playground.catalog import Catalog, Plugin, Problem
from playground.lab.client.events import (
    OpenProgress,
    PluginSaved,
    PluginsUnwatched,
    WorkerBack,
    WorkerGone,
    WorkerLost,
)
from playground.lab.protocol import (
    choices,
    commands,
    failures,
    film,
    frames,
    observation,
    pipe,
    run,
    surgery,
    writing,
)
from playground.lab.protocol import probes as probing
from playground.lab.protocol import sampling as sampled
from playground.lab.protocol.commands import ProbesState
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.film import FilmFrame, FilmRow
from playground.lab.protocol.frames import Frame, FrameRequest
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet, SkippedPrompt
from playground.lab.protocol.run import Notice, RecordState, Reloaded, RunInfo, SavedPlugin
from playground.lab.protocol.sampling import (
    Links,
    Measuring,
    MetricChoice,
    Preview,
    SampleBatch,
    Sampling,
)
from playground.lab.protocol.writing import Leaving, WriterChoice, WritingProgress, Written
from playground.lab.race import SamplePair
from playground.lab.race.state import AnswerPair, RaceProbes
from playground.lab.store.store import Store
from playground.lab.store.transfer import import_run
from playground.tui.caption import in_window
from playground.tui.screens.message import MessageScreen
from playground.tui.screens.runs.screen import RunsScreen
from playground.tui.screens.surgery.opening import open_cut, open_patch, open_rank
from playground.tui.widgets.sheet import Sheet
from playground.tui.widgets.table import RowList
from tests.crafted.runs import sound
from tests.hostile.messages import forgotten, hostile
from tests.hostile.texts import KEPT, evil, harm_on_a_screen, hostile_run_file, storable
from tests.tui.screens.race.test_race import PARTED, ScriptedRace, batch, says, screen_of
from tests.tui.scripted import CATALOG, ScriptedLab, ScriptedWriting
from tests.tui.watched import WatchedApp, seen

FAILURE = Failure(
    "It failed", "For a reason.", "plugin", "Traceback", {"steps": "too many"}, "strategy:x:x"
)


def _spec(text: str) -> str:
    spec = json.loads(text)
    for part in ("dataset", "tokenizer", "schedule"):
        spec[part]["name"] = storable(evil(spec[part]["name"]))[:80]
    spec["dataset"]["options"] = {"path": storable(evil("/home/me/data.txt"))}
    return json.dumps({**spec, "engine": storable(evil(spec["engine"]))[:80]})


MODULES = (
    choices, commands, failures, film, frames, observation, pipe, probing, run, sampled, surgery,
    writing,
)  # fmt: skip
"""Whose texts are all made hostile here; test_texts_inside.py has those of the microscope."""


class HostileWriting(ScriptedWriting):
    """Another model whose every text is an attack."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves = hostile(self.leaves)
        self.text = evil("so far")

    async def write(self, choice: WriterChoice, prompt: str, agreed: Leaving, tell: Any) -> Written:
        found = hostile(await super().write(choice, prompt, agreed, tell))
        tell(hostile(WritingProgress("writing", 1, 0, "so far")).text)
        if len(self.asked) == 2:
            raise LabError(hostile(FAILURE))
        return found


class HostileLab(ScriptedLab):
    """Gives what the scripted lab gives, with attacks in each text."""

    def __init__(self, listener: Any) -> None:
        super().__init__(listener)
        self.catalog = hostile(
            replace(
                CATALOG,
                problems=(Problem("a", "/a.py", "import", "It fails", "Traceback ..."),),
                plugins=(Plugin("a", "/a.py", "failed"), Plugin("b", "/b.py", "loaded")),
            )
        )
        self.panel_lines = ("one", "two")
        self.metric_trouble = FAILURE
        answers = tuple(ProbeAnswers(step, (("an", "na"),) * 2, "q") for step in (0, 100))
        skipped = (SkippedPrompt(2, "é", "unknown"),)
        probes = ProbeSet(("a", "b"))
        self.asked = hostile(ProbesState(probes, answers, skipped, FAILURE))
        self.writing = HostileWriting()

    async def get_catalog(self) -> Catalog:
        assert self.catalog is not None
        return self.catalog

    async def open(self, spec: Any, **more: Any) -> RunInfo:  # noqa: ARG002
        self.plain = info = await super().open("{}", **more)
        self.measuring = hostile(Measuring((MetricChoice("loss", {"a": "b"}), MetricChoice("x"))))
        self.sampling = hostile(Sampling(prompt="an"))
        notices = (
            Notice("Half of it is never seen", "split:windows", "Half unseen"),
            Notice("Another"),
        )
        self.info = hostile(replace(info, notices=notices, spec=_spec(info.spec)))
        return self.info

    def _frame(self, request: FrameRequest) -> Frame:
        assert self.info is not None
        known = {evil(matrix.name): matrix.name for matrix in self.plain.matrices}
        views = tuple(replace(one, name=known[one.name]) for one in request.matrices)
        kept, self.info = self.info, self.plain
        frame = super()._frame(replace(request, matrices=views))
        self.info = kept
        assert frame.document is not None
        document = replace(frame.document, beyond=("b", "c"), before=("anna",), after=("bob",))
        edits = ((1, "learning rate 2"),)
        record = RecordState(1, name="mine")
        return hostile(
            replace(
                frame, document=document, trouble=FAILURE, edits=edits, record=record,
                by_hand=("head 1 cut",), held="head 1", operated="head 1 cut at step 0",
            )
        )  # fmt: skip

    def _film(self, since: int) -> FilmFrame:
        made = super()._film(since)
        noted = FilmRow(5, (), "No texts")
        return replace(made, rows=(*made.rows, noted), trouble=FAILURE)

    async def sample(self) -> SampleBatch:
        made = await super().sample()
        self.batches[-1] = hostile(replace(made, note="No texts", texts=made.texts[:2]))
        return self.batches[-1]

    async def preview(self, limit: int = 64, chain: Links | None = None) -> Preview:
        prompt, self.sampling = self.sampling, replace(self.sampling, prompt="an")
        made = await super().preview(limit, chain)
        self.sampling = prompt
        return hostile(made)

    async def try_out(self, *given: Any) -> Any:
        return hostile(await super().try_out(*given))

    async def rank(self, cuts: Any, tell: Any) -> Any:
        def told(progress: Any) -> None:
            tell(replace(hostile(replace(progress, found=())), found=progress.found))

        return await super().rank(cuts, told)

    async def patch(self, *given: Any) -> Any:
        return hostile(await super().patch(*given))

    async def look_inside(self, look: Any) -> Any:
        made = await super().look_inside(look)
        return hostile(replace(made, trouble="Not finite", notices=("It was cut",)))

    async def export(self, *_: Any) -> None:
        raise LabError(hostile(FAILURE))


class Kept(HeadlessDriver):
    """Keeps what it would write to the terminal."""

    def write(self, data: str) -> None:
        app = self._app
        assert isinstance(app, KeptApp)
        app.written.append(data)

    @property
    def is_headless(self) -> bool:
        return False


class KeptApp(WatchedApp):
    """The app on such a driver."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.written: list[str] = []
        super().__init__(*args, **options)

    def get_driver_class(self) -> Any:
        return in_window(Kept, self.caption.window)

    def bell(self) -> None:
        """Ring not: the bell of the app is no attack."""

    @property
    def bytes(self) -> bytes:
        return "".join(self.written).encode("utf-8", "surrogatepass")


@pytest.fixture(autouse=True)
def terminal_with_a_title(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run from a hostile file, twice, so that two can be compared."""
    folder = tmp_path_factory.mktemp("store")
    good = folder / "good.microgpt-run"
    good.write_bytes(sound())
    bad = folder / "bad.microgpt-run"
    done = hostile_run_file(good, bad)
    with Store.open(folder / "runs.sqlite", create=True) as opened:
        _every_column_of_text_is_done(opened, done)
        import_run(opened, bad)
        import_run(opened, bad)
    return folder / "runs.sqlite"


def _every_column_of_text_is_done(store: Store, done: set[str]) -> None:
    with store.database.reading() as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")]
        for table in tables:
            for _, column, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                assert (
                    kind not in ("TEXT", "")
                    or f"{table}.{column}" in done
                    or column in KEPT.get(table, ())
                )


@asynccontextmanager
async def attacked(
    store: Path | None = None, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[KeptApp, Pilot[int]]]:
    def lab(listener: Any) -> Any:
        made = HostileLab(listener)
        made.store = str(store or "")
        return made

    app = KeptApp(lab, "{}", store=store)
    async with app.run_test(headless=False, size=size) as pilot:
        await asyncio.wait_for(app.controller.frames.ready.wait(), 60)
        await seen(pilot, lambda: "ready" in app.text("#status"))
        yield app, pilot


async def press(pilot: Pilot[int], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


def is_harmless(written: bytes) -> None:
    """Nothing was written but what the screen draws with, and it was not empty."""
    harm = harm_on_a_screen(written)
    assert not harm, "\n".join(harm[:20])
    assert b"\\x1b]" in written  # the attacks are shown
    assert b"\x1b]2;" in written  # in the title, too


PLACES = [
    ["s", "s", "g", "g"],
    ["5", "4", "z", "z"],
    ["4", "z", "j", "j", "z"],
    ["3", "z", "j", "j", "z"],
    ["1", "z", "s", "z"],
    ["question_mark"],
    ["exclamation_mark"],
    ["y", "ctrl+right", "tab", "down"],
    ["d", "down", "down"],
    ["t", "down"],
    ["e", "down"],
    ["h", "down", "end"],
    ["c", "down", "tab", "down"],
    ["m", "down", "space"],
    ["p", "down", "end", "enter"],
    ["ctrl+s"],
    ["x", "enter", "enter"],
    ["f", "down", "end"],
    ["ctrl+p", "down"],
    ["ctrl+p", "t", "o", "k"],
    ["w"],
    ["i", "8"],
]
"""Keys that lead to each panel and each dialog from the main screen."""


async def test_no_text_that_the_lab_gives_is_obeyed() -> None:
    async with attacked() as (app, pilot):
        for keys in PLACES:
            await press(pilot, *keys)
            for _ in range(3):
                if app.screen is not app.main:
                    await pilot.press("escape")
        await _operated(app, pilot)
        await _asked(app, pilot)
        assert isinstance(app.lab, HostileLab)
        again = hostile(SavedPlugin("/a.py", None, (Problem("a", "/a.py", "import", "No"),)))
        reloaded = Reloaded(app.lab.catalog, None, ("It fits",), {"/a.py": again.problems[0]})
        info = app.lab.info
        assert info is not None
        for event in (
            OpenProgress(hostile(Progress("reading", 1, 2))),
            WorkerLost(hostile(FAILURE)),
            WorkerBack(info, 2, False, evil("Back")),
            PluginsUnwatched(evil("no inotify")),
            PluginSaved(again, hostile(reloaded)),
            WorkerGone(hostile(FAILURE)),
        ):
            app.lab.listener(event)
            await pilot.pause()
        app.lab.fail_open = hostile(FAILURE)
        await press(pilot, "escape", "escape")
        app.copy_to_clipboard("\udc80")
        await press(pilot, "q")
    written = app.bytes
    clipboard = b"\x1b]52;c;XHVkYzgw\x07"
    assert clipboard in written  # "\\udc80", and no UnicodeEncodeError
    is_harmless(written.replace(clipboard, b""))
    assert forgotten(MODULES) == []


async def _operated(app: KeptApp, pilot: Pilot[int]) -> None:
    """Look at what a cut would do, rank all parts, and patch two texts."""

    def words() -> str:
        return "".join(sheet.words for sheet in app.screen.query(Sheet))

    open_cut(app, app.controller, [Component("head", 0, 0)])
    await seen(pilot, lambda: "nats" in words())
    await press(pilot, "escape")
    open_rank(app, app.controller)
    await seen(pilot, lambda: app.controller.surgery.ranked_now)
    await press(pilot, "escape")
    open_patch(app, app.controller, "anna")
    await seen(pilot, lambda: len(app.screen.query(Input)) == 3)
    await press(pilot, *"anno", "enter")
    await seen(pilot, lambda: "logit difference" in " ".join(words().split()))
    await press(pilot, "escape")
    await seen(pilot, lambda: app.screen is app.main)


async def _asked(app: KeptApp, pilot: Pilot[int]) -> None:
    """Ask another model for the prompt, and for the probes until it fails."""

    def words() -> str:
        return "".join(sheet.words for sheet in app.screen.query(Sheet))

    app.controller.beside.choose(WriterChoice(evil("other")))
    await press(pilot, "O", "g")
    await seen(pilot, lambda: isinstance(app.screen, MessageScreen))
    await press(pilot, "right", "enter")
    await seen(pilot, lambda: "tokens read" in words())
    await press(pilot, "2", "g")
    await seen(pilot, lambda: "✗" in words())
    await press(pilot, "escape", "escape")
    await seen(pilot, lambda: app.screen is app.main)


async def test_no_text_of_the_store_is_obeyed(store: Path) -> None:
    async with attacked(store) as (app, pilot):
        await press(pilot, "a")
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        table = runs.query_one(RowList)
        while table.cursor_key is None:
            await pilot.pause()
        for keys in (["n"], ["m"], ["x", "tab"], ["i", "enter"], ["space", "down", "space"]):
            await press(pilot, *keys)
            if app.screen is not runs:
                await press(pilot, "escape")
        await press(pilot, "d", "d", "t", "s", "slash", "e", "v", "escape", "delete")
        await press(pilot, "escape", "f")
        while app.screen is runs:
            await pilot.pause()
        await press(pilot, "escape", "escape", "q")
    is_harmless(app.bytes)


async def test_no_text_of_a_race_is_obeyed() -> None:
    left, right = PARTED.sides
    pair = SamplePair(3, "an", batch(3, "anna"), batch(3, "anton"))
    answers = ProbeAnswers(3, (("an",),), "q")
    probes = RaceProbes(
        ProbeSet(("a",)), AnswerPair(answers, answers), None, ((answers, answers), None),
        troubles=(FAILURE, None),
    )  # fmt: skip
    sides = (replace(left, notes=("It came back.",)), replace(right, trouble=FAILURE))
    state = replace(
        PARTED, sides=sides, samples=(pair,), remarks=("Mind this.",), trouble=FAILURE,
        probes=probes, prompt="an",
    )  # fmt: skip
    async with attacked() as (app, pilot):
        screen = screen_of(ScriptedRace(hostile(state)))
        await app.push_screen(screen)
        while not says(screen, "verdict") or "being opened" in says(screen, "verdict"):
            await pilot.pause()
        await press(pilot, "p", "p", "question_mark", "escape", "y")
        await press(pilot, "escape", "q")
    is_harmless(app.bytes)
