"""The worker processes of a Lab: started fresh, retired, and all ended in the end.

One worker as asyncio sees it: requests, replies, and the watchdog over both.

Nothing here blocks the event loop: a thread reads the worker's pipe and one writes to it, so a
worker that neither reads nor answers costs two idle threads until it is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from playground.hooks.sources import PluginSources
from playground.lab.client.events import Limits
from playground.lab.client.process import WorkerProcess, spawn_worker
from playground.lab.protocol import pipe
from playground.lab.protocol.commands import Close, Command, Ping, Pong, Reply
from playground.lab.protocol.failures import Failure, LabError, Progress

MAX_OUTSTANDING = 256


class Link:
    """The two pipes of one worker, and whether it is alive. Belongs to one event loop.

    lost: called once, in the loop, when the worker dies or is given up as hung; not when it is
    ended by `close` or `kill`.
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
        """Also look after it while no request is outstanding: it is training."""
        self.failure: Failure | None = None
        """Why it can no longer be asked anything."""
        self.external = False
        """It was ended from outside, by a signal; neither the run nor a plugin is to blame."""
        self.blamed = ""
        """"strategy:cold": the contribution that hung."""
        self.stage = ""
        """The stage of opening that was last reported, while it opens."""
        self.spent = 0.0
        """Seconds that the last answered request cost the worker."""
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[asyncio.Future[Any], Callable[[Progress], None] | None]] = {}
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._ending = False
        """It was asked to end, and is at it."""
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
        """A request is outstanding."""
        return bool(self._waiting)

    def lost_while_loading(self) -> bool:
        """It died or hung while it loaded a plugin, which the next one will pass over."""
        if self.failure is None or not self.process.loading:
            return False
        from playground.hooks.quarantine import died_loading

        return died_loading(Path(self.process.loading), self.process.pid)

    # ------------------------------------------------------------ asking

    async def request(
        self, command: Command, progress: Callable[[Progress], None] | None = None
    ) -> Reply:
        """Send a command, await its reply. Raises LabError for a Failure, and at once if the
        worker is or becomes dead."""
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
        """Ask for a Pong."""
        self._post(0, Ping())

    def _post(self, number: int, command: Command) -> None:
        self._outbox.put(pipe.pack((number, command)))

    # ------------------------------------------------------------ ending

    def give_up(self, failure: Failure) -> None:
        """End it as lost: every request fails with `failure`, and `lost` is called."""
        if self.failure is None:
            self._end(failure)
            self._lost(self, failure)

    def kill(self, failure: Failure) -> None:
        """End it on purpose: every request fails with `failure`; `lost` is not called."""
        if self.failure is None:
            self._end(failure)

    async def close(self) -> None:
        """Ask it to end, and end it if it does not. Done within two seconds, whatever it does;
        a worker that says it is writing what is left has some more."""
        if self.failure is None:
            self._post(0, Close())
            for limit in (self.limits.close, self.limits.write):
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
        """The pipe is closed and the process over."""
        self._ended.set()
        if self.failure is None:
            self.external = code is not None and code in (-9, -15)  # SIGKILL, SIGTERM
            self.give_up(_death(code, self.process.log_tail(), self.external))
        self.process.discard_log()

    # ------------------------------------------------------------ threads

    def _read(self) -> None:
        stream = self.process.stdout
        try:
            while True:
                number, seconds, reply = pipe.receive(stream)
                self._in_loop(self._message, number, seconds, reply)
        except Exception:  # end of file; or bytes that are no message: as good as dead
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
    """Tells a hang from a long but honest step.

    It counts its own rounds rather than the clock, so that a screen which was stopped for an
    hour (Ctrl+Z, a closed lid) does not take the worker for hung when it wakes.
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
                    await asyncio.sleep(0.1)  # for it to be written
                    tail = link.process.log_tail(40)
                    link.give_up(_silence(self._silent, link.stage, tail))
                    return
            else:
                self._asked, self._silent = True, 0.0
                link.ping()
            began = time.monotonic()
            await asyncio.sleep(limits.ping)
            self._silent += min(time.monotonic() - began, 2 * limits.ping)

    def heard(self, pong: Pong) -> None:
        self._greeted, self._asked = True, False
        # Twice in the same place: a process that was stopped for a while gets a second chance.
        self._same = self._same + 1 if pong.count == self._count else 1
        self._count = pong.count
        if self._same >= 2 and pong.seconds > self._link.limits.patience(pong.kind):
            self._link.blamed = pong.contribution
            self._link.give_up(_hang(pong))


# ---------------------------------------------------------------- saying it


def _death(code: int | None, tail: str, external: bool) -> Failure:
    if external:
        how = "was ended from outside"
        why = f"Signal {signal.Signals(-code).name}" if code else "A signal"
        message = f"{why} ended it; the system does that too when memory runs out."
    elif code is not None and code < 0:
        how = "crashed"
        message = (
            f"It died of signal {_signal_name(-code)}. Pure Python does not do that: look at "
            "plugins that bring compiled code."
        )
    else:
        how = "ended by itself"
        message = f"Its exit code was {code}. A plugin may have ended it."
    last = tail.strip().splitlines()[-1:] if not external else []
    if last:
        message += f" Its last words: {last[0]}"
    return Failure(f"The training process {how}", message, kind="dead", detail=tail)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _silence(seconds: float, stage: str, tail: str) -> Failure:
    last = f" The last it told of was: {stage}." if stage else ""
    return Failure(
        "The training process does not answer",
        f"Nothing was heard of it for {seconds:.0f} s. It is stopped, or compiled code in a "
        f"plugin does not let go.{last}",
        kind="hung",
        detail=tail,
    )


def _hang(pong: Pong) -> Failure:
    place = f" from {pong.place}" if pong.place else ""
    return Failure(
        f"A plugin hangs: {pong.label}",
        f"{pong.label} has not returned{place} for {pong.seconds:.0f} s. "
        "Mend it, or switch it off, and open the run again.",
        kind="hung",
        detail=pong.stack,
    )


CLOSED = Failure("The playground is closing", "There is nothing left to ask.", kind="dead")


class Workers:
    """Every process that was started and is not over yet."""

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
        """One without a run: for catalogues, and for the next run if it is still fresh."""
        self.closed = False
        self._prewarmed = prewarmed
        self._limits = limits
        self._lost = lost
        self._links: set[Link] = set()

    async def fresh(self) -> Link:
        """One that has not been told anything, so that its plugins are read now.

        Raises LabError if no process can be started.
        """
        if self.idle is not None and self.idle.alive and self.idle.process.fresh:
            link, self.idle = self.idle, None
            return link
        process, self._prewarmed = self._prewarmed, None
        if process is not None and process.popen.poll() is not None:
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
        """Have one ready for the next run."""
        if self.idle is None:
            with contextlib.suppress(LabError):
                self.idle = await self.fresh()

    async def retire(self, link: Link) -> None:
        """End one that is not needed any more."""
        await link.close()
        self._links.discard(link)

    def _on_lost(self, link: Link, failure: Failure) -> None:
        if link is self.idle:
            self.idle = None
        self._lost(link, failure)

    async def close(self) -> None:
        """End them all, within two seconds whatever they do."""
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
    """A process that nobody waits for any more."""
    if not job.cancelled() and job.exception() is None:
        process = job.result()
        process.kill()
        process.discard_log()
