"""Keys in the order in which they were pressed: each has taken effect before the next is heard.

Textual hands a key to the widget with the focus at once, and the widget hands it up to the app,
which looks for its binding. A key that is typed meanwhile is handed to the same widget, though the
one before moves the focus or opens a screen: after `tab`, a letter is still written into the field
that was left.

A screen that shows what it asked another process or the disk for is not ready for every key at
once. Such a screen says by `turn_of` which keys wait for the answer, and by `hear_on` that the
answer is there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.screen import Screen
from typing_extensions import override

LOOK_AFTER = 0.05
"""Seconds after which the way of a key is looked at: a widget that was taken away meanwhile hands
nothing up."""
AT_MOST = 5.0
"""Seconds that a key may take before the next is heard anyway."""
COMPOSING = 1.0
"""Seconds that a key, or leaving, waits for screens that are just being composed."""
OPENING = 2.0
"""Seconds that keys wait for a screen that was asked for; opening it may wait for the worker."""
AT_ONCE = frozenset({"ctrl+c"})
"""Keys that wait for no other."""


Turn = Literal["now", "waits", "passes", "leaves"]
"""When a key is heard: in its turn; once what it needs is on screen, and the keys behind it after
that; in its turn or ahead of keys that wait; or at once, and keys that wait are forgotten."""

Result = TypeVar("Result")


@runtime_checkable
class Patient(Protocol):
    """A screen for which some keys wait."""

    def turn_of(self, key: str) -> Turn: ...


def hear_on(screen: Screen[Any]) -> None:
    """Hear the keys that waited for what the screen shows by now."""
    app = screen.app
    if isinstance(app, OrderedApp) and app.key_order.waits:
        app.call_later(app.key_order.go_on)


def forget_keys(screen: Screen[Any]) -> None:
    """Drop the keys that wait: the person went elsewhere by another way than a key."""
    if isinstance(screen.app, OrderedApp):
        screen.app.key_order.forget()


async def composed(screens: Iterable[Screen[Any]]) -> None:
    """Wait until these screens are composed, which comes before all else that a screen hears."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(COMPOSING):
            for screen in screens:
                heard = asyncio.Event()
                if screen.call_later(heard.set):
                    await heard.wait()


class OrderedApp(App[Result], Generic[Result]):
    """An app that hears no key before the one before has taken effect."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.key_order = KeyOrder(self, super().on_event)

    @override
    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            await self.key_order.take(event)
        else:
            await super().on_event(event)


class KeyOrder:
    """The keys that wait for the one before."""

    def __init__(self, app: App[Any], hear: Callable[[events.Key], Awaitable[None]]) -> None:
        """hear: hands a key to the widget with the focus."""
        self._app = app
        self._hear = hear
        self._waiting: deque[events.Key] = deque()
        self._number = 0
        """Counts the keys that were heard."""
        self._waits_at: Screen[Any] | None = None
        """The screen that is not ready for the first key; None if that key does not wait for it."""
        self._under_way = False
        self._opening: asyncio.Future[None] | None = None
        """Done when a screen that a key has asked for is open, or will not open."""
        self._asked: asyncio.Future[None] | None = None
        """The same, also once the key that asked has taken effect otherwise."""
        self._give_up: Callable[[], object] = lambda: None
        """Lets that screen not open."""
        self._way: tuple[DOMNode, ...] = ()
        """The widgets and the screen that still have to hand it up."""

    async def take(self, key: events.Key) -> None:
        """Hear a key, now or once the ones before have taken effect."""
        if key.key in AT_ONCE:
            await self._hear(key)
        elif key.key == "escape" and self._may_give_up:
            self.forget()  # the keys before were for the screen that shall not open any more
            self._give_up()
        else:
            self._forget_if_left()
            self._waiting.append(key)
            await self.go_on()

    @property
    def waits(self) -> bool:
        """True if a key waits for what a screen has not got yet."""
        return self._waits_at is not None

    async def go_on(self) -> None:
        """Hear the key whose turn it is, if there is one."""
        self._forget_if_left()
        if not self._under_way and self._waiting and (key := self._next()) is not None:
            await self._begin(key)

    def _forget_if_left(self) -> None:
        """Drop the keys that wait for a screen that is not the front one any more."""
        if self._waits_at is not None and self._waits_at is not self._app.screen:
            self.forget()

    def _next(self) -> events.Key | None:
        """Take the key whose turn it is out of those that wait."""
        waiting, screen = self._waiting, self._app.screen
        self._waits_at = None
        for place, key in enumerate(waiting):
            turn = screen.turn_of(key.key) if isinstance(screen, Patient) else "now"
            if place == 0 and turn != "waits":
                return waiting.popleft()
            if turn == "passes":
                del waiting[place]
                return key
            if turn == "leaves":
                for _ in range(place):
                    waiting.popleft()
                return waiting.popleft()
        self._waits_at = screen
        return None

    def wait_for(self, opening: asyncio.Future[None], give_up: Callable[[], object]) -> None:
        """Hear no other key before this is done: what is typed is for the screen that opens.
        give_up: called when escape is typed meanwhile."""
        self._opening = self._asked = opening
        self._give_up = give_up

    @property
    def _may_give_up(self) -> bool:
        """True if a screen is not open yet, and no key that waits would accept what is in it."""
        asked = self._asked is not None and not self._asked.done()
        return asked and not any(key.key == "enter" for key in self._waiting)

    def forget(self) -> None:
        """Drop the keys that wait."""
        self._waiting.clear()
        self._waits_at = None

    async def _begin(self, key: events.Key) -> None:
        self._under_way = True
        self._number += 1
        if self._app.screen_stack and not self._app.screen.is_mounted:
            await composed([self._app.screen])  # and the focus is on one of its parts
        at = self._app.focused or self._app.screen
        way = list(at.ancestors_with_self)
        try:
            await self._hear(key)
        finally:
            # What follows the key through the same queues arrives when it has taken effect. The
            # second time it follows what the key's action sent, as an Input sends Submitted.
            loop = asyncio.get_running_loop()
            loop.call_later(LOOK_AFTER, self._look_after, self._number, loop.time() + AT_MOST)
            self._follow((*way, *way), self._number)

    def _follow(self, way: tuple[DOMNode, ...], number: int) -> None:
        self._way = way
        for place, node in enumerate(way):
            if node.call_later(self._follow, way[place + 1 :], number):
                return
        self._app.call_later(self._end, number)

    def _look_after(self, number: int, until: float) -> None:
        """End the wait for a key that is on no way any more, or has been for too long."""
        if not self._under_way or number != self._number:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < until and all(node.is_running for node in self._way):
            loop.call_later(LOOK_AFTER, self._look_after, number, until)
        else:
            self._app.call_later(self._end, number)

    async def _end(self, number: int) -> None:
        if self._under_way and number == self._number:
            opening, self._opening = self._opening, None
            if opening is not None and not opening.done():
                loop = asyncio.get_running_loop()
                late = loop.call_later(OPENING, self._app.call_later, self._end, number)
                opening.add_done_callback(lambda _: self._app.call_later(self._end, number))
                opening.add_done_callback(lambda _: late.cancel())
                return
            self._under_way = False
            await self.go_on()
