"""`microgpt-play serve`: the playground in a browser."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from playground.cli.failures import fail, say
from playground.hooks.gallery import lacking_extra
from playground.hooks.sources import expanded

if TYPE_CHECKING:
    from playground.web.session import Rules, Sessions

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Serving:
    """The options of `serve`."""

    file: Path | None
    """The text that each session begins with; None for the embedded names."""
    host: str
    port: int
    """0 for a free one."""
    url: str | None
    """The address by which browsers reach the server, if it is another one."""
    sessions: int
    files: Path | None
    """The folder whose texts visitors may open; None for none."""
    show: bool
    trust: bool


def serve(wanted: Serving) -> int:
    """Serve until interrupted; returns the exit code. Raises click.UsageError."""
    if sys.platform == "win32":
        return fail("Windows has no terminals of this kind. Run `serve` in WSL.")
    missing = lacking_extra("web", "textual_serve")
    if missing:
        return fail(f"`serve` {missing}")
    rules = _rules(wanted)
    try:
        listening = _listen(wanted.host, wanted.port)
    except OSError as error:
        reason = error.strerror or str(error)
        return fail(f"{wanted.host}, port {wanted.port}: {reason}. Choose another with --port.")
    from playground.web.session import Sessions

    folder = Path(tempfile.mkdtemp(prefix="microgpt-play-served-"))
    with listening, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(wanted, Sessions(folder, rules, say), listening))
    return 0


def _rules(wanted: Serving) -> Rules:
    """The rules of the sessions. Raises click.UsageError for a path that is none."""
    from playground.web.session import Rules

    files = _folder(wanted.files)
    file = None
    if wanted.file is not None:
        file = expanded(wanted.file).absolute()
        if not file.is_file():
            raise click.BadParameter(f"there is no file {str(file)!r}.", param_hint="FILE")
    words = [sys.executable, "-P", "-m", "playground.cli.served", "play"]
    words += [] if wanted.trust else ["--no-plugins"]
    words += ["--", str(file)] if file is not None else []
    return Rules(
        words=tuple(words),
        sessions=wanted.sessions,
        files=files,
        also=(file,) if file is not None else (),
        show=wanted.show,
        trust=wanted.trust,
    )


def _folder(files: Path | None) -> Path | None:
    if files is None:
        return None
    folder = expanded(files).absolute()
    if not folder.is_dir():
        raise click.BadParameter(f"{str(folder)!r} is no folder.", param_hint="--files")
    return folder


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    kind, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(kind, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except BaseException:
        listening.close()
        raise
    return listening


def origins_of(host: str, port: int, url: str | None) -> list[str]:
    """The addresses under which browsers reach the server, the one to print first."""
    if url is not None:
        named = urlsplit(url)
        return [f"{named.scheme}://{named.netloc}"]
    if host in LOOPBACK:
        names = [host, *(other for other in LOOPBACK if other != host)]
    elif host in ("0.0.0.0", "::"):
        own = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
        names = [socket.gethostname(), *sorted(map(str, own)), *LOOPBACK]
    else:
        names = [host]
    return [f"http://{_bracketed(name)}{'' if port == 80 else f':{port}'}" for name in names]


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


async def _serve(wanted: Serving, sessions: Sessions, listening: socket.socket) -> None:
    from aiohttp import web

    from playground.web.server import Server

    port = listening.getsockname()[1]
    origins = origins_of(wanted.host, port, wanted.url)
    server = Server(sessions, port=port, origins=origins, say=say)
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        for line in _greeting(wanted, origins[0], server.token, server.watching):
            say(line)
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, over.set)
        await over.wait()
        say("Ending the sessions ...")
    finally:
        await sessions.end()
        await runner.cleanup()


def _greeting(wanted: Serving, origin: str, token: str, watching: str) -> list[str]:
    if wanted.show:
        lines = [
            f"You steer:    {origin}/?token={token}",
            f"Others watch: {origin}/?token={watching}",
        ]
    else:
        lines = [f"Open {origin}/?token={token}"]
    if wanted.trust:
        lines.append("! --trust: whoever has this address acts with your rights on this machine")
    if wanted.host not in LOOPBACK and not (wanted.url or "").startswith("https:"):
        lines.append(
            "! The way there is not encrypted. In a network of others, put a server with TLS in "
            "front and name its address with --url https://..."
        )
    lines.append("Ctrl-C ends the sessions; what visitors made is removed then.")
    return lines


def check_url(url: str | None) -> str | None:
    """The address of --url. Raises click.BadParameter for one that is none."""
    if url is None:
        return None
    try:
        named = urlsplit(url)
        named.port  # noqa: B018 - raises ValueError
        good = named.scheme in ("http", "https") and bool(named.hostname)
    except ValueError:
        good = False
    if not good or named.path not in ("", "/") or named.query or named.username is not None:
        raise click.BadParameter(
            f"{url!r} is no address of a server. Write https://HOST or http://HOST:PORT.",
            param_hint="--url",
        )
    return url
