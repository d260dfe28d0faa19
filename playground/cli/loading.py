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
        return load_all(sources, begins=activity.imports)


@contextlib.contextmanager
def _named() -> Iterator[None]:
    try:
        # A copy, because descriptor 2 leads nowhere while a plugin is loaded.
        terminal = os.dup(2)
    except OSError:
        yield
        return
    loaded = threading.Event()
    waiting = threading.Thread(target=_say, args=(terminal, threading.get_ident(), loaded))
    waiting.daemon = True
    waiting.start()
    try:
        yield
    finally:
        loaded.set()
        waiting.join()
        os.close(terminal)


def _say(terminal: int, main: int, loaded: threading.Event) -> None:
    """Name the plugin that is being loaded after PATIENCE, unless all are loaded by then."""
    from playground.lab.run.guard import culprit

    who, pause = "", PATIENCE
    while not who:
        if loaded.wait(pause):
            return
        frame, pause = sys._current_frames().get(main), 0.1
        who = culprit(frame) if frame is not None else ""
    words = f"! {who} is still being loaded; ctrl+c ends this, --without NAME leaves it out\n"
    with contextlib.suppress(OSError):
        os.write(terminal, printable(words, keep="\n").encode())
