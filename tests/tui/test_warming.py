"""What the first dialog needs is loaded after the first paint, and not before it."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import asyncio, gc, sys
import playground.tui.app
from playground.tui import warming
assert not {"pydantic", *warming.NEEDED} & set(sys.modules), "loaded before the first paint"
warming.IDLE = 0
asyncio.run(warming.load())
assert set(warming.NEEDED) <= set(sys.modules)
assert gc.get_freeze_count() > 10_000
"""


def test_the_dialogs_are_loaded_in_an_idle_moment_and_not_before() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
