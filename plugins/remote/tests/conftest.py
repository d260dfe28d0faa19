"""A home of its own for each test, which is searched for the key when the test has ended."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for faults.py, beside the tests

from faults import KEY, OTHER_SECRETS, Seen


@pytest.fixture(autouse=True)
def seen(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Seen]:
    """What a test saw; the key is in none of it, nor in a file or a log."""
    for name in ("HOME", "MICROGPT_PLAY_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MODELSLAB_API_KEY", KEY)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    seen = Seen()
    yield seen
    seen.add(*(record.getMessage() for record in caplog.get_records("call")))
    seen.add(*capfd.readouterr())
    for path in tmp_path.rglob("*"):
        seen.add(path)
        if path.is_file() and path.name != ".netrc":
            seen.add(path.read_bytes().decode("latin-1"))
    whole = "\n".join(seen.texts)
    for secret in (KEY, KEY[:12], KEY[-12:], *OTHER_SECRETS):
        assert secret.lower() not in whole.lower()
