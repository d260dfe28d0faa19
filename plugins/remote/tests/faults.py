"""A server on this machine that answers as it is told to, and a table of all that goes wrong.

The server speaks HTTP over bare sockets, because no library sends what is wrong on purpose.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

KEY = "sk-test/Ab+3_xYz9-qrstuvWXYZ012345"
OTHER_SECRETS = ("hunter22secret",)


class Seen:
    """Every text that came out of a writer."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, *texts: object) -> None:
        self.texts += map(str, texts)


@dataclass
class Request:
    """What the server was sent."""

    line: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def key(self) -> str:
        """The key of the header, to be said again in an answer."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


Script = Callable[[Request], "bytes | Iterable[bytes]"]


class Server:
    """Answers every request by a script; a context. `requests` are those that came."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.done = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self) -> Server:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self._socket.close()

    def _serve(self) -> None:
        while not self.done.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = self._read(connection)
                if request is None:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
                self.requests.append(request)
                said = self.script(request)
                for piece in [said] if isinstance(said, bytes) else said:
                    if self.done.is_set():
                        return
                    connection.sendall(piece)
            except OSError:
                return

    @staticmethod
    def _read(connection: socket.socket) -> Request | None:
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(65536)
            if not chunk or data[:1] == b"\x16":  # the greeting of TLS
                return None
            data += chunk
            if data[:1] == b"\x16":
                return None
        head, _, body = data.partition(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v for k, _, v in (one.partition(": ") for one in rest)}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        return Request(line, headers, json.loads(body))


def http(status: int, body: str | bytes, kind: str = "application/json", **headers: str) -> bytes:
    """A whole answer."""
    data = body.encode() if isinstance(body, str) else body
    more = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    head = f"HTTP/1.1 {status} Said So\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n"
    return f"{head}{more}Connection: close\r\n\r\n".encode() + data


def answer(value: object, status: int = 200, **headers: str) -> bytes:
    """A whole answer of JSON."""
    return http(status, json.dumps(value), **headers)


def error(message: str, status: int, code: str = "", param: str = "", **headers: str) -> bytes:
    """An error as OpenAI writes it."""
    value = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return answer({"error": value}, status, **headers)


def piece(text: object, finish: str | None = None, **more: object) -> dict[str, object]:
    """A part of a streamed chat."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "model": "small-2", "choices": [choice], **more}


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def events(*values: object, end: str = "\n") -> bytes:
    """A stream of events: JSON, or texts as they are."""
    said = [v if isinstance(v, str) else f"data: {json.dumps(v)}" for v in values]
    return "".join(one + 2 * end for one in said).encode()


def stream(*values: object, done: bool = True) -> bytes:
    """A whole streamed answer."""
    return STREAM + events(*values, *(["data: [DONE]"] if done else []))


def drip(head: bytes, then: bytes = b": wait\n") -> Iterator[bytes]:
    """A byte from time to time, without end."""
    yield head
    for number in range(2000):
        yield then[number % len(then) :][:1]
        time.sleep(0.02)


def silence() -> Iterator[bytes]:
    """Nothing, for longer than anyone waits."""
    for _ in range(100):
        time.sleep(0.02)
        yield b""


def endless(head: bytes, more: bytes) -> Iterator[bytes]:
    """More and more; the writer has to hang up."""
    yield head
    for _ in range(100_000):
        yield more


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and the words that a person reads then."""

    name: str
    script: Script | None
    words: tuple[str, ...]
    """All of them stand in the title and the message together."""
    knobs: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str | None] = field(default_factory=dict)
    """Of the environment; None takes a variable away."""


def fault(
    name: str, script: Script | bytes | None, *words: str, environ: Any = None, **knobs: Any
) -> Fault:
    made = (lambda _: script) if isinstance(script, bytes) else script
    return Fault(name, made, words, knobs, environ or {})


FAULTS = (
    # ------------------------------------------------------------ before anything is sent
    fault("no key", None, "There is no key", "OPENAI_API_KEY is not set",
          environ={"OPENAI_API_KEY": None}),
    fault("empty key", None, "There is no key", "is empty", environ={"OPENAI_API_KEY": "  \n"}),
    fault("key with a line end", None, "That is no key", "no header may have",
          environ={"OPENAI_API_KEY": f"{KEY}\r\nHost: evil"}),
    fault("key beyond ASCII", None, "That is no key", "beyond ASCII",
          environ={"OPENAI_API_KEY": f"{KEY}ü"}),
    fault("short key", None, "has 3 characters", "set key_from to none",
          environ={"OPENAI_API_KEY": "abc"}),
    fault("key over http", None, "The key would travel openly", "models.example:8000", "https://",
          address="http://models.example:8000/v1"),
    fault("proxy of no kind", None, "The proxy cannot be used", "proxy.example", "https_proxy",
          address="https://models.example/v1",
          environ={"https_proxy": "ftp://ann:hunter22secret@proxy.example:3128"}),
    fault("SOCKS without its library", None, "The proxy does not help", "socksio",
          address="https://models.example/v1", environ={"all_proxy": "socks5://proxy.example:1080"}),
    fault("no certificates", None, "The certificates cannot be read", "SSL_CERT_FILE",
          address="https://models.example/v1", environ={"SSL_CERT_FILE": "/nowhere.pem"}),
    # ------------------------------------------------------------ no answer
    fault("name not found", None, "The host is not found", "nowhere.invalid", "spelling",
          address="https://nowhere.invalid/v1"),
    fault("silent", lambda _: silence(), "The server is silent", "0.3 seconds", patience=0.3),
    fault("slow head", lambda _: drip(b"HTTP/1.1 200 OK\r\nX: "), "The server is silent",
          "0.3 seconds", patience=0.3),
    fault("a byte from time to time", lambda _: drip(STREAM + events(piece("Hello"))),
          "The answer takes too long", "After 0.4 seconds", "Raise patience", patience=0.4),
    fault("hangs up", b"", "The connection broke", "Check the address"),
    fault("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n", "The connection broke", "does not speak http"),
    # ------------------------------------------------------------ refusals
    fault("401", lambda r: error(f"Incorrect API key provided: {r.key}.", 401, "invalid_api_key"),
          "The key is refused", "401", "[the key]"),
    fault("401 without a word", http(401, ""), "The key is refused", "still valid"),
    fault("403", error("Country not supported", 403), "does not allow it", "Country not supported"),
    fault("404", error("The model `gpt-9` does not exist", 404, "model_not_found"),
          "The address or the model is wrong", "404", "/v1", "gpt-9"),
    fault("404 in a list", answer([{"error": {"message": "No model gpt-9"}}], 404),
          "The address or the model is wrong", '"No model gpt-9"'),
    fault("404 page", http(404, "<html>nginx</html>", "text/html"), "address or the model", "404"),
    fault("429 with seconds", error("Slow down", 429, Retry_After="17"), "Too many requests",
          "Try again in 17 seconds"),
    fault("429 with a date",
          lambda _: error("Slow down", 429, Retry_After=formatdate(time.time() + 600, usegmt=True)),
          "Too many requests", "Try again in 10 minutes"),
    fault("429 with nonsense", error("Slow down", 429, Retry_After="9" * 400), "in a minute"),
    fault("429 without credit",
          error("You exceeded your current quota", 429, "insufficient_quota"),
          "There is no credit left", "billing"),
    fault("402", error("Add more", 402), "There is no credit left", "402"),
    fault("500", lambda r: error(f"Oops {r.headers['authorization']}", 500),
          "The server has failed", "500", "[the key]"),
    fault("503 as text", http(503, "upstream\x1b[2J is \x00 down\n" + "very " * 99, "text/plain"),
          "The server has failed", "upstream [2J is down", "…"),
    fault("413", http(413, ""), "The prompt is too long"),
    fault("400", error("max_tokens must be at most 16", 400, param="max_tokens"),
          "The server refuses", "at most 16"),
    fault("never content", lambda r: error(f"Unsupported: {', '.join(r.body)}", 400),
          "The server refuses", "Unsupported"),
    fault("redirection",
          lambda r: http(307, "", location=f"https://evil.example/{r.key}"),
          "The address leads elsewhere", "307", "evil.example"),
    fault("redirection to the key", lambda r: http(302, "", location=f"http://{r.key[9:]}.example/"),
          "The address leads elsewhere", "to [the key].example"),
    # ------------------------------------------------------------ 200, and wrong all the same
    fault("status error", lambda r: answer({"status": "error", "message": f"No model x {r.key}"}),
          "The server refuses", "No model x [the key]"),
    fault("messege", answer({"status": "error", "messege": {"model": ["is required"]}}),
          "The server refuses", "is required"),
    fault("status error of the key", answer({"status": "error", "message": "Invalid API Key"}),
          "The key is refused"),
    fault("status error of the account",
          answer({"status": "error", "message": "You don't have enough credits"}),
          "There is no credit left"),
    fault("web page", http(200, "<!doctype html><title>Sign in</title>", "text/html"),
          "That is a web page", "/v1"),
    fault("broken JSON", lambda r: http(200, '{"choices": [' + r.key), "cannot be read",
          "[the key]"),
    fault("deep JSON", http(200, "[" * 100_000), "cannot be read"),
    fault("no choices", answer({"id": "x"}), "holds no text", "without choices"),
    fault("list", answer([1, 2]), "holds no text"),
    fault("empty choices", answer({"choices": []}), "holds no text"),
    fault("nothing", http(200, "  \n"), "The answer is empty", "without a word"),
    fault("empty text", answer({"choices": [{"message": {"content": ""}}]}), "The answer is empty"),
    fault("all thought", stream(piece("", "length")), "The answer is empty", "32 tokens",
          "raise max_tokens"),
    fault("only the prompt", stream(piece("Once upon"), piece(" a time", "stop")),
          "only repeated the prompt"),
    fault("refusal", answer({"choices": [{"message": {"content": None, "refusal": "I won't"}}]}),
          "The model refuses", "I won't"),
    fault("a number for a text", answer({"choices": [{"message": {"content": 7}}]}),
          "The answer is no text", "int"),
    fault("choices of another kind", answer({"choices": ["hello"]}), "The answer is no text"),
    fault("damaged packing", http(200, b"no gzip", content_encoding="gzip"), "cannot be unpacked"),
    fault("unknown packing", http(200, b"xx", content_encoding="br"), "The answer is packed"),
    fault("a packed bomb",
          http(200, gzip.compress(b" " * 30_000_000 + b"{}"), content_encoding="gzip"),
          "The answer"),
    # ------------------------------------------------------------ streams
    fault("breaks off", stream(piece("Hello"), piece(" the"), done=False), "The answer broke off",
          "after 9 characters"),
    fault("breaks off in a chunk",
          b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + events(piece("Hi"))[:30],
          "The answer broke off"),
    fault("error in the stream",
          lambda r: stream(piece("Hello"), {"error": {"message": f"Overloaded {r.key}"}}),
          "The server refuses", "Overloaded [the key]"),
    fault("error as text in the stream", stream({"error": "model runner has stopped"}),
          "The server refuses", "runner has stopped"),
    fault("error beside choices in the stream",
          stream(piece("Hello"), piece("", "error") | {"error": {"code": 502, "message": "Gone"}}),
          "The server refuses", "Gone"),
    fault("error in a choice",
          answer({"choices": [{"error": {"message": "Too hot"}, "message": {"content": ""}}]}),
          "The server refuses", "Too hot"),
    fault("an end for an error", stream(piece("Hello"), piece("", "error")), "The server refuses"),
    fault("garbage", lambda r: stream(piece("Hello"), f"data: {{{r.key}"), "cannot be read"),
    fault("lines of no kind", http(200, "hello\nworld\n", "text/event-stream"), "holds no text"),
    fault("endless comments", lambda _: endless(STREAM, b": wait\n" * 9000),
          "The answer has no end", "4,000,000 bytes"),
    fault("an endless line", lambda _: endless(STREAM, b"data: " + b"x" * 65536),
          "The answer", ),
    fault("endless JSON", lambda _: endless(b"HTTP/1.1 200 OK\r\n\r\n[", b"1," * 30_000),
          "The answer has no end"),
)  # fmt: skip
