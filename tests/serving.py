"""A server of the playground in this process, and clients of it, honest and other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from playground.cli.serve import origins_of
from playground.web.server import Server
from playground.web.session import Rules, Sessions

ECHO = """
import os, signal, sys, tty
tty.setraw(0)
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b"[%d x %d]" % os.get_terminal_size()))
signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"[anew]"))
os.close(os.open(os.ttyname(0), os.O_RDWR))  # the terminal is this session's own
os.write(1, b"[here %d x %d]" % os.get_terminal_size())
while data := os.read(0, 65536):
    if data == b"q":
        break
    if data == b"child":
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pause()
    if data == b"much":
        for _ in range(100):
            os.write(1, b"x" * 65536)
        os.write(1, b"[end]")
    os.write(1, b"<" + data + b">")
"""
"""A program that says what it is told, in the place of the playground."""


class Client:
    """A browser, as far as the server can tell."""

    def __init__(self, origin: str, session: aiohttp.ClientSession) -> None:
        self.origin, self.http = origin, session

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.http.get(
            self.origin + path, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text(errors="replace")

    async def come_in(self, token: str) -> None:
        status, _ = await self.get(f"/?token={token}")
        assert status == 303

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, str]:
        headers.setdefault("Origin", self.origin)
        async with self.http.post(self.origin + path, data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    @contextlib.asynccontextmanager
    async def page(self, size: tuple[int, int] = (80, 24), **headers: str) -> AsyncIterator[Page]:
        headers.setdefault("Origin", self.origin)
        address = f"{self.origin}/ws?width={size[0]}&height={size[1]}"
        async with self.http.ws_connect(address, headers=headers, max_msg_size=0) as socket:
            yield Page(socket)


class Page:
    """An open socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen = bytearray()
        self.closed = False

    async def type(self, text: str) -> None:
        await self.socket.send_str(json.dumps(["stdin", text]))

    async def until(self, *wanted: str, seconds: float = 20) -> None:
        """Wait until the page has got one of these texts."""
        looked = 0
        async with asyncio.timeout(seconds):
            while not any(self.seen.find(one.encode(), looked) >= 0 for one in wanted):
                looked = max(0, len(self.seen) - 200)
                message = await self.socket.receive()
                if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                    self.closed = True
                    raise AssertionError(f"closed before {wanted}: {bytes(self.seen[-300:])!r}")
                if message.type is aiohttp.WSMsgType.BINARY:
                    self.seen += message.data

    async def until_closed(self, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            async for message in self.socket:
                self.seen += message.data if message.type is aiohttp.WSMsgType.BINARY else b""
        self.closed = True


class Serving:
    """A server that listens."""

    def __init__(self, server: Server, sessions: Sessions, origin: str, folder: Path) -> None:
        self.server, self.sessions, self.origin, self.folder = server, sessions, origin, folder
        self.said: list[str] = []

    @contextlib.asynccontextmanager
    async def client(self, token: str | None = None) -> AsyncIterator[Client]:
        """Somebody who has come in; with "" somebody who has not."""
        jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            client = Client(self.origin, session)
            if token != "":
                await client.come_in(token or self.server.token)
            yield client


@contextlib.asynccontextmanager
async def serving(
    folder: Path, words: tuple[str, ...] = (), **rules: Any
) -> AsyncIterator[Serving]:
    """words: the program of the sessions; ECHO without."""
    said: list[str] = []
    program = words or (sys.executable, "-c", ECHO)
    sessions = Sessions(folder / "homes", Rules(program, **rules), said.append)
    runner = web.AppRunner(web.Application())
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = Server(
        sessions, port=port, origins=origins_of("127.0.0.1", port, None), say=said.append
    )
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    made = Serving(server, sessions, f"http://127.0.0.1:{port}", folder)
    made.said = said
    try:
        yield made
    finally:
        await sessions.end()
        await runner.cleanup()


def processes_of(home: Path) -> list[int]:
    """The processes of the session with this home."""
    wanted = f"MICROGPT_PLAY_HOME={home / 'data'}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                status = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if status != "Z" and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
    return found
