"""A web server on this machine that can be told to misbehave."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers each path as told, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.over = threading.Event()
        """The test has ended: what stalls waits for this, and for nothing else."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                # That the other side has had enough is what is tested.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    server.answers[self.path](self)

            def log_message(self, *_: object) -> None:
                """Not on the screen."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}{path}"

    def gives(self, path: str, data: bytes, promised: int | None = None) -> str:
        """`data`, announced as so many bytes (as many as it has). The address."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            self.status(handler, 200, len(data) if promised is None else promised)
            handler.wfile.write(data)

        self.answers[path] = answer
        return self.url(path)

    def says(self, path: str, code: int, location: str = "") -> str:
        """Only a status, and where to look instead. The address."""
        self.answers[path] = lambda handler: self.status(handler, code, 0, location)
        return self.url(path)

    def stalls(self, path: str, data: bytes, promised: int) -> str:
        """The head and `data` if there is any, and then silence. The address."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            if data:
                self.status(handler, 200, promised)
                handler.wfile.write(data)
            self.over.wait()

        self.answers[path] = answer
        return self.url(path)

    def repeats(self, path: str, data: bytes, every: float) -> str:
        """`data` again and again, every so many seconds, without end. The address."""

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
