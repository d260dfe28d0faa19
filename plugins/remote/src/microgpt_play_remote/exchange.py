"""One question over HTTP, with an end to every wait and a reason for every failure.

httpx is imported with this module, so the module is imported when a writer is made and not
before. Exceptions of httpx hold the request and its headers: each is turned into a WriterError, and
that is raised after the handler has ended, so that nothing leads from it to the exception.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, TypeVar

import httpx

from microgpt_play_remote.addresses import PROXIES, Address, Proxy
from microgpt_play_remote.redaction import Redactor, Secret
from playground.api import WriterError

MOST_BYTES = 4_000_000
"""Of an answer, unpacked."""
GRACE = 2.0
"""Seconds for the count of tokens, which comes after a text that has ended."""
_LOGGERS = (
    "httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy",
    "httpcore.socks",
)  # fmt: skip
T = TypeVar("T")


class Deadline:
    """The end of all waits of one question: it shuts the connections, so that a server that sends
    a byte from time to time does not hold the writer beyond it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._shut_down = False
        self._sockets: list[socket.socket] = []
        self._timer = self._started(seconds)

    def _started(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._shut)
        timer.daemon = True
        timer.start()
        return timer

    def shorten(self, seconds: float) -> None:
        """Let the time be over after these seconds, if it is not over before."""
        end = time.monotonic() + seconds
        if end < self._end:
            self._end = end
            self._timer.cancel()
            self._timer = self._started(seconds)

    @property
    def over(self) -> bool:
        return self._shut_down or time.monotonic() >= self._end

    def watch(self, connection: socket.socket) -> None:
        """Shut this connection too when the time is over. A copy of it is kept, because TLS
        takes the original away."""
        self._sockets.append(connection.dup())
        if self.over:
            self._shut()

    def _shut(self) -> None:
        self._shut_down = True
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._timer.cancel()
        for one in self._sockets:
            one.close()


class _Bearer(httpx.Auth):
    """Sets the header with the key; only the request itself holds it."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        yield request


class _LogFilter(logging.Filter):
    """Takes secrets out of what httpx and httpcore log, which is also what servers send."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._redact(record.getMessage()), ()
        record.exc_info = record.exc_text = None
        return True


class Reply:
    """The head of an answer, and its body in pieces."""

    def __init__(self, exchange: Exchange, response: httpx.Response) -> None:
        self._exchange = exchange
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }
        self.full = False
        """True once the body was cut at MOST_BYTES."""
        self.bytes = 0

    def chunks(self) -> Iterator[bytes]:
        """The body, unpacked, at most MOST_BYTES of it. Raises WriterError."""
        unpack = self._unpacker()
        source = self._response.iter_raw()
        while (chunk := self._exchange.guarded(lambda: next(source, None), self)) is not None:
            piece = unpack(chunk)
            if self.bytes + len(piece) > MOST_BYTES:
                piece, self.full = piece[: MOST_BYTES - self.bytes], True
            self.bytes += len(piece)
            if piece:
                yield piece
            if self.full:
                return
        if self._exchange.deadline.over:  # where an end of the connection is an end of the text
            raise self._exchange.too_long(self)

    def _unpacker(self) -> Callable[[bytes], bytes]:
        packing = self.headers.get("content-encoding", "identity").strip().lower()
        if packing in ("", "identity"):
            return lambda chunk: chunk
        if packing not in ("gzip", "x-gzip", "deflate"):
            raise WriterError(
                "The answer is packed",
                f"{self._exchange.place} packs its answer in a way that was not asked for, and "
                "which is not known here. A proxy on the way may do so.",
            )
        machine = zlib.decompressobj(47)

        def unpack(chunk: bytes) -> bytes:
            broken = False
            piece = b""
            try:
                piece = machine.decompress(chunk, MOST_BYTES + 1 - self.bytes)
            except zlib.error:
                broken = True
            if broken:
                raise WriterError(
                    "The answer cannot be unpacked",
                    f"{self._exchange.place} says that its answer is packed, but it is not, or it "
                    "is damaged. Try again.",
                )
            return piece

        return unpack

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._response.close()


class Exchange:
    """Questions to one address within one stretch of time; a context."""

    def __init__(
        self,
        address: Address,
        proxy: Proxy | None,
        key: Secret | None,
        redact: Redactor,
        patience: float,
    ) -> None:
        """patience: seconds for all questions together, the answers included."""
        self.place = address.place
        self._address = address
        self._proxy = proxy
        self._auth = None if key is None else _Bearer(key)
        self._redact = redact
        self._patience = patience
        self._winding_up = False
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Exchange:
        if self._proxy is not None and not self._proxy.usable:
            raise WriterError(
                "The proxy cannot be used",
                f"The environment names a proxy, {self._proxy.place}, whose address must begin "
                f"with one of {', '.join(PROXIES)}. Correct {self._address.scheme}_proxy, or "
                f"name {self._address.host} in no_proxy.",
            )
        log_filter = _LogFilter(self._redact)
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.addFilter(log_filter)
            self._stack.callback(logger.removeFilter, log_filter)
        try:
            self._client = self._stack.enter_context(self.guarded(self._new_client))
            self.deadline = Deadline(self._patience)
            self._stack.callback(self.deadline.close)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _new_client(self) -> httpx.Client:
        # trust_env would also follow variables that `outlet` does not speak of; the proxy is named
        # here, and the certificates of SSL_CERT_FILE and SSL_CERT_DIR are taken by themselves.
        # Without https none are needed, and reading them takes longer than all the rest.
        secure = self._address.scheme == "https" or self._proxy is not None
        trusted = httpx.create_ssl_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return httpx.Client(
            trust_env=False,
            follow_redirects=False,
            timeout=self._patience,
            verify=trusted,
            proxy=None if self._proxy is None else self._proxy.address,
            headers={
                "User-Agent": "microgpt-play",
                "Accept": "text/event-stream, application/json",
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
            },
        )

    def ask(self, body: bytes) -> Reply:
        """Send a body of JSON; the answer's head. Raises WriterError."""

        def send() -> httpx.Response:
            request = self._client.build_request(
                "POST", self._address.text, content=body, extensions={"trace": self._watch}
            )
            return self._client.send(request, stream=True, auth=self._auth)

        return Reply(self, self.guarded(send))

    def wind_up(self) -> None:
        """Wait a moment more and no longer, since the text is there."""
        if not self._winding_up:
            self._winding_up = True
            self.deadline.shorten(GRACE)

    def _watch(self, name: str, info: Mapping[str, Any]) -> None:
        if name.endswith("connect_tcp.complete"):
            self.deadline.watch(info["return_value"].get_extra_info("socket"))

    def guarded(self, call: Callable[[], T], reply: Reply | None = None) -> T:
        """The value of a call. Raises WriterError for all that goes wrong in it.

        reply: the answer that is being read.
        """
        try:
            return call()
        except Exception as error:
            fault = self._fault(error, reply)
        raise fault

    def _fault(self, error: Exception, reply: Reply | None) -> WriterError:
        causes = tuple(_causes(error))
        if not hasattr(self, "deadline"):
            return self._not_ready(error)
        if isinstance(error, httpx.ConnectTimeout):
            return WriterError(
                "There is no connection",
                f"{self.place} did not take a connection within {self._patience:g} seconds. "
                "Check the address, and whether a firewall stands between.",
            )
        if self.deadline.over or isinstance(error, httpx.TimeoutException):
            return self.too_long(reply)
        if isinstance(error, httpx.ProxyError):
            return self._no_proxy("it refuses to pass this on. It may want a name and a password.")
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            if self._proxy is not None:
                return self._no_proxy("its name is not found.")
            return WriterError(
                "The host is not found",
                f"No address belongs to the name {self._address.host}. Check its spelling, and "
                "whether this machine is online.",
            )
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return self._no_tls(causes)
        if isinstance(error, httpx.ConnectError):
            if self._proxy is not None:
                return self._no_proxy("it takes no connection.")
            return WriterError(
                "Nothing listens there",
                f"{self.place} takes no connection{_reason(causes)}. Check the address and its "
                "port, and whether the server is running.",
            )
        if isinstance(error, (httpx.TransportError, httpx.StreamError)):
            if reply is None:
                return WriterError(
                    "The connection broke",
                    f"{self.place} ended the connection before it answered, or does not speak "
                    f"{self._address.scheme}. Check the address and its port, and try again.",
                )
            return broken_off(self.place, f"after {reply.bytes:,} bytes")
        return WriterError(
            "The request failed",
            f"Something unforeseen happened on the way to {self.place}: "
            f"{type(error).__name__}. Check the address and the proxy.",
        )

    def _not_ready(self, error: Exception) -> WriterError:
        """Why nothing can be asked at all."""
        if isinstance(error, ImportError):
            return self._no_proxy(
                "it is a SOCKS proxy, which needs the library socksio: python -m pip install "
                "socksio."
            )
        if isinstance(error, OSError):
            return WriterError(
                "The certificates cannot be read",
                "SSL_CERT_FILE or SSL_CERT_DIR names something that holds no certificates "
                f"({type(error).__name__}). Correct the variable, or take it away.",
            )
        return self._no_proxy(f"its address is not understood ({type(error).__name__}).")

    def too_long(self, reply: Reply | None) -> WriterError:
        """Why the question was given up when its time was over."""
        if reply is None or not reply.bytes:
            return WriterError(
                "The server is silent",
                f"{self.place} was asked, but nothing came within {self._patience:g} seconds. It "
                "may be loading the model: try again, with more patience.",
            )
        return WriterError(
            "The answer takes too long",
            f"After {self._patience:g} seconds, {reply.bytes:,} bytes had come from {self.place}, "
            "and not the end. Raise patience, or lower max_tokens.",
        )

    def _no_proxy(self, why: str) -> WriterError:
        proxy = self._proxy.place if self._proxy else "of the environment"
        return WriterError(
            "The proxy does not help",
            f"The proxy {proxy}, which the environment names for {self.place}: {why} Correct "
            f"{self._address.scheme}_proxy, or name the host in no_proxy.",
        )

    def _no_tls(self, causes: tuple[BaseException, ...]) -> WriterError:
        wrong = next((c for c in causes if isinstance(c, ssl.SSLCertVerificationError)), None)
        if wrong is not None:
            return WriterError(
                "The server cannot prove who it is",
                f"The certificate of {self.place} is not accepted ({wrong.verify_message}). "
                "Nothing was sent. Behind a proxy that signs itself, name its certificate in "
                "SSL_CERT_FILE.",
            )
        return WriterError(
            "There is no secure connection",
            f"{self.place} does not speak https there. Check the port; a server on this machine "
            "mostly wants http://.",
        )


def broken_off(place: str, where: str) -> WriterError:
    """An answer that ended before its end."""
    return WriterError(
        "The answer broke off",
        f"{place} ended the connection {where}, in the middle of its answer. Try again.",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception, and those that led to it."""
    for _ in range(12):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _reason(causes: tuple[BaseException, ...]) -> str:
    """The system's own words, such as "connection refused"."""
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno and isinstance(cause.strerror, str):
            return f" ({cause.strerror.lower()})"
    return ""
