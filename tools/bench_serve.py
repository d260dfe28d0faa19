"""The served playground on loopback: first paint, key to picture while it trains, bytes a second.

`python tools/bench_serve.py [--seconds 10] [--keys 60]`, with the extras `web` and `browser`. The
browser is Chromium, and its own clock is read: from a key that goes down to the second animation
frame after the message that brings the picture of that key. The bytes are those of the socket.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.async_api import async_playwright

from tests.gallery.test_browser import BROWSER, Browser, served

FRAME = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
WATCH = """
window.bench = {wanted: null, began: 0, took: null};
addEventListener("keydown", () => { bench.began = performance.now(); }, {capture: true});
const Plain = WebSocket;
window.WebSocket = function (address) {
  const socket = new Plain(address);
  socket.addEventListener("message", (event) => {
    if (typeof event.data === "string" || !bench.wanted) return;
    const text = (bench.tail ?? "") + new TextDecoder().decode(event.data);
    bench.tail = text.slice(-40);
    if (!text.includes(bench.wanted)) return;
    bench.wanted = null;
    bench.tail = "";
    requestAnimationFrame(() => requestAnimationFrame(() => {
      bench.took = performance.now() - bench.began;
    }));
  });
  return socket;
};
"""
"""Tells in the page how long the picture took that has the wanted text."""


class Unread(Browser):
    """A page whose terminal nobody reads meanwhile: an emulator would take a processor's time."""

    reads = True

    def _received(self, data: Any) -> None:
        if self.reads:
            super()._received(data)
        elif isinstance(data, bytes):
            self.bytes += len(data)


async def measured(keys: int, seconds: float) -> None:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        with served() as (address, _):
            paints = []
            for _ in range(3):
                context = await chromium.new_context(viewport={"width": 1200, "height": 760})
                await context.add_init_script(WATCH)
                browser = Unread(await context.new_page())
                began = time.monotonic()
                await browser.page.goto(address, wait_until="commit")
                await browser.until(lambda browser=browser: b"Data set" in browser.last)
                await browser.page.evaluate(FRAME)
                paints.append(time.monotonic() - began)
                await browser.shows("ready", "quit")
            print(f"first picture {min(paints):.2f} to {max(paints):.2f} s")
            await browser.press("3", *["+"] * 8, "Space")
            await browser.shows("running", "[0, 0]")
            browser.reads = False
            began, before = time.monotonic(), browser.bytes
            while time.monotonic() < began + seconds:
                await asyncio.sleep(0.1)
            rate = (browser.bytes - before) / (time.monotonic() - began)
            print(f"flat out: {rate / 1000:,.0f} kB a second")
            taken = []
            for number in range(keys):
                column = number % 30
                there = column + 1 if column < 15 else 29 - column
                await browser.page.evaluate(f"bench.took = null; bench.wanted = '[0, {there}]'")
                await browser.press("ArrowRight" if column < 15 else "ArrowLeft")
                while (took := await browser.page.evaluate("bench.took")) is None:
                    await asyncio.sleep(0.01)
                taken.append(took)
            taken.sort()
            print(
                f"key to picture while training: median {statistics.median(taken):.0f} ms, "
                f"p95 {taken[int(0.95 * len(taken))]:.0f} ms of {len(taken)}"
            )
        await chromium.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--keys", type=int, default=60)
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    asyncio.run(measured(given.keys, given.seconds))


if __name__ == "__main__":
    main()
