"""The server: who may come in, the page, its socket, uploads and downloads.

Whoever has the address with the token gets a cookie, and is known by it from then on. Each request
must name this server in its Host, and what changes anything must come from a page of this server
(Origin): a page of somebody else's, open in the same browser, can neither read nor type here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote, urlsplit

import textual_serve
from aiohttp import WSCloseCode, WSMsgType, web

from playground.web.session import Page, Sessions, Visitor
from playground.web.uploads import UploadError, files_of, take

COOKIE = "microgpt_play_{port}"
VISITORS = 10_000
"""Visitors that are known at once; the one who was away longest is forgotten first."""
MESSAGE = 256 * 1024
"""Bytes of the longest message of a page."""
HEARTBEAT = 15.0
"""Seconds after which a page that is gone without a word is found out."""
STATIC = {
    "textual.js": ("js/textual.js", "text/javascript"),
    "xterm.css": ("css/xterm.css", "text/css"),
    "mono.ttf": ("fonts/RobotoMono-VariableFont_wght.ttf", "font/ttf"),
    "mono-italic.ttf": ("fonts/RobotoMono-Italic-VariableFont_wght.ttf", "font/ttf"),
}
"""What of textual-serve's files is served, by name."""
OWN = {"page.js": "text/javascript", "page.css": "text/css"}
_STRICT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self' {socket}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Serves the playground. The addresses are fixed before it starts."""

    def __init__(
        self, sessions: Sessions, *, port: int, origins: Iterable[str], say: Callable[[str], None]
    ) -> None:
        """port: told apart by it, since cookies are not. origins: the addresses under which
        browsers may reach this server, without a path. say: tells the person who serves."""
        self._sessions, self._say = sessions, say
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._hosts = frozenset(urlsplit(origin).netloc for origin in self._origins)
        self._cookie = COOKIE.format(port=port)
        self.token = secrets.token_urlsafe(24)
        """Lets in; with `show`, as the one who steers."""
        self.watching = secrets.token_urlsafe(24) if sessions.rules.show else ""
        """Lets in to watch."""
        self._visitors: dict[str, Visitor] = {}
        self._numbers = 0

    def app(self) -> web.Application:
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guarded(request, handler)

        app = web.Application(middlewares=[web.middleware(guard)], client_max_size=MESSAGE)
        app.add_routes([
            web.get("/", self._index),
            web.get("/ws", self._socket),
            web.get("/static/{name}", self._static),
            web.get("/state", self._state),
            web.post("/files", self._upload),
            web.get("/files/{name}", self._download),
        ])  # fmt: skip
        return app

    # ------------------------------------------------------------ who may come in

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response: web.StreamResponse
        try:
            self._check_place(request)
            response = await handler(request)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.text)
        if not response.prepared:
            response.headers.update(_STRICT)
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _check_place(self, request: web.Request) -> None:
        """Raises HTTPForbidden for a request that is meant for another server, or comes from a page
        of one."""
        if request.headers.get("Host", "").lower() not in self._hosts:
            raise web.HTTPForbidden(
                text="This server is not reached under that name. Open the address that "
                "`microgpt-play serve` printed.\n"
            )
        origin = request.headers.get("Origin")
        changes = (
            request.method != "GET" or "upgrade" in request.headers.get("Connection", "").lower()
        )
        if (origin is None and changes) or (
            origin is not None and origin.lower() not in self._origins
        ):
            raise web.HTTPForbidden(text="This request comes from a page of another server.\n")

    def _visitor(self, request: web.Request) -> Visitor:
        """Who asks. Raises HTTPForbidden for somebody whom nobody has let in."""
        key = request.cookies.get(self._cookie, "")
        visitor = self._visitors.get(key)
        if visitor is None:
            raise web.HTTPForbidden(
                text="Open the whole address that `microgpt-play serve` printed, with its token.\n"
            )
        self._visitors[key] = self._visitors.pop(key)  # the last one is forgotten last
        return visitor

    def _let_in(self, request: web.Request, given: str) -> web.Response:
        """The answer to a token: a cookie, and the way to the page without the token, which so
        stands in no history and on no projector."""
        steers = _same(given, self.token)
        if not steers and not (self.watching and _same(given, self.watching)):
            raise web.HTTPForbidden(
                text="This is not the token of this server: each start makes a new one. Open the "
                "address that `microgpt-play serve` printed last.\n"
            )
        response = web.Response(status=303, headers={"Location": "/"})
        known = self._visitors.get(request.cookies.get(self._cookie, ""))
        if known is not None and known.presents == steers:
            return response
        self._numbers += 1
        key = secrets.token_urlsafe(32)
        self._visitors[key] = Visitor(self._numbers, steers)
        while len(self._visitors) > VISITORS:
            del self._visitors[next(iter(self._visitors))]
        # Lax: a strict cookie would not come along from a link in somebody's mail or course page.
        # What changes anything is guarded by its Origin.
        response.set_cookie(
            self._cookie, key, httponly=True, samesite="Lax", secure=self._is_secure(request)
        )
        return response

    # ------------------------------------------------------------ the page

    async def _index(self, request: web.Request) -> web.StreamResponse:
        given = request.query.get("token")
        if given is not None:
            return self._let_in(request, given)
        visitor = self._visitor(request)
        session = self._sessions.of(visitor)
        if session is None:
            raise web.HTTPServiceUnavailable(text=self._full())
        with contextlib.suppress(OSError):  # the socket tells of it
            await session.prepare()  # while the browser loads the page
        socket = self._socket_address(request)
        page = _text("page.html")
        watches = self._sessions.rules.show and not visitor.presents
        page = page.replace("{socket}", f"{socket}/ws").replace(
            "{role}", "watches" if watches else "types"
        )
        policy = _POLICY.format(socket=socket)
        return web.Response(
            text=page, content_type="text/html", headers={"Content-Security-Policy": policy}
        )

    def _socket_address(self, request: web.Request) -> str:
        """Where the page's socket is: the place that the page was asked from, which `_check_place`
        knows."""
        host = request.headers["Host"].lower()
        return f"{'wss' if self._is_secure(request) else 'ws'}://{host}"

    def _is_secure(self, request: web.Request) -> bool:
        """True if the browser comes by TLS, which a server in front of this one may end."""
        return f"https://{request.headers['Host'].lower()}" in self._origins

    def _full(self) -> str:
        return (
            f"All {self._sessions.rules.sessions} sessions of this server are taken. Load this "
            "page again when somebody has left.\n"
        )

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        kept = {"Cache-Control": "private, max-age=3600"}
        if name in OWN:
            return web.Response(text=_text(name), content_type=OWN[name])
        if name not in STATIC:
            raise web.HTTPNotFound(text="There is no such file.\n")
        place, kind = STATIC[name]
        body = (Path(textual_serve.__file__).parent / "static" / place).read_bytes()
        return web.Response(body=body, content_type=kind, headers=kept)

    async def _state(self, request: web.Request) -> web.StreamResponse:
        """What the page shows around the terminal, as JSON."""
        visitor = self._visitor(request)
        session = self._sessions.current(visitor)
        there = files_of(self._sessions.files_of(visitor)) if self._may_write(visitor) else []
        return web.json_response(
            {
                "size": list(session.size) if session is not None else None,
                "files": [{"name": name, "bytes": size} for name, size in there],
            }
        )

    def _may_write(self, visitor: Visitor) -> bool:
        return visitor.presents or not self._sessions.rules.show

    # ------------------------------------------------------------ the socket

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        visitor = self._visitor(request)
        if request.headers.get("Origin") is None:
            raise web.HTTPForbidden(text="A socket is opened by the page of this server alone.\n")
        session = self._sessions.of(visitor)
        if session is None:
            raise web.HTTPServiceUnavailable(text=self._full())
        size = _number(request.query.get("width"), 80), _number(request.query.get("height"), 24)
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=MESSAGE, compress=False)
        await socket.prepare(request)
        page = Page(socket.send_bytes, session.draw_anew)
        types = self._may_write(visitor)
        session.open(page, size, types=types)
        pushing = asyncio.ensure_future(page.run())
        ending = asyncio.ensure_future(_close_after(session.over, socket))
        try:
            await session.start(size)
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    answer = _heard(message.data, session.type, session.resize) if types else None
                    if answer is not None:
                        await socket.send_str(answer)
        except OSError as error:
            self._say(f"visitor {visitor.number}: the playground could not be started: {error}")
        finally:
            session.close(page)
            pushing.cancel()
            ending.cancel()
            await asyncio.gather(pushing, ending, return_exceptions=True)
            await socket.close()
        return socket

    # ------------------------------------------------------------ files

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        """Keep the body as a file of the visitor's, and hand its path to the playground as a
        terminal hands over a file that is dropped on it."""
        visitor = self._visitor(request)
        if not self._may_write(visitor):
            raise web.HTTPForbidden(text="Those who watch upload nothing.\n")
        folder = self._sessions.files_of(visitor)
        name = request.query.get("name", "")
        try:
            path = await take(
                folder, name, request.content_length, request.content.iter_chunked(1 << 16)
            )
        except UploadError as error:
            # What is still on its way is not waited for.
            return web.Response(
                status=error.status, text=f"{error}\n", headers={"Connection": "close"}
            )
        session = self._sessions.current(visitor)
        if session is not None:
            session.type(f"\x1b[200~{path}\x1b[201~".encode())
        return web.json_response({"name": path.name})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        visitor = self._visitor(request)
        folder, name = self._sessions.files_of(visitor), request.match_info["name"]
        if not self._may_write(visitor) or name not in dict(files_of(folder)):
            raise web.HTTPNotFound(text="There is no such file in this session.\n")
        return web.FileResponse(
            folder / name,
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
                "Content-Type": "application/octet-stream",
                "Content-Security-Policy": "sandbox",
            },
        )


def _heard(
    text: str, typed: Callable[[bytes], None], resized: Callable[[tuple[int, int]], None]
) -> str | None:
    """Do what a message of the page says; returns the answer to it. What is no message of the page
    does nothing."""
    try:
        kind, *rest = json.loads(text)
        if kind == "stdin":
            typed(rest[0].encode("utf-8", "replace"))
        elif kind == "resize":
            resized((int(rest[0]["width"]), int(rest[0]["height"])))
        elif kind == "ping":
            return json.dumps(["pong", str(rest[0])[:40]])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError,
            RecursionError):  # fmt: skip
        pass
    return None


async def _close_after(over: asyncio.Event, socket: web.WebSocketResponse) -> None:
    await over.wait()
    await socket.close(code=WSCloseCode.OK, message=b"the session has ended")


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else default


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _text(name: str) -> str:
    return files("playground.web").joinpath(name).read_text(encoding="utf-8")
