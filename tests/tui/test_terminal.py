"""The driver of a terminal of Unix."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("a driver of Unix", allow_module_level=True)

from playground.tui.terminal import SteadyDriver


@pytest.fixture
def signals_as_before() -> Iterator[None]:
    numbers = (signal.SIGTSTP, signal.SIGCONT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals_as_before")
def test_a_stop_interrupts_nothing_that_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the signal interrupts holds the queue of writes, perhaps, which leaving waits for."""
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _process, number: sent.append(number))

    async def stop() -> list[int]:
        app: Any = SimpleNamespace()
        with SteadyDriver(app).no_automatic_restart():
            signal.raise_signal(signal.SIGTSTP)
            at_once = list(sent)
            await asyncio.sleep(0)
        return at_once

    assert asyncio.run(stop()) == []
    assert sent == [signal.SIGSTOP]
