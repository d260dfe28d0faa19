"""The process in which a run trains: `python -m playground.lab.worker`, started by process.py.

The process keeps the two pipes to the screen under private descriptors; 0, 1 and 2 then lead to the
null device and the log, so that nothing a plugin prints or reads gets into the pipes. A thread
reads the commands: it answers pings itself, whatever the main thread does, and ends the process
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

from microgpt.collector import SELDOM
from playground.hooks.errors import describe
from playground.hooks.forks import end_own_group, note_forks
from playground.hooks.quarantine import forgive
from playground.lab.protocol import pipe
from playground.lab.protocol.commands import Ping, Reply
from playground.lab.protocol.failures import Done, Failure, Progress
from playground.lab.protocol.pipe import Hello
from playground.lab.run.guard import Activity

LOG_LIMIT = 4 * 1024 * 1024
"""Bytes of log after which the log is emptied, so that no plugin fills the disk."""

Item = tuple[int, Any]
"""(the number of a request, a Command or what a thread of the service tells the service)."""


class Channel:
    """The pipes to the screen. Both threads may reply."""

    def __init__(self, commands: BinaryIO, replies: BinaryIO, log: str) -> None:
        self.commands = commands
        self.log = log
        self.loading: str | None = None
        """The folder with the marker of the plugin that is being loaded."""
        self.replies = replies.fileno()
        self._replies = replies
        self._lock = threading.Lock()

    def reply(self, request: int, reply: Reply | Progress, seconds: float = 0.0) -> None:
        """Answer a request. seconds: the time that the worker spent on it."""
        try:
            data = pipe.pack((request, seconds, reply))
        except BaseException as error:  # something of a plugin's that cannot be pickled
            failure = Failure(
                "The answer could not be sent",
                describe(error),
                kind="internal",
            )
            data = pipe.pack((request, seconds, failure))
        with self._lock:
            try:
                pipe.send(self._replies, data)
            except OSError:
                self.leave()  # the screen is gone

    def leave(self) -> NoReturn:
        """End this process after its screen died; remove the files that the screen would have."""
        if self.loading:  # the plugin is not to blame for this end
            with contextlib.suppress(Exception):
                forgive(Path(self.loading), os.getpid())
        with contextlib.suppress(OSError):
            os.unlink(self.log)  # noqa: PTH108 - no pathlib at the end of the world
        end_own_group()
        os._exit(0)


def take_pipes(log: str) -> Channel:
    """Keep the standard pipes; 0 becomes the null device, 1 becomes the log that 2 is."""
    commands, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    with contextlib.suppress(AttributeError, OSError):
        # Buffered by line, so that a killed process leaves its last words in the log.
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return Channel(os.fdopen(commands, "rb"), os.fdopen(replies, "wb"), log)


def listen(channel: Channel, inbox: SimpleQueue[Item], activity: Activity, main: int) -> None:
    """Answer pings at once and put commands into the inbox until the screen is gone. main: the
    threading ident of the main thread."""
    try:
        while True:
            request, command = pipe.receive(channel.commands)
            if isinstance(command, Ping):
                channel.reply(request, activity.pong(main))
                _cut_log()
            else:
                inbox.put((request, command))
    except BaseException:  # the screen is gone, or sends what is no command
        channel.leave()


def _cut_log() -> None:
    with contextlib.suppress(OSError):
        if os.fstat(2).st_size > LOG_LIMIT:
            os.ftruncate(2, 0)


def main(log: str) -> None:
    """Serve one screen until it closes the worker. log: the path of the log, removed if the screen
    dies."""
    with contextlib.suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        faulthandler.enable()
        if hasattr(signal, "SIGUSR1"):
            faulthandler.register(signal.SIGUSR1)  # see WorkerProcess.dump_stack
    channel = take_pipes(log)
    gc.set_threshold(*SELDOM)
    sys.setswitchinterval(0.001)  # the listener gets its turn within a millisecond
    try:
        hello: Hello = pipe.receive(channel.commands)
    except EOFError:
        channel.leave()
    channel.loading = hello.sources.loading
    note_forks(channel.commands.fileno(), channel.replies)
    inbox: SimpleQueue[Item] = SimpleQueue()
    activity = Activity()
    threading.Thread(
        target=listen,
        args=(channel, inbox, activity, threading.get_ident()),
        name="listener",
        daemon=True,
    ).start()

    # Imported only now because it takes long: the listener answers pings meanwhile.
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
