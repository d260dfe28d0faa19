"""Keys in the order in which they were pressed: each has taken effect before the next is heard.

Textual hands a key to the widget with the focus at once, and the widget hands it up to the app,
which looks for its binding. A key that is typed meanwhile is handed to the same widget, though the
one before moves the focus or opens a screen: after `tab`, a letter is still written into the field
that was left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import App
from textual.dom import DOMNode

AT_MOST = 0.5
"""Seconds that a key may take before the next is heard anyway: a widget that was taken away
meanwhile never hands it up."""
AT_ONCE = frozenset({"ctrl+c"})
"""Keys that wait for no other."""


class KeyOrder:
    """The keys that wait for the one before."""

    def __init__(self, app: App[Any], hear: Callable[[events.Key], Awaitable[None]]) -> None:
        """hear: hands a key to the widget with the focus."""
        self._app = app
        self._hear = hear
        self._waiting: deque[events.Key] = deque()
        self._number = 0
        """Counts the keys that were heard."""
        self._under_way = False

    async def take(self, key: events.Key) -> None:
        """Hear a key, now or once the ones before have taken effect."""
        if key.key in AT_ONCE:
            await self._hear(key)
        elif self._under_way:
            self._waiting.append(key)
        else:
            await self._begin(key)

    async def _begin(self, key: events.Key) -> None:
        self._under_way = True
        self._number += 1
        number = self._number
        at = self._app.focused or self._app.screen
        way = [node for node in at.ancestors_with_self if node is not self._app]
        try:
            await self._hear(key)
        finally:
            # What follows the key through the same queues arrives when it has taken effect.
            asyncio.get_running_loop().call_later(AT_MOST, self._follow, (), number)
            self._follow(tuple(way), number)

    def _follow(self, way: tuple[DOMNode, ...], number: int) -> None:
        for place, node in enumerate(way):
            if node.call_later(self._follow, way[place + 1 :], number):
                return
        self._app.call_later(self._end, number)

    async def _end(self, number: int) -> None:
        if self._under_way and number == self._number:
            self._under_way = False
            if self._waiting:
                await self._begin(self._waiting.popleft())
