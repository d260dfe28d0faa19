"""Saved plugins on the screen: badges, toasts, the key that tells why, and the way on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textual.widgets import Static

from playground.catalog import Catalog, Entry, Problem
from playground.lab.client.events import PluginSaved, PluginsUnwatched
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.frames import Frame, FrameRequest
from playground.lab.protocol.run import Reloaded, SavedPlugin
from playground.lab.protocol.sampling import Link, Sampling
from playground.tui.screens.message import MessageScreen
from tests.tui.scripted import CATALOG, slider
from tests.tui.watched import WatchedApp, playing, seen

PATH = "/plugins/hot.py"
HOT = Entry("strategy", "hot", "hot", PATH, "hotter", (slider("heat", 2, 1, 9, 1, 1),))
WRONG = Problem("hot", PATH, "import", "[red]SyntaxError[/] in hot.py", "line 3\n  def f(:")


def saved(
    app: WatchedApp,
    entry: Entry | None = HOT,
    *problems: Problem,
    remarks: tuple[str, ...] = (),
    sampling: Sampling | None = None,
) -> None:
    """Let the lab tell that hot.py was saved. sampling: how the worker samples since."""
    there = tuple(known for known in CATALOG.entries if known.name != "hot")
    catalog = Catalog((*there, *([entry] if entry else [])), problems)
    reloaded = Reloaded(catalog, app.lab.sampling, remarks)
    app.lab.listener(PluginSaved(SavedPlugin(PATH, b"", problems), reloaded, sampling))


def chain_text(app: WatchedApp) -> str:
    return "\n".join(str(line.render()) for line in app.main.query("#sampling-chain Static"))


def use_hot(app: WatchedApp) -> None:
    chain = (*app.model.sampling.chain, Link("hot", {"heat": 3}))
    app.controller.previews.set_sampling(app.model.with_chain(chain))


async def test_a_new_strategy_is_said_and_can_be_chosen_at_once() -> None:
    async with playing() as (app, pilot):
        saved(app)
        await seen(pilot, lambda: "hot.py is in use as it was saved" in app.said)
        await pilot.press("c")
        await pilot.pause()
        listed = app.screen.query_one("#chain-strategies")
        assert any("hot" in str(option.prompt) for option in listed.options)  # type: ignore[attr-defined]


async def test_a_stale_strategy_wears_a_badge_and_one_key_tells_why_until_it_is_mended() -> None:
    async with playing() as (app, pilot):
        saved(app)
        use_hot(app)
        await pilot.pause()
        for _ in range(3):  # the same mistake is saved three times
            saved(app, replace(HOT, stale=WRONG.message), WRONG)
        await seen(pilot, lambda: "hot is stale" in chain_text(app))
        assert app.said.count("hot.py is stale: an earlier version stays in use") == 1
        assert WRONG.message in app.said  # the message is text, not markup
        await pilot.press("exclamation_mark")
        await pilot.pause()
        assert isinstance(app.screen, MessageScreen)
        told = "\n".join(str(part.render()) for part in app.screen.query(Static))
        assert "def f(:" in told and WRONG.message in told
        await pilot.press("escape")
        saved(app)
        await seen(pilot, lambda: "hot is stale" not in chain_text(app))


async def test_a_link_that_a_chain_lost_is_said_and_the_screen_follows() -> None:
    async with playing() as (app, pilot):
        saved(app)
        use_hot(app)
        await seen(pilot, lambda: app.lab.sampling == app.model.sampling)
        app.lab.sampling = app.model.without_strategy("hot:hot")
        remarks = ("The strategy 'hot' is no longer there.",)
        saved(app, None, remarks=remarks, sampling=app.lab.sampling)
        await seen(pilot, lambda: "no longer there" in app.said)
        assert not app.model.sampling.chain[-1].enabled


async def test_plugins_that_cannot_be_watched_are_said_with_the_reason() -> None:
    async with playing() as (app, pilot):
        app.lab.listener(PluginsUnwatched("no watches left"))
        await seen(pilot, lambda: "no watches left" in app.said and "next start" in app.said)


async def test_a_run_that_a_strategy_stopped_goes_on_without_it_by_two_keys() -> None:
    async with playing() as (app, pilot):
        saved(app)
        use_hot(app)
        await pilot.press("space")
        await seen(pilot, lambda: app.model.running)
        frame, trouble = app.lab.frame, Failure(
            "The plugin 'hot' failed", "In transform of hot:hot given [0.1]: ValueError: oh",
            kind="plugin", detail="Traceback", contribution="strategy:hot:hot",
        )  # fmt: skip

        async def failed(request: FrameRequest) -> Frame:
            if app.lab.sampling.chain[-1].enabled:
                app.lab.state = "failed"
                return replace(await frame(request), trouble=trouble)
            return await frame(request)

        app.lab.frame = failed  # type: ignore[method-assign]
        await seen(pilot, lambda: "Press ! to go on without it" in app.said)
        assert "given [0.1]" in app.said
        calls: list[Any] = app.lab.calls
        calls.clear()
        await pilot.press("exclamation_mark")
        await pilot.pause()
        await pilot.press("enter")
        await seen(pilot, lambda: app.model.running)
        assert [call[0] for call in calls if call[0] in ("set_sampling", "run")][:1] == [
            "set_sampling"
        ]
        assert "run" in [call[0] for call in calls]
        assert not app.model.sampling.chain[-1].enabled


async def test_the_key_for_plugin_trouble_says_so_where_nothing_is_wrong() -> None:
    async with playing() as (app, pilot):
        await pilot.press("exclamation_mark")
        await seen(pilot, lambda: "Nothing is wrong" in app.said)
