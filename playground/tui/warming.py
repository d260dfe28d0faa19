"""What the dialogs need, loaded in an idle moment, so that the first one opens as fast as the next.

The first paint waits for nothing of this, and a key hardly does: a thread loads the modules.
The garbage collector then no longer looks through what stays for good. Without that it does so in
the middle of an opening, for half as long as the opening takes.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from importlib import import_module

IDLE = 0.3
"""Seconds after the run is open at which its first drawing is over."""
SCREENS = "playground.tui.screens"
NEEDED = (
    "playground.lab.spec",  # and pydantic
    f"{SCREENS}.settings.screen",
    f"{SCREENS}.settings.cost",
    f"{SCREENS}.fork.screen",
    f"{SCREENS}.help",
    f"{SCREENS}.pick.chain",
    f"{SCREENS}.pick.datasets",
    f"{SCREENS}.files.save",
    f"{SCREENS}.files.export",
    f"{SCREENS}.pick.metrics",
    f"{SCREENS}.pick.engines",
    f"{SCREENS}.pick.tokenizers",
    "playground.tui.palette",
)


async def load(needed: Sequence[str] = NEEDED) -> None:
    """Load these modules soon, unless all of them are loaded."""
    missing = [name for name in needed if name not in sys.modules]
    if not missing:
        return
    await asyncio.sleep(IDLE)
    await asyncio.to_thread(lambda: [import_module(name) for name in missing])
    gc.collect()
    gc.freeze()
