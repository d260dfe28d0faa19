"""A model elsewhere beside the run's own, as a person has it: the real command, a real server on
this machine, and a key that is nowhere afterwards."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("microgpt_play_remote") is None:
    pytest.skip("no plugin remote: make gallery", allow_module_level=True)

from tests.e2e.conftest import Launch, home, launch  # noqa: F401

KEY = "sk-real-Ab3_xYz9-qrstuvWXYZ0123"


class Answers(BaseHTTPRequestHandler):
    """Streams a text in two pieces, and repeats the key, as a server should not."""

    asked: list[dict[str, Any]]
    wrong = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.asked.append({**body, "key": key})
        if self.wrong:
            told = json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}}).encode()
            self._head(401, "application/json", len(told))
            self.wfile.write(told)
            return
        self._head(200, "text/event-stream")
        for piece in (f" ends here, {key[:9]}", f"{key[9:]} it says"):
            self._event({"choices": [{"delta": {"content": piece}}], "model": "tiny-1"})
        usage = {"prompt_tokens": 40, "completion_tokens": 6, "cost": 0.00021}
        self._event({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _head(self, status: int, kind: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _event(self, value: object) -> None:
        self.wfile.write(f"data: {json.dumps(value)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(wrong: bool = False) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(the address of a server, what it was asked)."""
    asked: list[dict[str, Any]] = []
    kind = type("Mine", (Answers,), {"asked": asked, "wrong": wrong})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()


def prefer(home: Path, address: str) -> None:  # noqa: F811
    """Keep a choice of the day before: the knobs take many keys, and are tested elsewhere."""
    options = {"address": address, "model": "tiny-1"}
    choice = {"name": "openai", "options": options, "agreed": None}
    folder = home / "config"
    folder.mkdir(parents=True)
    kept = {"beside": json.dumps(choice), "welcomed": True}
    (folder / "preferences.json").write_text(json.dumps(kept))


@pytest.mark.parametrize("wrong", [False, True], ids=["answers", "refuses"])
def test_the_real_playground_asks_once_shows_both_columns_and_keeps_the_key_nowhere(
    launch: Launch,  # noqa: F811
    home: Path,  # noqa: F811
    tmp_path: Path,
    wrong: bool,
) -> None:
    with serving(wrong) as (address, asked):
        prefer(home, address)
        terminal = launch(
            cwd=tmp_path, OPENAI_API_KEY=KEY, HOME=str(tmp_path / "user"), TMPDIR=str(tmp_path)
        )
        terminal.wait_for("ready")
        terminal.press("s")
        terminal.wait_for("step 1/1,000")
        terminal.press("O")
        terminal.wait_for("Another model beside this one")
        terminal.press("g")
        shown = terminal.wait_for("This would leave your machine")
        assert not asked and "the environment variable OPENAI_API_KEY" in shown
        assert f"{address}/chat/completions" in shown
        terminal.press("Right", "Enter")
        if wrong:
            shown = terminal.wait_for("[the key]")
        else:
            shown = terminal.wait_for("it says")
            assert "40 tokens read, 6 written" in shown and "$0.00021" in shown
            assert "nothing to pay" in shown and "tiny-1" in shown
        assert [one["key"] for one in asked] == [KEY]
        for part in (KEY, KEY[:12], KEY[-12:]):
            assert part not in shown
        terminal.press("Escape")
        terminal.wait_for(lambda screen: "Another model" not in screen)
        terminal.press("x")
        terminal.wait_for("Export the run as")
        terminal.press("Enter")
        terminal.wait_for(lambda _: any(tmp_path.glob("*.csv")))
        terminal.press("q")
        assert terminal.wait_for_exit() == 0
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(path.name == "runs.sqlite" for path in files)
        for path in files:
            assert KEY[:12].encode() not in path.read_bytes(), path
            assert KEY[-12:].encode() not in path.read_bytes(), path
