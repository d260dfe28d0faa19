"""Loads plugins for the commands without a screen; a second process then watches over the command
(see supervisor.py)."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from playground.cli.failures import printable

if TYPE_CHECKING:
    from playground.hooks.registry import Registry
    from playground.hooks.sources import PluginSources

PATIENCE = 4.0
"""Seconds of loading before the plugin that takes so long is named."""


def load(sources: PluginSources) -> Registry:
    """Load the plugins as playground.hooks.manager.load does. A plugin that never ends loading is
    named, so that a person knows which one to leave out."""
    from playground.cli.supervisor import activity, supervise
    from playground.hooks.manager import load as load_all

    supervise(sources)
    with _named(), activity.doing("plugin", "", "its import"):
        return load_all(sources, begins=activity.alive)


@contextlib.contextmanager
def _named() -> Iterator[None]:
    try:
        # A copy, because descriptor 2 leads nowhere while a plugin is loaded.
        terminal = os.dup(2)
    except OSError:
        yield
        return
    timer = threading.Timer(PATIENCE, _say, (terminal, threading.get_ident()))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        os.close(terminal)


def _say(terminal: int, main: int) -> None:
    from playground.lab.run.guard import culprit

    frame = sys._current_frames().get(main)
    who = (culprit(frame) if frame is not None else "") or "a plugin"
    words = f"! {who} is still being loaded; ctrl+c ends this, --without NAME leaves it out\n"
    with contextlib.suppress(OSError):
        os.write(terminal, printable(words, keep="\n").encode())
