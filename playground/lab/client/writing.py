"""Asks writers in a process of their own, so that no run waits for a network, and so that a person
who gives up ends whatever is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from playground.lab.client.open_run import MOST_DEADLY, Background
from playground.lab.client.reload import Reloader
from playground.lab.client.workers import Link, Workers
from playground.lab.protocol.commands import Command, GetLeaving, Reload, Write
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.writing import Leaving, WriterChoice, WritingProgress, Written

R = TypeVar("R")

_GIVEN_UP = Failure("Writing was given up", "", kind="cancelled")


class Writing:
    """One process for writers, started when one is first asked. One request at a time."""

    def __init__(self, workers: Workers, background: Background, reloader: Reloader) -> None:
        self._workers = workers
        self._background = background
        self._reloader = reloader
        self._link: Link | None = None
        self._turn = asyncio.Lock()

    async def leaving(self, choice: WriterChoice) -> Leaving:
        """What leaves this machine when this writer is asked. Raises LabError."""
        return await self._ask(GetLeaving(choice), Leaving)

    async def write(
        self, choice: WriterChoice, prompt: str, agreed: Leaving, tell: Callable[[str], None]
    ) -> Written:
        """Have a prompt continued. agreed: what a person agreed to; nothing else is sent. tell:
        hears the text so far. A task that is cancelled ends the process. Raises LabError."""

        def told(progress: Progress) -> None:
            if isinstance(progress, WritingProgress):
                tell(progress.text)

        return await self._ask(Write(choice, prompt, agreed), Written, told)

    def end(self) -> None:
        """End the process, if there is one; the next request starts another."""
        link, self._link = self._link, None
        if link is not None:
            self._background.spawn(self._workers.retire(link))

    async def _ask(
        self, command: Command, expected: type[R], tell: Callable[[Progress], None] | None = None
    ) -> R:
        """The reply to a command. If a plugin ends the process while it is loaded, the next one is
        asked, which passes over that plugin."""
        async with self._turn:
            for tries in range(MOST_DEADLY + 1):
                link = await self._get()
                try:
                    # As they were saved last: an open dialog is older than the newest version.
                    if standing := self._reloader.standing():
                        await link.request(Reload(standing))
                    reply = await link.request(command, tell)
                except asyncio.CancelledError:
                    self._drop(link)
                    raise
                except LabError:
                    if not link.alive:
                        self._drop(link)
                    if tries < MOST_DEADLY and link.lost_while_loading():
                        continue
                    raise
                assert isinstance(reply, expected), reply
                return reply
        raise AssertionError("unreachable")

    async def _get(self) -> Link:
        if self._link is None or not self._link.alive:
            self._link = await self._workers.fresh()
        return self._link

    def _drop(self, link: Link) -> None:
        """End a process at once: it may be waiting for another machine."""
        link.kill(_GIVEN_UP)
        if link is self._link:
            self.end()
