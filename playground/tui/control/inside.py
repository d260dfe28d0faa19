"""What the microscope shows: asked of the lab at a pace that leaves the run its time.

One request at most is under way. A key has the lab asked at once; a run that moves on has it asked
again when the worker has rested from the last look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.inside import Inside, Look
from playground.tui.control.context import Context

REST = 9
"""The worker rests after a look for so many times as long as the look took, so that looking takes
a tenth of its time."""
LONGEST_REST = 15.0
"""Seconds that this rest lasts at most."""
PACE = 1 / 8
"""Seconds between two looks that no key asked for, at least: a key that comes while the screen is
drawn waits for that, and so the screen is drawn no more often than an eye can use."""


class Looking:
    """Asks the lab for what the open microscope wants to see, and keeps what came."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wants: Callable[[], Look] | None = None
        """What the microscope wants to see; None while it is closed."""
        self._wake = asyncio.Event()
        self._at_once = False
        """True if a key asked, and no answer to that has come."""
        self._asked: tuple[object, ...] = ()
        """The run, epoch and step that the lab was asked about last."""
        self._rested = 0.0
        self._under_way = False
        self.inside: Inside | None = None
        """What came last."""
        self.answers: Look | None = None
        """What was asked for when that came."""
        self.trouble: Failure | None = None
        """Why the last request brought nothing; None if it brought something."""

    def open(self, wants: Callable[[], Look]) -> None:
        """Begin to ask. wants: tells what the person looks at by now."""
        self._wants = wants
        if self._asked[:1] != (self._context.model.info,):  # another run is open by now
            self.inside = self.answers = None
        self.ask()

    def close(self) -> None:
        """Ask no more. What came last is kept."""
        self._wants = None

    def ask(self) -> None:
        """Ask at once, as a key does."""
        self._at_once = True
        self._wake.set()

    def moved(self) -> None:
        """Ask when the worker has rested, if the run stands elsewhere than when it was asked."""
        if self._wants is not None and self._asked != self._now():
            self._wake.set()

    def _now(self) -> tuple[object, ...]:
        model = self._context.model
        frame = model.frame
        return (model.info, frame.epoch, frame.step) if frame is not None else (model.info,)

    @property
    def idle(self) -> bool:
        """True if nothing is under way, and no key waits."""
        return not self._under_way and not self._at_once

    @property
    def rested_at(self) -> float:
        """The loop's time from which on the lab may be asked without a key."""
        return self._rested

    async def pump(self) -> None:
        """Ask whenever that is wanted; never returns."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._wants is None or self._context.model.info is None:
                continue
            if not self._at_once:
                await self._rest()
            if self._wants is not None:
                await self._ask(self._wants)

    async def _rest(self) -> None:
        """Wait until the worker has rested, or until a key asks."""
        now = asyncio.get_running_loop().time
        while not self._at_once and (left := self._rested - now()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)
            self._wake.clear()

    async def _ask(self, wants: Callable[[], Look]) -> None:
        look, self._at_once = wants(), False
        self._asked = self._now()
        cost, self._under_way = 0.0, True
        try:
            inside = await self._context.patience.for_(self._context.lab.look_inside(look))
        except LabError as error:
            self.trouble = error.failure
        else:
            cost = inside.seconds
            if self._overtaken(look):
                self.ask()
            else:
                self.inside, self.answers, self.trouble = inside, look, None
        finally:
            self._under_way = False
        rest = max(PACE, min(REST * cost, LONGEST_REST))
        self._rested = asyncio.get_running_loop().time() + rest
        self._context.changed()
        self.moved()

    def _overtaken(self, look: Look) -> bool:
        """True if the person looks at another view or text by now, for which the answer is no
        use."""
        if self._wants is None:
            return False
        now = self._wants()
        return (look.view, look.text) != (now.view, now.text)
