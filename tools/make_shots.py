"""The pictures of the README, made by the app itself: a real run, so many steps in.

python tools/make_shots.py            writes docs/screen.svg
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

# Before Textual is imported: the same colours on every machine, and no one's last run.
os.environ.update(TEXTUAL_COLOR_SYSTEM="truecolor", COLORTERM="truecolor")
os.environ.pop("NO_COLOR", None)
os.environ["MICROGPT_PLAY_HOME"] = tempfile.mkdtemp()

from playground.lab.client import Lab
from playground.tui.app import PlaygroundApp

DOCS = Path(__file__).parent.parent / "docs"
STEPS = 440


class ShotApp(PlaygroundApp):
    """Says when it has drawn."""

    drawn: asyncio.Event

    def on_mount(self) -> None:
        self.drawn = asyncio.Event()
        super().on_mount()

    def _draw_now(self) -> None:
        super()._draw_now()
        self.drawn.set()


async def shoot(size: tuple[int, int]) -> str:
    """An SVG of the main screen, STEPS steps into the default run."""
    app = ShotApp(lambda listener: Lab(listener=listener), "{}")
    async with app.run_test(size=size) as pilot:
        await app.controller.ready.wait()
        await app.controller.step(STEPS)
        await app.controller.sample()
        app.controller.touch()
        for _ in range(3):  # the frame, the preview and the samples come one by one
            app.drawn.clear()
            app.redraw()
            await app.drawn.wait()
            await pilot.pause()
        while app.model.preview is None or app.model.preview.step != STEPS:
            app.drawn.clear()
            await app.drawn.wait()
        await pilot.pause()
        svg = app.export_screenshot(title="microgpt-play")
        await app.controller.close()
    return without_network(svg)


def without_network(svg: str) -> str:
    """No fonts from elsewhere: the reader's own monospaced one."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    svg = svg.replace("Fira Code, monospace", "Fira Code, Menlo, DejaVu Sans Mono, monospace")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    target = DOCS / "screen.svg"
    target.write_text(asyncio.run(shoot((120, 40))), encoding="utf-8")
    print(f"wrote {target} ({target.stat().st_size // 1024} KB)")


if __name__ == "__main__":
    main()
