"""The process in which a run trains: `python -m playground.lab.worker`, started by process.py.

The two pipes to the screen are kept under private descriptors; 0, 1 and 2 then lead to the null
device and the log, so nothing that a plugin prints or reads can come between. A thread reads
the commands: it answers pings itself, whatever the main thread is at, and ends the process
when the screen is gone.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import signal
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, NoReturn

from playground.hooks.quarantine import forgive
from playground.lab.protocol import pipe
from playground.lab.protocol.commands import Ping, Reply
from playground.lab.protocol.failures import Done, Failure, Progress
from playground.lab.protocol.pipe import Hello
from playground.lab.run.guard import Activity

LOG_LIMIT = 4 * 1024 * 1024
"""Bytes of log after which a plugin that floods it loses the beginning."""

Item = tuple[int, Any]
"""The number of a request, and the Command; or what a thread of the service tells it."""


class Channel:
    """The pipes to the screen. Replies may come from both threads."""

    def __init__(self, commands: BinaryIO, replies: BinaryIO, log: str) -> None:
        self.commands = commands
        self.log = log
        self.loading: str | None = None
        """Where it is said which plugin is being loaded."""
        self._replies = replies
        self._lock = threading.Lock()

    def reply(self, request: int, reply: Reply | Progress, seconds: float = 0.0) -> None:
        """Answer a request. seconds: the time that the worker spent on it."""
        try:
            data = pipe.pack((request, seconds, reply))
        except Exception as error:  # something of a plugin's that cannot travel
            failure = Failure(
                "The answer could not be sent",
                f"{type(error).__name__}: {error}",
                kind="internal",
            )
            data = pipe.pack((request, seconds, failure))
        with self._lock:
            try:
                pipe.send(self._replies, data)
            except OSError:
                self.leave()  # nobody is there to hear it

    def leave(self) -> NoReturn:
        """The screen is gone without a word: end, and clear up what it would have."""
        if self.loading:  # it is not the plugin's fault
            with contextlib.suppress(Exception):
                forgive(Path(self.loading), os.getpid())
        with contextlib.suppress(OSError):
            os.unlink(self.log)  # noqa: PTH108 - no pathlib at the end of the world
        os._exit(0)


def take_pipes(log: str) -> Channel:
    """Keep the standard pipes for ourselves; leave the null device and the log to the rest."""
    commands, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    with contextlib.suppress(AttributeError, OSError):
        # A line at a time, so that the last words are there when the process is killed.
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return Channel(os.fdopen(commands, "rb"), os.fdopen(replies, "wb"), log)


def listen(channel: Channel, inbox: SimpleQueue[Item], activity: Activity, main: int) -> None:
    """Commands into the inbox, pings answered on the spot, for as long as there is a screen."""
    try:
        while True:
            request, command = pipe.receive(channel.commands)
            if isinstance(command, Ping):
                channel.reply(request, activity.pong(main))
                _cut_log()
            else:
                inbox.put((request, command))
    except BaseException:  # the screen is gone, or speaks another language: nothing left to do
        channel.leave()


def _cut_log() -> None:
    with contextlib.suppress(OSError):
        if os.fstat(2).st_size > LOG_LIMIT:
            os.ftruncate(2, 0)


def main(log: str) -> None:
    """Serve one screen until it is done. log: to be removed if the screen dies."""
    with contextlib.suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        faulthandler.enable()
        if hasattr(signal, "SIGUSR1"):
            faulthandler.register(signal.SIGUSR1)  # see WorkerProcess.dump_stack
    channel = take_pipes(log)
    gc.set_threshold(200_000, 20, 100)  # the scalar engine's graphs die young: twice as fast
    sys.setswitchinterval(0.001)  # the reading thread is let in within a millisecond
    try:
        hello: Hello = pipe.receive(channel.commands)
    except EOFError:
        channel.leave()
    channel.loading = hello.sources.loading
    inbox: SimpleQueue[Item] = SimpleQueue()
    activity = Activity()
    threading.Thread(
        target=listen,
        args=(channel, inbox, activity, threading.get_ident()),
        name="listener",
        daemon=True,
    ).start()

    # Only now what takes long to import, so that pings are answered meanwhile.
    from playground.lab.worker.service import Service

    service = Service(hello.sources, activity, inbox, channel.reply)
    if hello.eager:
        service.load_plugins()
    request = service.run()
    channel.reply(request, Done())
    sys.stdout.flush()
    os._exit(0)  # a plugin's threads are not waited for


if __name__ == "__main__":
    main(sys.argv[1])
