"""The served playground in a real browser: Chromium, and the real command."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

if any(find_spec(one) is None for one in ("textual_serve", "playwright", "pyte")):
    pytest.skip("no extras web and browser: make gallery", allow_module_level=True)

import pyte
from playwright.async_api import Page, WebSocket, async_playwright

from tests.calibrated import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
COMMAND = str(Path(sys.executable).parent / "microgpt-play")


@contextmanager
def served(*words: str, addresses: int = 1) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """(the printed address, the process) of the real command. addresses: how many are printed; they
    are given as one text with spaces between."""
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", "0", *words],
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    try:
        assert process.stderr is not None
        found: list[str] = []
        while len(found) < addresses:
            line = process.stderr.readline()
            assert line, found
            found += re.findall(r"http://\S+", line)
        yield " ".join(found), process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


class Browser:
    """A page, and the terminal in it as an emulator reads what the page is sent."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.bytes = 0
        self.last = b""
        """What was received last, some kB of it."""
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        self.requests: list[str] = []
        page.on("websocket", self._opened)
        page.on("request", lambda request: self.requests.append(request.url))

    def _opened(self, socket: WebSocket) -> None:
        size = re.search(r"width=(\d+)&height=(\d+)", socket.url)
        assert size
        self._screen.resize(int(size[2]), int(size[1]))
        self._screen.reset()
        socket.on("framereceived", self._received)
        socket.on("framesent", self._sent)

    def _sent(self, data: Any) -> None:
        size = re.match(r'\["resize",\{"width":(\d+),"height":(\d+)\}\]', str(data))
        if size:
            self._screen.resize(int(size[2]), int(size[1]))

    def _received(self, data: Any) -> None:
        if isinstance(data, bytes):
            self.bytes += len(data)
            self.last = (self.last + data)[-65536:]
            self._stream.feed(data)

    @property
    def columns(self) -> int:
        return int(self._screen.columns)

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    async def shows(self, *words: str, seconds: float = 20 * PATIENCE) -> None:
        """Wait until the terminal shows all of these."""
        await self.until(lambda: all(one in self.text for one in words), words, seconds)

    async def until(
        self, condition: Callable[[], object], what: object = "", seconds: float = 20 * PATIENCE
    ) -> None:
        began = time.monotonic()
        while not condition():
            if time.monotonic() > began + seconds:
                raise AssertionError(f"{what} did not come:\n{self.text}")
            await asyncio.sleep(0.01)  # the frames come by events of the page

    async def reload(self) -> None:
        """Load the page again, and forget what it showed."""
        await self.page.goto("about:blank")
        self._screen.reset()
        await self.page.go_back()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # Root, as in a container, has no sandbox of Chromium's; the page is our own.
        chromium = await playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        context = await chromium.new_context(viewport={"width": 1200, "height": 760})
        yield Browser(await context.new_page())
        await chromium.close()


async def opened(browser: Browser, address: str) -> None:
    """Open the page, and wait for the playground in it."""
    await browser.page.goto(address)
    await browser.shows("ready", "Data set", "quit")


async def test_a_visitor_trains_swaps_the_text_looks_inside_loads_again_and_leaves(
    browser: Browser,
) -> None:
    with served() as (address, process):
        await opened(browser, address)
        await browser.press("s")
        await browser.shows("step 1/1,000", "run 1")

        await browser.page.set_viewport_size({"width": 900, "height": 600})
        await browser.until(lambda: browser.columns < 105, "a smaller terminal")
        await browser.shows("step 1/1,000", "quit")

        await browser.page.set_input_files(
            "#file",
            files=[{
                "name": "../rivers.txt",
                "mimeType": "text/plain",
                "buffer": b"rhine\nnile\ndanube\nvolga\nseine\nelbe\ntiber\n" * 20,
            }],
        )  # fmt: skip
        await browser.shows("rivers.txt", "140 lines", "rhine")
        await browser.press("Enter")
        await browser.shows("step 0/1,000", "140 documents")
        await browser.press("s", "s")
        await browser.shows("step 2/1,000")

        await browser.press("i")
        await browser.shows("Attention", "Depth")
        await browser.press("Escape")
        await browser.shows("step 2/1,000", "quit")

        assert not [one for one in browser.requests if not one.startswith(address.split("?")[0])]
        await browser.reload()
        await browser.shows("rivers.txt", "step 2/1,000")
        await browser.press("s")
        await browser.shows("step 3/1,000")
        picture = await browser.page.screenshot()
        assert len(picture) > 20_000, "the terminal is drawn, not only fed"

        await browser.press("q")
        await browser.page.wait_for_selector("body.-closed section.over", timeout=20_000 * PATIENCE)
        assert await browser.page.inner_text("#why") == "The session has ended."
        await browser.page.click("#again")
        await browser.shows("ready", "names")
        assert process.poll() is None


async def test_those_who_watch_see_what_the_presenter_does_and_steer_nothing(
    browser: Browser,
) -> None:
    with served("--show", addresses=2) as (both, _):
        steers, watches = both.split()
        await opened(browser, steers)
        context = await browser.page.context.browser.new_context(  # type: ignore[union-attr]
            viewport={"width": 700, "height": 500}
        )
        watching = Browser(await context.new_page())
        await opened(watching, watches)
        await browser.press("s")
        await browser.shows("step 1/1,000")
        await watching.shows("step 1/1,000")
        await watching.press("s", "q")
        await watching.page.wait_for_selector("#upload", state="hidden")
        await browser.press("s")
        await browser.shows("step 2/1,000")
        await watching.shows("step 2/1,000")
        await watching.reload()
        await watching.shows("step 2/1,000")
        picture = await watching.page.screenshot()
        assert len(picture) > 20_000


async def test_arrow_keys_reach_the_panel_that_has_the_focus(browser: Browser) -> None:
    with served() as (address, _):
        await opened(browser, address)
        await browser.press("3")
        for column in range(1, 6):
            await browser.press("ArrowRight")
            await browser.shows(f"[0, {column}]")


async def test_a_page_that_is_loaded_again_within_a_dialog_shows_the_dialog(
    browser: Browser,
) -> None:
    with served() as (address, _):
        await opened(browser, address)
        await browser.press("h")
        await browser.shows("Settings", "embedding width")
        await browser.reload()
        await browser.shows("Settings", "embedding width")
        await browser.press("Escape")
        await browser.shows("ready", "quit")


@pytest.mark.parametrize(("width", "height"), [(375, 800), (1280, 900)])
async def test_a_run_as_a_page_is_read_without_a_network(
    browser: Browser, tmp_path: Path, width: int, height: int
) -> None:
    model, page = tmp_path / "model.safetensors", tmp_path / "run.html"
    train = ["train", "--steps", "60", "--samples", "2", "--no-record", "--save", str(model)]
    for words in (train, ["export", str(model), str(page)]):
        subprocess.run([COMMAND, *words], check=True, capture_output=True, timeout=120)
    await browser.page.set_viewport_size({"width": width, "height": height})
    await browser.page.context.set_offline(True)
    await browser.page.goto(page.as_uri())
    assert browser.requests == [page.as_uri()] or all(
        one.startswith("data:") for one in browser.requests[1:]
    )
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await browser.page.evaluate(wide) == 0, "no sideways scrolling"
    assert await browser.page.evaluate(
        "[...document.images].every((one) => one.complete && one.naturalWidth > 0)"
    )
    assert await browser.page.locator("svg.chart circle").count() >= 1
