"""What a person sees of a model elsewhere: its text, its price, and why there is none."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import ssl
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from faults import (
    FAULTS,
    KEY,
    STREAM,
    Fault,
    Seen,
    Server,
    answer,
    drip,
    endless,
    error,
    events,
    http,
    piece,
    stream,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import microgpt_play_remote
from microgpt_play_remote import ModelsLabKnobs, OpenAIKnobs, modelslab, openai
from microgpt_play_remote.answers import LONGEST, without_prompt
from microgpt_play_remote.events import lines, values
from microgpt_play_remote.redaction import Redactor
from microgpt_play_remote.writer import BEGIN, Remote
from playground.api import Continuation, WriterError
from playground.hooks.knobs import make_knobs
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources

PROMPT = "Once upon a time"
WHOLE = stream(piece(" there"), piece(" was"), piece("", "stop"))
Ask = Callable[..., tuple[Continuation, list[str]]]


def writer(address: str, **knobs: Any) -> Remote:
    """The writer; a patience below what the knob allows is for tests."""
    patience = knobs.pop("patience", 5.0)
    made = OpenAIKnobs(address=address, **knobs)
    return openai(made.model_copy(update={"patience": patience}))


@pytest.fixture
def ask(seen: Seen) -> Ask:
    def asked(
        script: Any, prompt: str = PROMPT, remote: Remote | None = None, **knobs: Any
    ) -> tuple[Continuation, list[str]]:
        """(the continuation, the texts told) of a server that answers by the script."""
        told: list[str] = []
        with Server((lambda _: script) if isinstance(script, bytes) else script) as server:
            asked.requests = server.requests  # type: ignore[attr-defined]
            address = knobs.pop("address", f"http://127.0.0.1:{server.port}/v1")
            found = remote or writer(address, **knobs)
            try:
                result = found.write(prompt, told.append)
            except WriterError as failed:
                seen.add(failed.title, failed.message, traceback.format_exc(), *told)
                assert failed.__context__ is None, "an exception of httpx holds the key"
                raise
        seen.add(result, *told)
        assert all(result.text.startswith(one) for one in told)
        assert told[-1] == result.text
        return result, told

    return asked


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_is_said_in_words(
    fault: Fault, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in fault.environ.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(socket, "getaddrinfo", no_network(socket.getaddrinfo))
    began = time.monotonic()
    with pytest.raises(WriterError) as caught:
        ask(fault.script or b"", **fault.knobs)
    said = f"{caught.value.title}: {caught.value.message}"
    assert [word for word in fault.words if word not in said] == [], said
    assert time.monotonic() - began < 3
    assert said.isprintable()
    assert len(caught.value.message) < 600


def no_network(real: Any) -> Any:
    """A resolver that knows this machine alone."""

    def resolve(host: Any, *rest: Any, **named: Any) -> Any:
        if host not in ("127.0.0.1", "localhost", "::1"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **named)

    return resolve


def test_nothing_listens(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(WriterError, match=rf"Nothing listens there: 127.0.0.1:{port} .*refused"):
        ask(b"", address=f"http://127.0.0.1:{port}/v1")


@pytest.mark.skipif(sys.platform != "linux", reason="queues of connections differ")
def test_a_connection_that_nobody_takes_is_given_up(ask: Ask) -> None:
    with socket.socket() as deaf, socket.socket() as one, socket.socket() as two:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for waiting in (one, two):
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        with pytest.raises(WriterError, match=r"There is no connection: .* within 0.3 seconds"):
            ask(b"", address=address, patience=0.3)


def test_https_to_a_server_of_http(ask: Ask) -> None:
    with (
        Server(lambda _: WHOLE) as server,
        pytest.raises(WriterError, match="no secure connection"),
    ):
        ask(b"", address=f"https://127.0.0.1:{server.port}/v1")


def test_a_certificate_that_proves_nothing(ask: Ask, tmp_path: Path) -> None:
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("there is no openssl here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = Server(lambda _: WHOLE)
    server._socket = context.wrap_socket(server._socket, server_side=True)
    with server:
        with pytest.raises(WriterError, match=r"cannot prove who it is.*self-signed"):
            ask(b"", address=f"https://localhost:{server.port}/v1")
        assert server.requests == [], "nothing was sent"


def test_what_tell_raises_goes_through() -> None:
    def enough(_: str) -> None:
        raise KeyError("enough")

    with Server(lambda _: WHOLE) as server, pytest.raises(KeyError, match="enough"):
        writer(f"http://127.0.0.1:{server.port}/v1").write(PROMPT, enough)


# ---------------------------------------------------------------- what goes right


def test_a_stream_is_told_as_it_comes(ask: Ask) -> None:
    usage = {"prompt_tokens": 25, "completion_tokens": 8, "total_tokens": 33}
    last = {"choices": [], "usage": usage}
    result, told = ask(
        stream(": OPENROUTER PROCESSING", piece(""), piece(" there"), piece(" was"),
               piece("\n", "stop"), last, "event: ping"),
        price_read=0.5, price_written=2.0, key_from="none",
    )  # fmt: skip
    assert told == [" there", " there was", " there was\n"]
    assert result == Continuation(" there was\n", True, 25, 8, 28.5e-6, "small-2")


def test_what_is_sent_is_what_outlet_says(ask: Ask) -> None:
    ask(WHOLE, model="tiny", temperature=0.5, max_tokens=7)
    (request,) = ask.requests  # type: ignore[attr-defined]
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.key == KEY
    assert request.headers["accept-encoding"] == "identity"
    instruction, user = request.body.pop("messages")
    assert user == {"role": "user", "content": PROMPT}
    assert request.body == {
        "model": "tiny", "max_tokens": 7, "temperature": 0.5, "reasoning_effort": "none",
        "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    outlet = writer("https://h.example/v1", model="tiny", temperature=0.5, max_tokens=7).outlet()
    assert outlet.address == "https://h.example/v1/chat/completions"
    assert "OPENAI_API_KEY" in outlet.key
    told = "\n".join(outlet.sends)
    for word in ("the prompt", "tiny", "7 tokens", "0.5", instruction["content"], "'none'"):
        assert word in told


def test_outlet_names_the_proxy_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://ann:hunter22secret@proxy.example:3128")
    sends = " ".join(writer("https://h.example/v1").outlet().sends)
    assert "through the proxy proxy.example:3128" in sends
    assert "hunter22" not in sends
    assert "proxy" not in " ".join(writer("http://localhost:11434/v1").outlet().sends)
    monkeypatch.setenv("no_proxy", "h.example")
    assert "proxy" not in " ".join(writer("https://h.example/v1").outlet().sends)


def test_a_proxy_of_the_environment_is_used_without_the_key(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        import threading

        def serve() -> None:
            connection, _ = proxy.accept()
            with connection:
                met.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with pytest.raises(WriterError, match="The proxy does not help"):
            ask(b"", address="https://models.example/v1")
    assert met[0].startswith(b"CONNECT models.example:443")
    assert KEY.encode() not in met[0]


def test_this_machine_is_asked_without_a_proxy(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert ask(WHOLE)[0].text == " there was"


def test_the_name_and_password_of_netrc_are_not_sent(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ann password hunter22secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    ask(WHOLE, key_from="none")
    assert "authorization" not in ask.requests[0].headers  # type: ignore[attr-defined]


def test_an_empty_prompt_is_a_request_to_begin(ask: Ask) -> None:
    result, _ = ask(WHOLE, prompt="")
    assert result.text == " there was"
    assert ask.requests[0].body["messages"][1]["content"] == BEGIN  # type: ignore[attr-defined]


def test_completions_are_sent_the_prompt_and_nothing_else(ask: Ask) -> None:
    part = {"choices": [{"index": 0, "text": f"{PROMPT} again", "finish_reason": "length"}]}
    result, _ = ask(stream(part), prompt=PROMPT, way="completions")
    assert result.text == f"{PROMPT} again", "only a chat model repeats by mistake"
    assert not result.ended
    (request,) = ask.requests  # type: ignore[attr-defined]
    assert request.line.startswith("POST /v1/completions ")
    assert request.body["prompt"] == PROMPT
    assert "messages" not in request.body


def test_a_server_that_ignores_the_wish_for_a_stream_is_understood(ask: Ask) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": " hello"},
              "finish_reason": "stop"}  # fmt: skip
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.25}
    whole = answer({"choices": [choice], "usage": usage, "model": "m"})
    result, told = ask(whole, key_from="none")
    assert result == Continuation(" hello", True, 3, 4, 0.25, "m")
    assert told == [" hello"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_a_line_ends_it_wherever_the_pieces_end(ask: Ask, end: str) -> None:
    said = events(": hi", piece("Grüße"), piece(", \ud83d"), piece("\ude00", "stop"), end=end)

    def script(_: object) -> Any:
        yield STREAM
        for at in range(0, len(said), 7):
            yield said[at : at + 7]
            time.sleep(0.0005)

    assert ask(script)[0].text == "Grüße, 😀"


def test_events_without_a_line_between_them_and_without_done(ask: Ask) -> None:
    lines = [f"data: {json.dumps(value)}\n" for value in (piece(" a"), piece(" b", "stop"))]
    assert ask(STREAM + "".join(lines).encode())[0].text == " a b"


def test_a_whole_text_is_kept_if_only_the_rest_of_the_stream_is_lost(ask: Ask) -> None:
    assert ask(stream(piece(" all", "stop"), "data: {broken", done=False))[0].text == " all"


def test_a_whole_text_is_kept_if_the_connection_breaks_after_it(ask: Ask) -> None:
    said = events(piece(" all", "stop"))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert ask(head + b"%x\r\n%b\r\n40\r\ndat" % (len(said), said))[0].text == " all"


def test_a_whole_text_is_not_held_up_by_a_stream_that_stays_open(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from microgpt_play_remote import exchange

    monkeypatch.setattr(exchange, "GRACE", 0.1)
    began = time.monotonic()
    assert ask(lambda _: drip(STREAM + events(piece(" all", "stop"))))[0].text == " all"
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_event_of_several_lines_is_one_value(end: str) -> None:
    said = f"data: [1,{end}data: 2]{end}{end}data: 3".encode()
    assert list(values(lines(said[at : at + 1] for at in range(len(said))))) == [[1, 2], 3]


def test_a_packed_answer_is_unpacked(ask: Ask) -> None:
    plain = json.dumps({"choices": [{"message": {"content": " hello"}}]}).encode()
    assert ask(http(200, gzip.compress(plain), content_encoding="gzip"))[0].text == " hello"


def test_an_endless_text_is_cut(ask: Ask) -> None:
    result, _ = ask(lambda _: endless(STREAM, events(piece("word " * 100))))
    assert len(result.text) == LONGEST
    assert not result.ended


def test_a_text_that_is_cut_at_the_most_bytes_is_kept(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from microgpt_play_remote import exchange

    monkeypatch.setattr(exchange, "MOST_BYTES", 1000)
    result, _ = ask(lambda _: endless(STREAM, events(piece("a"))))
    assert set(result.text) == {"a"}
    assert not result.ended


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": "7", "cost": float("nan")},
        {"prompt_tokens": True, "completion_tokens": 1e300, "cost": float("inf")},
        {"prompt_tokens": 10**300, "completion_tokens": None, "cost": -0.5},
        {"prompt_tokens": [], "completion_tokens": {}, "cost": "free"},
        [],
        7,
    ],
)
def test_numbers_that_cannot_be_are_not_known(ask: Ask, usage: object) -> None:
    result, _ = ask(stream(piece(" x", "stop", usage=usage)), price_read=1, price_written=1)
    assert (result.tokens_read, result.tokens_written, result.dollars) == (None, None, None)


def test_one_price_alone_is_no_price(ask: Ask) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 5}
    assert ask(stream(piece(" x", "stop", usage=usage)), price_read=1)[0].dollars is None


# ---------------------------------------------------------------- what a server does not take


def test_parts_that_a_server_does_not_know_are_left_out_one_by_one(ask: Ask) -> None:
    def strict(request: Any) -> bytes:
        body = request.body
        if "stream_options" in body:
            detail = [
                {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra"}
            ]
            return answer({"detail": detail}, 422)
        if "max_tokens" in body:
            said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return error(said, 400, "unsupported_parameter", "max_tokens")
        if "temperature" in body:
            return error("'temperature' does not support 0.3, unsupported value", 400)
        if "reasoning_effort" in body:
            return error("Unrecognized request argument supplied: reasoning_effort", 400)
        return WHOLE

    result, _ = ask(strict, temperature=0.3)
    assert result.text == " there was"
    bodies = [request.body for request in ask.requests]  # type: ignore[attr-defined]
    assert len(bodies) == 5
    assert bodies[-1]["max_completion_tokens"] == 32


def test_a_value_out_of_range_is_not_left_out_in_silence(ask: Ask) -> None:
    with pytest.raises(WriterError, match="must be at most 1"):
        ask(error("temperature must be at most 1", 400, param="temperature"), temperature=1.5)
    assert len(ask.requests) == 1  # type: ignore[attr-defined]


# ---------------------------------------------------------------- the prompt once more


@pytest.mark.parametrize(
    ("prompt", "text", "kept"),
    [
        ("Once upon", "Once upon a time", " a time"),
        ("Once upon ", "Once upon a time", "a time"),
        ("  Once upon", "Once upon a time ", " a time "),
        ("Once upon", "\n Once upon a time", " a time"),
        ("Once upon\n", "Once upon a time", " a time"),
        ("Once upon", " a time", " a time"),
        ("Once upon", "  Once, ", "  Once, "),
        ("Once upon", "Once", "Once"),
        ("", " Once", " Once"),
        (" ", " Once", " Once"),
    ],
)
def test_a_repeated_prompt_is_taken_off_and_nothing_else(prompt, text, kept) -> None:
    assert without_prompt(text, prompt, whole=True) == kept
    told = [without_prompt(text[:end], prompt, whole=False) for end in range(len(text) + 1)]
    assert all(kept.startswith(one) for one in told if one is not None)


def test_the_repetition_is_not_shown_while_it_comes(ask: Ask) -> None:
    parts = map(piece, ("On", "ce upon a", " time", " lived"))
    result, told = ask(stream(*parts, piece("", "stop")), key_from="none")
    assert (result.text, told) == (" lived", [" lived"])


# ---------------------------------------------------------------- the key


FORMS = {
    "plain": KEY,
    "upper case": KEY.upper(),
    "for an address": quote(KEY, safe=""),
    "JSON with slashes": json.dumps(KEY).replace("/", "\\/"),
    "JSON in JSON": "".join(f"\\u{ord(letter):04x}" for letter in KEY),
    "HTML": "".join(f"&#{ord(letter)};" for letter in KEY),
    "base64": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 for addresses": base64.urlsafe_b64encode(f"user:{KEY}".encode()).decode(),
    "hexadecimal": KEY.encode().hex(),
    "its beginning": KEY[:-9],
    "twice": KEY + KEY,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_key_in_an_answer_is_replaced_however_it_is_cut(form: str, size: int, ask: Ask) -> None:
    said = f" so {form}: it was"
    parts = [piece(said[at : at + size]) for at in range(0, len(said), size)]
    result, told = ask(stream(*parts, piece("", "stop")))
    for text in (*told, result.text):
        assert form[8:20] not in text
    assert result.text.startswith(" so ")
    assert result.text.endswith(": it was")
    assert "[the key]" in result.text


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            [KEY, KEY[:9], KEY[3:20], "%", "\\u00", "&#1", "sk-", "a", " ", "%73", "é"]
        ),
        max_size=8,
    ).map("".join),
    st.integers(1, 9),
)
def test_pieces_are_redacted_as_the_whole_is(text: str, size: int) -> None:
    redact = Redactor([KEY])
    safe, held = "", ""
    for at in range(0, len(text), size):
        more, held = redact.settled(held + text[at : at + size])
        safe += more
    assert safe + redact(held) == redact(text)


def test_a_text_without_a_key_is_not_changed() -> None:
    text = "100 % of \\u0041 and &amp; " * 20
    assert Redactor([KEY])(text) == text
    assert Redactor([])(KEY) == KEY


def test_the_key_is_not_in_the_name_of_the_model(ask: Ask) -> None:
    part = piece(" x", "stop") | {"model": f"m\x1b[2J {KEY}" + "m" * 999}
    model = ask(stream(part))[0].model
    assert model.startswith("m [2J [the key]")
    assert len(model) <= 200


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("key_name", KEY),
        ("key_name", "AKIA" + "IOSFODNN7EXAMPLE0123"),
        ("key_name", "OPENAI_API_KEY=" + KEY),
        ("key_name", ""),
        ("model", "sk-proj-0123456789abcdef0123456789"),
        ("model", ""),
        ("address", f"https://ann:{KEY}@h.example/v1"),
        ("address", "https://h.example/v1?api_key=0123456789abcdef"),
        ("address", "https://h.example/v1#0123456789abcdef"),
        ("address", "ftp://h.example/0123456789abcdef"),
        ("address", "https:///v1/0123456789abcdef"),
        ("address", "https://h.example\\@evil.example/0123456789abcdef"),
        ("address", "https://h.example:99999/0123456789abcdef"),
        ("address", "https://[::1/0123456789abcdef"),
        ("address", "https://hélène.example/0123456789abcdef"),
        ("address", "https://h.example/" + "0123456789abcdef" * 40),
    ],
)
def test_a_refused_knob_is_not_repeated(knob: str, value: str, seen: Seen) -> None:
    registry = load(PluginSources())
    (entry,) = (e for e in registry.catalog().entries if (e.kind, e.name) == ("writer", "openai"))
    with pytest.raises(ValueError) as caught:
        make_knobs(entry, OpenAIKnobs, {knob: value})
    seen.add(caught.value, traceback.format_exc())
    said = str(caught.value)
    assert said.startswith(f"openai: {knob} must ")
    assert not value or value[-16:] not in said
    with pytest.raises(ValueError) as direct:
        OpenAIKnobs(**{knob: value})
    assert not value or value[-16:] not in str(direct.value)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "HF_TOKEN", "XAI_API_KEY", "K2", "MY_KEY_2"])
def test_names_of_variables_are_taken(name: str) -> None:
    assert OpenAIKnobs(key_name=name).key_name == name


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("https://API.example.org/v1/", "https://api.example.org/v1/chat/completions"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1/chat/completions"),
        ("http://localhost:1234", "http://localhost:1234/chat/completions"),
        ("https://h.example/v1/chat/completions", "https://h.example/v1/chat/completions"),
    ],
)
def test_addresses_as_people_write_them(given: str, asked: str) -> None:
    assert writer(given).outlet().address == asked


@pytest.mark.parametrize("host", ["localhost", "127.8.9.1", "[::1]"])
def test_only_this_machine_is_sent_a_key_in_the_open(host: str) -> None:
    assert writer(f"http://{host}:1/v1").order.address.here
    beyond = host.strip("[]").replace(":", "x") + ".example"
    assert not writer(f"http://{beyond}:1/v1").order.address.here


def test_the_keyring_is_asked_if_it_is_chosen(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    asked: list[tuple[str, str]] = []

    def get(service: str, user: str) -> str:
        asked.append((service, user))
        return KEY

    monkeypatch.setattr(keyring, "get_password", get)
    ask(WHOLE, key_from="keyring", key_name="MY_MODELS")
    assert asked == [("MY_MODELS", "microgpt-play")]
    assert ask.requests[0].key == KEY  # type: ignore[attr-defined]
    monkeypatch.setattr(keyring, "get_password", lambda *_: None)
    with pytest.raises(WriterError, match="keyring set MY_MODELS microgpt-play"):
        ask(WHOLE, key_from="keyring", key_name="MY_MODELS")

    def locked(*_: str) -> str:
        raise RuntimeError(f"locked, and {KEY}")

    monkeypatch.setattr(keyring, "get_password", locked)
    with pytest.raises(WriterError, match=r"cannot be read.*RuntimeError"):
        ask(WHOLE, key_from="keyring")


def test_a_missing_keyring_is_said(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(WriterError, match="pip install keyring"):
        ask(WHOLE, key_from="keyring")


# ---------------------------------------------------------------- ModelsLab, and the playground


def test_modelslab_is_sent_what_it_documents(ask: Ask) -> None:
    outlet = modelslab(ModelsLabKnobs()).outlet()
    assert outlet.address == "https://modelslab.com/api/v7/llm/chat/completions"
    assert "MODELSLAB_API_KEY" in outlet.key
    with Server(lambda _: WHOLE) as server:
        remote = modelslab(ModelsLabKnobs(), f"http://127.0.0.1:{server.port}/api/v7/llm")
        assert ask(b"", remote=remote)[0].text == " there was"
    (request,) = server.requests
    assert request.line == "POST /api/v7/llm/chat/completions HTTP/1.1"
    assert set(request.body) == {"model", "messages", "max_tokens", "stream"}


def test_the_playground_finds_it_as_an_installed_plugin() -> None:
    (entry,) = (e for e in entry_points(group="microgpt_play") if e.name == "remote")
    assert entry.load() is microgpt_play_remote
    registry = load(PluginSources())
    found = {e.name: e for e in registry.catalog().entries if e.kind == "writer"}
    assert {"openai", "modelslab"} <= set(found)
    assert not found["openai"].missing


def test_httpx_is_loaded_by_the_factory_alone_and_the_keyring_when_it_is_asked() -> None:
    code = (
        "import sys, microgpt_play_remote as plugin\n"
        "declared = list(plugin.microgpt_writers())\n"
        "early = 'httpx' in sys.modules\n"
        "for one in declared:\n"
        "    one.factory(one.knobs()).outlet()\n"
        "sys.exit(early or 'keyring' in sys.modules or 'httpx' not in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
