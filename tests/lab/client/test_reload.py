"""Plugins that are saved while a run is open: what changes, what stays, and what is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from playground.hooks.examine import Trial
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.client.events import LabEvent, PluginSaved
from playground.lab.client.lab import Lab
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.run import Reloaded, SavedPlugin
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.run.guard import Activity
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.lab.worker.reload import PluginReloader
from tests.calibrated import PATIENCE, a_second
from tests.lab.conftest import QUICK, text_run, until, within

SHIFT = """
from playground.api import Contribution, Knob, Knobs, hookimpl

class ShiftKnobs(Knobs):
    {knobs}

class Shift:
    def __init__(self, knobs):
        self.knobs = knobs
    def transform(self, logits, context):
        {transform}

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="{name}", summary="{summary}", factory=Shift, knobs=ShiftKnobs)
"""
BY = 'by: float = Knob(1.0, ge=0, le=5, step=0.5, help="how much the first token gains")'
GAIN = "return [logits[0] + self.knobs.by, *logits[1:]]"


def shift(
    transform: str = GAIN, knobs: str = BY, name: str = "shift", summary: str = "for the first"
) -> str:
    return SHIFT.format(transform=transform, knobs=knobs, name=name, summary=summary)


# ---------------------------------------------------------------- one session, no process


class Bench:
    """A run with one plugin in a file, and the worker's half of a reload of that plugin."""

    def __init__(self, folder: Path, spec: RunSpec, text: str) -> None:
        self.file = folder / "shift.py"
        self.file.write_text(text)
        self.registry = load(PluginSources(files=(str(self.file),), entry_points=False))
        self.session = Session.open(spec, self.registry)
        self._reloader = PluginReloader(self.registry, Activity())

    def save(self, text: str) -> Reloaded:
        saved = SavedPlugin(str(self.file), text.encode())
        return self._reloader.take((saved,), self.session)

    def sample_with(self, *links: Link) -> None:
        self.session.observe(Sampling(chain=links))

    def chance_of_first(self) -> float:
        return next(c.after for c in self.session.preview().chances if c.token == 0)

    @property
    def link(self) -> Link:
        (link,) = self.session.observation.sampling.chain
        return link


@pytest.fixture
def bench(tmp_path: Path, spec: RunSpec) -> Bench:
    return Bench(tmp_path, spec, shift())


def test_a_strategy_in_the_chain_changes_in_mid_run_and_its_knob_keeps_its_value(
    bench: Bench,
) -> None:
    bench.sample_with(Link("shift", {"by": 3.0}))
    bench.session.advance()
    gains = bench.chance_of_first()
    reloaded = bench.save(shift("return [logits[0] - self.knobs.by, *logits[1:]]"))
    assert not reloaded.refused and not reloaded.remarks
    assert bench.chance_of_first() < gains / 100  # the logit falls by 6, since `by` is still 3
    assert bench.link.options == {"by": 3.0}
    assert bench.session.step == 1


def test_a_knob_that_is_gone_is_dropped_and_said(bench: Bench) -> None:
    bench.sample_with(Link("shift", {"by": 3.0}))
    reloaded = bench.save(
        shift("return list(logits)", 'much: int = Knob(2, ge=0, le=4, help="so much")')
    )
    assert bench.link.options == {}
    assert reloaded.sampling == bench.session.observation.sampling
    assert "'by'" in reloaded.remarks[0] and "gone" in reloaded.remarks[0]


def test_a_value_that_a_knob_no_longer_takes_is_dropped_and_said(bench: Bench) -> None:
    bench.sample_with(Link("shift", {"by": 3.0}))
    reloaded = bench.save(shift(knobs='by: float = Knob(1.0, ge=0, le=2, help="less")'))
    assert bench.link.options == {}
    assert "3.0" in reloaded.remarks[0] and "1.0" in reloaded.remarks[0]


def test_a_strategy_that_is_called_otherwise_now_is_switched_off_and_said(bench: Bench) -> None:
    bench.sample_with(Link("shift", {"by": 3.0}))
    reloaded = bench.save(shift(name="move"))
    assert not bench.link.enabled
    assert "'shift'" in reloaded.remarks[0]
    assert reloaded.catalog.find("strategy", "move")
    assert not reloaded.catalog.find("strategy", "shift")


def test_a_version_that_cannot_be_made_with_the_values_in_use_is_not_taken(bench: Bench) -> None:
    bench.sample_with(Link("shift", {"by": 3.0}))
    before = bench.chance_of_first()
    picky = shift().replace("self.knobs = knobs", "self.knobs = knobs; assert knobs.by < 2")
    reloaded = bench.save(picky)
    assert "AssertionError" in reloaded.refused[str(bench.file)].message
    entry = reloaded.catalog.find("strategy", "shift")
    assert entry is not None and "AssertionError" in entry.stale
    assert bench.chance_of_first() == before


def test_a_mended_strategy_lets_the_run_that_it_stopped_go_on(bench: Bench) -> None:
    bench.save(shift("raise ValueError('oh')"))
    bench.session.observe(Sampling(chain=(Link("shift"),), every=10))
    while bench.session.advance():
        pass
    trouble = bench.session.trouble
    assert trouble is not None and trouble.contribution == "strategy:shift:shift"
    assert "oh" in trouble.message and "transform" in trouble.message.lower()
    bench.save(shift())
    assert bench.session.trouble is None and bench.session.advance()


def test_a_tokenizer_at_work_changes_at_the_next_run(tmp_path: Path, words: Path) -> None:
    text = """
from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl
@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="mine", summary="letters", factory=CharTokenizer)
"""
    bench = Bench(tmp_path, text_run(words), text)
    assert not bench.save(text + "#").remarks  # this tokenizer is not at work
    file = tmp_path / "shift.py"
    registry = load(PluginSources(files=(str(file),), entry_points=False))
    session = Session.open(text_run(words, tokenizer={"name": "mine"}), registry)
    saved = SavedPlugin(str(file), (text + "##").encode())
    (remark,) = PluginReloader(registry, Activity()).take((saved,), session).remarks
    assert "'mine'" in remark and "next run" in remark
    assert session.advance()


def test_a_saved_plugin_moves_nothing_else_in_the_catalog(bench: Bench) -> None:
    before = bench.registry.catalog()
    bench.save(shift(summary="another"))
    after = bench.registry.catalog()
    assert [entry.qualified for entry in after.entries] == [e.qualified for e in before.entries]
    changed = [e for e, old in zip(after.entries, before.entries, strict=True) if e != old]
    assert [(entry.name, entry.summary) for entry in changed] == [("shift", "another")]
    assert after.problems == before.problems


# ---------------------------------------------------------------- the trial


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (shift(), ""),
        ("def f(:", "SyntaxError"),
        ("import no_such_library", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "tried to end the program"),
        ("import os; os._exit(3)", "exit code 3"),
        ("import os, time\nif os.fork() == 0: time.sleep(3600)\nos._exit(3)", "exit code 3"),
        ("while True: pass", "had not returned"),
        ("x = 1", "no hook function"),
        (shift("return logits[:-1]"), "26 logits for 27 tokens"),
        (shift("raise ValueError('oh')"), "oh"),
        (shift("return [float('nan') for x in logits]"), "NaN"),
        (shift("while True: pass"), "had not returned"),
        ("print('x' * 10_000_000)\n" + shift(), ""),
    ],
)
def test_a_version_of_a_plugin_is_tried_before_it_is_used(
    tmp_path: Path, text: str, says: str
) -> None:
    deadline = 0.7 if says == "had not returned" else 60.0
    found = Trial(str(tmp_path / "shift.py"), text.encode(), deadline).run()
    assert bool(found) == bool(says), found
    assert all(problem.plugin == "shift" for problem in found)
    assert not says or says in found[0].message


# ---------------------------------------------------------------- a lab with a real worker


class Author:
    """Somebody who writes plugins into a folder while a run is open."""

    def __init__(self, folder: Path, *files: Path) -> None:
        self.folder = folder
        self.file = folder / "shift.py"
        self._heard: asyncio.Queue[LabEvent] = asyncio.Queue()
        self._sources = PluginSources(
            files=tuple(map(str, files)), folder=str(folder), entry_points=False
        )

    async def opens(self, spec: RunSpec) -> Lab:
        self.lab = Lab(self._sources, listener=self._heard.put_nowait, limits=QUICK)
        await within(20, self.lab.open(spec.to_json()))
        self.lab.follow_plugins()
        if self.file.exists():  # the version to fall back on is known first
            await until(lambda: str(self.file) in self.lab._reloader._marks)
        return self.lab

    async def hears(self, seconds: float = 5.0) -> PluginSaved:
        """The next PluginSaved event."""
        async with asyncio.timeout(PATIENCE * seconds):
            while not isinstance(event := await self._heard.get(), PluginSaved):
                pass
        return event

    def stale(self) -> str:
        assert self.lab.open_run.catalog is not None
        entry = self.lab.open_run.catalog.find("strategy", "shift")
        return entry.stale if entry is not None else "not there"

    async def until(self, summary: str) -> list[PluginSaved]:
        """The PluginSaved events until the strategy has this summary and is not stale."""
        told = [await self.hears()]
        while not (
            (entry := told[-1].reloaded.catalog.find("strategy", "shift"))
            and entry.summary == summary
            and not entry.stale
        ):
            told.append(await self.hears())
        return told


@pytest.fixture
async def author(tmp_path: Path) -> AsyncIterator[Author]:
    author = Author(tmp_path / "a" / "plugins")
    yield author
    await author.lab.close()


async def test_a_new_file_in_a_new_folder_is_there_within_a_second(
    author: Author, spec: RunSpec
) -> None:
    second = a_second()
    lab = await author.opens(spec)
    await lab.run(50)
    author.folder.mkdir(parents=True)
    author.file.write_text(shift())
    await author.hears(second)
    await lab.observe(Sampling(chain=(Link("shift"),)))
    low = next(c.after for c in (await lab.preview()).chances if c.token == 0)
    await lab.observe(Sampling(chain=(Link("shift", {"by": 5.0}),)))
    high = next(c.after for c in (await lab.preview()).chances if c.token == 0)
    assert high > 5 * low


async def test_a_broken_version_is_marked_until_it_is_mended_also_in_the_next_run(
    author: Author, spec: RunSpec
) -> None:
    author.folder.mkdir(parents=True)
    author.file.write_text(shift())
    lab = await author.opens(spec)
    await lab.observe(Sampling(chain=(Link("shift", {"by": 2.0}),)))
    before = await lab.preview()
    author.file.write_text("def f(:")
    told = await author.hears()
    assert (
        "SyntaxError" in told.saved.problems[0].message
        and "def f(:" in told.saved.problems[0].detail
    )
    assert "SyntaxError" in author.stale()
    assert (await lab.preview()).chances == before.chances

    # The next run gets a new process, which finds the broken file on the disk.
    await within(20, lab.open(spec.to_json(), observation=Observation(Sampling((Link("shift"),)))))
    assert "SyntaxError" in author.stale()
    assert (await lab.preview()).chances

    author.file.write_text(shift())
    assert not (await author.hears()).saved.problems
    assert author.stale() == ""
    assert lab.open_run.catalog is not None and not lab.open_run.catalog.problems


async def test_a_deleted_file_keeps_what_was_loaded_and_is_marked(
    author: Author, spec: RunSpec
) -> None:
    author.folder.mkdir(parents=True)
    author.file.write_text(shift())
    await author.opens(spec)
    author.file.unlink()
    assert (await author.hears()).saved.gone
    assert "gone" in author.stale()
    await author.lab.observe(Sampling(chain=(Link("shift"),)))


async def test_the_screen_is_told_how_the_worker_samples_if_a_saved_plugin_changed_that(
    author: Author, spec: RunSpec
) -> None:
    author.folder.mkdir(parents=True)
    author.file.write_text(shift())
    lab = await author.opens(spec)
    await lab.observe(Sampling(chain=(Link("shift", {"by": 3.0}),)))
    author.file.write_text(shift(summary="the same knobs"))
    assert (await author.hears()).sampling is None
    author.file.write_text(shift("return list(logits)", "much: int = 2"))
    told = await author.hears()
    without = Sampling(chain=(Link("shift"),))
    assert told.sampling == lab.open_run.observation.sampling == without


async def test_twenty_saves_in_a_row_and_a_moment_of_emptiness_end_in_the_last_version(
    author: Author, spec: RunSpec
) -> None:
    author.folder.mkdir(parents=True)
    author.file.write_text(shift(summary="number 0"))
    await author.opens(spec)
    for number in range(1, 21):
        author.file.write_text("")
        author.file.write_text(shift(summary=f"number {number}"))
    told = await author.until("number 20")
    assert len(told) < 10
    assert not any(event.saved.problems for event in told)


async def test_an_editor_that_saves_by_rename_is_noticed_and_its_scratch_files_are_not(
    author: Author, spec: RunSpec
) -> None:
    author.folder.mkdir(parents=True)
    author.file.write_text(shift())
    await author.opens(spec)
    scratch = author.folder / ".shift.py.swp"
    scratch.write_text(shift(summary="renamed"))
    scratch.rename(author.file)
    (event,) = await author.until("renamed")
    assert event.saved.path == str(author.file)


async def test_a_file_that_loops_for_ever_does_not_hold_the_run_up(
    author: Author, spec: RunSpec
) -> None:
    author.folder.mkdir(parents=True)
    author.file.write_text(shift())
    lab = await author.opens(spec)
    await lab.run(50)
    author.file.write_text("while True:\n    pass\n")
    told = await author.hears(10)
    assert "had not returned" in told.saved.problems[0].message
    assert "line 2" in told.saved.problems[0].detail or "line 1" in told.saved.problems[0].detail
    assert "had not returned" in author.stale()
    assert (await lab.frame()).step > 50  # the run trained all the while


async def test_a_new_file_that_loops_for_ever_does_not_keep_the_next_run_from_opening(
    author: Author, spec: RunSpec
) -> None:
    author.folder.mkdir(parents=True)
    lab = await author.opens(spec)
    author.file.write_text("while True:\n    pass\n")
    assert (await author.hears(10)).saved.problems
    await within(20, lab.open(spec.to_json()))
    assert lab.open_run.catalog is not None
    (problem,) = lab.open_run.catalog.problems
    assert "had not returned" in problem.message and problem.plugin == "shift"


async def test_a_file_of_the_command_line_is_followed_by_the_path_as_it_was_given(
    tmp_path: Path, spec: RunSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("shift.py")
    file.write_text(shift())
    author = Author(tmp_path / "none", file)
    try:
        await author.opens(spec)
        file.write_text(shift(summary="another"))
        (event,) = await author.until("another")
        assert event.saved.path == "shift.py"
        assert len(event.reloaded.catalog.plugins) == 2  # the built-ins and the plugin
    finally:
        await author.lab.close()
