"""The served playground on loopback: first paint, key to picture while it trains, bytes a second.

`python tools/bench_serve.py [--seconds 10] [--keys 60]`, with the extras `web` and `browser`. The
browser is Chromium; a key is sent by it and is answered when the page has received the picture
that the key makes and has had an animation frame after it. The bytes are those of the socket.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.async_api import async_playwright

from tests.gallery.test_browser import BROWSER, Browser, served

FRAME = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


async def measured(keys: int, seconds: float) -> None:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        with served() as (address, _):
            paints = []
            for _ in range(3):
                context = await chromium.new_context(viewport={"width": 1200, "height": 760})
                browser = Browser(await context.new_page())
                began = time.monotonic()
                await browser.page.goto(address, wait_until="commit")
                await browser.until(lambda browser=browser: b"Data set" in browser.last)
                await browser.page.evaluate(FRAME)
                paints.append(time.monotonic() - began)
                await browser.shows("ready", "quit")
            print(f"first picture {min(paints):.2f} to {max(paints):.2f} s")
            await browser.press("3", *["+"] * 8, "Space")
            await browser.shows("running", "[0, 0]")
            began, before = time.monotonic(), browser.bytes
            while time.monotonic() < began + seconds:
                await asyncio.sleep(0.1)
            rate = (browser.bytes - before) / (time.monotonic() - began)
            print(f"flat out: {rate / 1000:,.0f} kB a second")
            taken = []
            for number in range(keys):
                column = number % 15 + 1
                browser.last, place = b"", f"[0, {column}]".encode()
                began = time.monotonic()
                await browser.press("ArrowRight")
                await browser.until(lambda place=place: place in browser.last)
                await browser.page.evaluate(FRAME)
                taken.append(1000 * (time.monotonic() - began))
                if column == 15:
                    for _ in range(15):
                        await browser.press("ArrowLeft")
                    await browser.shows("[0, 0]")
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
