"""A web server on this machine that can be told to misbehave."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A server that answers each path as told, and remembers the paths that were asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.over = threading.Event()
        """Set at the end of the test, for which stalled answers wait."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                # The test is about clients that go away.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    server.answers[self.path](self)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}{path}"

    def gives(self, path: str, data: bytes, promised: int | None = None) -> str:
        """Answer with `data`, announced as `promised` bytes or its own; returns the address."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            self.status(handler, 200, len(data) if promised is None else promised)
            handler.wfile.write(data)

        self.answers[path] = answer
        return self.url(path)

    def says(self, path: str, code: int, location: str = "") -> str:
        """Answer with a status only, and where to look instead; returns the address."""
        self.answers[path] = lambda handler: self.status(handler, code, 0, location)
        return self.url(path)

    def stalls(self, path: str, data: bytes, promised: int) -> str:
        """Answer with the head, `data` if there is any, and silence; returns the address."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            if data:
                self.status(handler, 200, promised)
                handler.wfile.write(data)
            self.over.wait()

        self.answers[path] = answer
        return self.url(path)

    def repeats(self, path: str, data: bytes, every: float) -> str:
        """Answer with `data` every so many seconds, without end; returns the address."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            while not self.over.wait(every):
                handler.wfile.write(data)

        self.answers[path] = answer
        return self.url(path)

    @staticmethod
    def status(
        handler: BaseHTTPRequestHandler, code: int, promised: int, location: str = ""
    ) -> None:
        handler.send_response(code)
        if location:
            handler.send_header("Location", location)
        handler.send_header("Content-Length", str(promised))
        handler.end_headers()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.http.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.over.set()
    running.http.shutdown()
    thread.join()
    running.http.server_close()
