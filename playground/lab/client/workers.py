"""The worker processes of a Lab, and the requests to each.

`Link` is one worker: requests, replies, and the watchdog over both. `Workers` starts, retires and
ends them. Nothing here blocks the event loop: one thread reads the worker's pipe and another writes
to it, so a worker that neither reads nor answers costs two idle threads until it is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from playground.hooks.sources import PluginSources
from playground.lab.client.endings import death, from_outside, hang, silence
from playground.lab.client.events import Limits
from playground.lab.client.process import WorkerProcess, spawn_worker
from playground.lab.protocol import pipe
from playground.lab.protocol.commands import Close, Command, Ping, Pong, Reply
from playground.lab.protocol.failures import Failure, LabError, Progress

MAX_OUTSTANDING = 256
_CURE = "Mend it, or switch it off, and open the run again."
_LOOKS_ON = ("panel", "lesson", "writer")
"""Kinds that no run depends on: those of watches.py, and what has a process of its own."""
_CHOSEN = "Mend its file, and choose it again."


class Link:
    """The two pipes of one worker, and whether the worker is alive. Belongs to one event loop.

    lost: called once, in the loop, when the worker dies or is given up as hung; not when `close`
    or `kill` ends the worker.
    """

    def __init__(
        self,
        process: WorkerProcess,
        limits: Limits,
        lost: Callable[[Link, Failure], None],
    ) -> None:
        self.process = process
        self.limits = limits
        self.watched = False
        """True while the worker trains: the watchdog then pings it without a request, too."""
        self.failure: Failure | None = None
        """Why the worker has ended; None while it is alive."""
        self.external = False
        """True if a signal from outside ended the worker; no run and no plugin is to blame."""
        self.sudden = False
        """True if a signal ended the worker, or if it fell silent: no plugin was heard to fail."""
        self.blamed = ""
        """The contribution that hung, as "strategy:cold"; "" if none did."""
        self.stage = ""
        """The stage that the request under way reported last; "" once it is answered."""
        self.spent = 0.0
        """Seconds that the last answered request cost the worker."""
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[asyncio.Future[Any], Callable[[Progress], None] | None]] = {}
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._ending = False
        """True once the worker has begun to end, because it was asked to."""
        self._writing = 0.0
        """Seconds that the ending worker needs to write what is left."""
        self._ended = asyncio.Event()
        self._watchdog = _Watchdog(self)
        for target, name in ((self._read, "reader"), (self._write, "writer")):
            threading.Thread(target=target, name=f"lab-{name}", daemon=True).start()
        self._watching = self._loop.create_task(self._watchdog.run())

    @property
    def alive(self) -> bool:
        return self.failure is None

    @property
    def busy(self) -> bool:
        """True while a request is outstanding."""
        return bool(self._waiting)

    def lost_while_loading(self) -> bool:
        """True if the worker died or hung while it loaded a plugin; the next worker passes over
        that plugin."""
        if self.failure is None or not self.process.loading:
            return False
        from playground.hooks.quarantine import died_loading

        return died_loading(Path(self.process.loading), self.process.pid)

    # ------------------------------------------------------------ asking

    async def request(
        self, command: Command, progress: Callable[[Progress], None] | None = None
    ) -> Reply:
        """Send a command, and await its reply. Raises LabError if the reply is a Failure, and as
        soon as the worker is dead."""
        if self.failure is not None:
            raise LabError(self.failure)
        if len(self._waiting) >= MAX_OUTSTANDING:
            raise LabError(
                Failure("The worker is busy", "It has not answered for some time; wait for it.")
            )
        number = next(self._numbers)
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[number] = (future, progress)
        self.process.fresh = False
        self._post(number, command)
        self._watchdog.wake()
        try:
            seconds, reply = await future
        finally:
            self._waiting.pop(number, None)
        self.spent = seconds
        if isinstance(reply, Failure):
            raise LabError(reply)
        return reply  # type: ignore[no-any-return]

    def ping(self) -> None:
        """Ask for a Pong, without waiting."""
        self._post(0, Ping())

    def _post(self, number: int, command: Command) -> None:
        self._outbox.put(pipe.pack((number, command)))

    # ------------------------------------------------------------ ending

    def give_up(self, failure: Failure) -> None:
        """End the worker as lost: every request fails with `failure`, and `lost` is called."""
        if self.failure is None:
            self._end(failure)
            self._lost(self, failure)

    def kill(self, failure: Failure) -> None:
        """End the worker on purpose: every request fails with `failure`; `lost` is not called."""
        if self.failure is None:
            self._end(failure)

    async def close(self) -> None:
        """Ask the worker to end, and kill it if it does not. Returns within two seconds, or within
        `Limits.write` more if the worker has begun to write what is left; later if that is the
        state of a large model, by as much as the worker asks for."""
        if self.failure is None:
            self._post(0, Close())
            for begun in (False, True):
                limit = max(self.limits.write, self._writing) if begun else self.limits.close
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), limit)
                if self._ended.is_set() or not self._ending:
                    break
            self.kill(Failure("The run was closed", "Open it again.", kind="dead"))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), 1.0)

    def _end(self, failure: Failure) -> None:
        self.failure = failure
        self.process.kill()
        self._outbox.put(None)
        self._watching.cancel()
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(LabError(failure))

    # ------------------------------------------------------------ hearing

    def _message(self, number: int, seconds: float, reply: Any) -> None:
        if isinstance(reply, Pong):
            self._watchdog.heard(reply)
            return
        self._ending = self._ending or number == 0
        if number == 0 and isinstance(reply, Progress):
            self._writing = reply.total + 1.0
        future, progress = self._waiting.get(number, (None, None))
        if future is None or future.done():
            return
        if isinstance(reply, Progress):
            self.stage = reply.stage
            if progress is not None:
                progress(reply)
        else:
            self.stage = ""
            future.set_result((seconds, reply))

    def _gone(self, code: int | None) -> None:
        """The pipe is closed, and the process has ended with this exit code."""
        self._ended.set()
        if self.failure is None:
            self.external = from_outside(code)
            self.sudden = code is not None and code < 0
            self.give_up(death(code, self.process.log_tail()))
        self.process.discard_log()

    # ------------------------------------------------------------ threads

    def _read(self) -> None:
        stream = self.process.stdout
        try:
            while True:
                number, seconds, reply = pipe.receive(stream)
                self._in_loop(self._message, number, seconds, reply)
        except Exception:  # the end of the pipe, or bytes that are no message: the worker is lost
            pass
        code = self.process.reap(1.0)
        if code is None:
            self.process.kill()
            code = self.process.reap(1.0)
        with contextlib.suppress(OSError, ValueError):
            stream.close()
        self._in_loop(self._gone, code)

    def _write(self) -> None:
        stream = self.process.stdin
        with contextlib.suppress(OSError, ValueError):
            while (data := self._outbox.get()) is not None:
                pipe.send(stream, data)
        with contextlib.suppress(OSError, ValueError):
            stream.close()

    def _in_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed: the screen is gone
            self.process.discard_log()


class _Watchdog:
    """Tells a hang from a step that takes long.

    The watchdog adds up its own rounds, and does not trust the clock: a screen that was stopped for
    an hour (Ctrl+Z, a closed lid) must not take the worker for hung when it wakes.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._wake = asyncio.Event()
        self._greeted = False
        self._asked = False
        self._silent = 0.0
        self._count = -1
        self._same = 0

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        link, limits = self._link, self._link.limits
        while True:
            if not (link.busy or link.watched):
                self._wake.clear()
                self._asked = False
                await self._wake.wait()
            if self._asked:
                patience = limits.silence if self._greeted else limits.start
                if self._silent >= patience:
                    link.process.dump_stack()
                    await asyncio.sleep(0.1)  # until the worker has written the stack to its log
                    tail = link.process.log_tail(40)
                    link.sudden = True
                    link.give_up(silence(self._silent, link.stage, tail))
                    return
            else:
                self._asked, self._silent = True, 0.0
                link.ping()
                if link.process.ended():  # while a process that it started keeps the pipe open
                    link.process.end_group()
            began = time.monotonic()
            await asyncio.sleep(limits.ping)
            self._silent += min(time.monotonic() - began, 2 * limits.ping)

    def heard(self, pong: Pong) -> None:
        self._greeted, self._asked = True, False
        # Only the second pong without progress counts: the process may have been stopped.
        self._same = self._same + 1 if pong.count == self._count else 1
        self._count = pong.count
        if self._same >= 2 and pong.seconds > self._link.limits.patience(pong.kind):
            self._link.blamed = pong.contribution
            kind = pong.contribution.partition(":")[0]
            self._link.give_up(hang(pong, _CHOSEN if kind in _LOOKS_ON else _CURE))


CLOSED = Failure("The playground is closing", "There is nothing left to ask.", kind="dead")


class Workers:
    """Every worker process that was started and has not ended."""

    def __init__(
        self,
        sources: PluginSources,
        prewarmed: WorkerProcess | None,
        limits: Limits,
        lost: Callable[[Link, Failure], None],
    ) -> None:
        """lost: see Link."""
        self.sources = sources
        self.idle: Link | None = None
        """A worker without a run: it answers GetCatalog, and takes the next run if it is fresh."""
        self.closed = False
        self._prewarmed = prewarmed
        self._limits = limits
        self._lost = lost
        self._links: set[Link] = set()

    async def fresh(self) -> Link:
        """A worker that was told nothing yet, so that it reads the plugins as they are now.

        Raises LabError if no process can be started.
        """
        if self.idle is not None and self.idle.alive and self.idle.process.fresh:
            link, self.idle = self.idle, None
            return link
        process, self._prewarmed = self._prewarmed, None
        if process is not None and process.ended():
            process.reap(0)
            process.discard_log()
            process = None
        if process is None and not self.closed:
            process = await self._spawn()
        if self.closed or process is None:
            if process is not None:
                process.kill()
                process.discard_log()
            raise LabError(CLOSED)
        link = Link(process, self._limits, self._on_lost)
        self._links.add(link)
        return link

    async def _spawn(self) -> WorkerProcess:
        job = asyncio.ensure_future(asyncio.to_thread(spawn_worker, self.sources, eager=False))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            job.add_done_callback(_throw_away)
            raise
        except OSError as error:
            raise LabError(
                Failure("No training process could be started", str(error), kind="internal")
            ) from error

    async def prepare(self) -> None:
        """Have a worker ready for the next run."""
        if self.idle is None:
            with contextlib.suppress(LabError):
                self.idle = await self.fresh()

    async def retire(self, link: Link) -> None:
        """End a worker that is no longer needed."""
        await link.close()
        self._links.discard(link)

    def _on_lost(self, link: Link, failure: Failure) -> None:
        if link is self.idle:
            self.idle = None
        self._lost(link, failure)

    async def close(self) -> None:
        """End all workers, each as `Link.close` does."""
        self.closed = True
        process, self._prewarmed = self._prewarmed, None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.reap, 1.0)
            process.discard_log()
        await asyncio.gather(*(link.close() for link in self._links))
        self._links.clear()
        self.idle = None


def _throw_away(job: asyncio.Future[WorkerProcess]) -> None:
    """End a process that was started after its caller stopped waiting."""
    if not job.cancelled() and job.exception() is None:
        process = job.result()
        process.kill()
        process.discard_log()
