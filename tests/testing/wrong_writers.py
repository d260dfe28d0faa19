"""Writers with one fault each."""

# ruff: noqa: ARG002 - the protocol gives more than each of these needs

from __future__ import annotations

import os
import random
import socket
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from playground.api import Continuation, Knob, Knobs, Outlet, WriterError

OUTLET = Outlet("http://127.0.0.1:9/v1", ("the prompt",), "the environment variable NO_SUCH_KEY")


class Right:
    """A writer without a fault, and without an outlet."""

    def outlet(self):
        return None

    def write(self, prompt, tell):
        tell(prompt[:3])
        tell(prompt)
        return Continuation(prompt, True, len(prompt), len(prompt), 0.0, "mirror")


class Remote(Right):
    """A writer without a fault, and with an outlet. It connects to a port where nobody is."""

    asked: list[str]

    def outlet(self):
        return OUTLET

    def write(self, prompt, tell):
        type(self).asked = [*getattr(self, "asked", ()), prompt]
        try:
            socket.create_connection(("127.0.0.1", 9))
        except OSError as error:
            raise WriterError("Nobody there", f"{error}. Try again.") from error


class Models(Knobs):
    """Knobs of a writer that sends to one address, whatever the model."""

    model: Literal["small", "middle", "large"] = Knob("small")


class Slow(Right):
    """A writer without a fault, of a model on this machine."""

    asked = 0

    def write(self, prompt, tell):
        type(self).asked += 1
        return super().write(prompt, tell)


class NoOutlet:
    write = Right.write


# ---------------------------------------------------------------- where it sends to


class OutletInWords(Right):
    def outlet(self):
        return "https://example.org"


class NoScheme(Right):
    def outlet(self):
        return replace(OUTLET, address="example.org/v1")


class SendsNothing(Right):
    def outlet(self):
        return replace(OUTLET, sends=())


class SendsOneText(Right):
    def outlet(self):
        return replace(OUTLET, sends="the prompt")


class KeyOfTwoLines(Right):
    def outlet(self):
        return replace(OUTLET, key="the environment variable\nNO_SUCH_KEY")


class Wanders(Right):
    def __init__(self):
        self.calls = 0

    def outlet(self):
        self.calls += 1
        return replace(OUTLET, address=f"https://{self.calls}.example.org")


class SlowOutlet(Right):
    def outlet(self):
        end = time.perf_counter() + 0.06
        while time.perf_counter() < end:
            pass


class LooksItUp(Right):
    """Connects in `outlet`, and hides the failure."""

    def outlet(self):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", 9))


class SendsAsItIsMade(Right):
    def __init__(self):
        with suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.sendto(b"hello", ("127.0.0.1", 9))


class ShowsTheKey(Right):
    def outlet(self):
        return replace(OUTLET, sends=("the prompt", f"the key {os.environ.get('NO_SUCH_KEY')}"))


class RaisesTheKey(Remote):
    def write(self, prompt, tell):
        raise ValueError(f"refused: Bearer {os.environ['NO_SUCH_KEY']}")


# ---------------------------------------------------------------- what it writes


class NeedsAPrompt(Right):
    def write(self, prompt, tell):
        return Continuation(prompt[-1])


class RefusesWithoutAWord(Right):
    def write(self, prompt, tell):
        if len(prompt) > 1000:
            raise WriterError("Too long", " ")
        return super().write(prompt, tell)


class GivesAText(Right):
    def write(self, prompt, tell):
        return prompt


class GivesBytes(Right):
    def write(self, prompt, tell):
        return Continuation(prompt.encode())


class EndedIsAReason(Right):
    def write(self, prompt, tell):
        return Continuation(prompt, ended="stop")


class CountsInWords(Right):
    def write(self, prompt, tell):
        return replace(super().write(prompt, tell), tokens_read="many")


class CountsBelowZero(Right):
    def write(self, prompt, tell):
        return replace(super().write(prompt, tell), tokens_written=-1)


class PriceIsNan(Right):
    def write(self, prompt, tell):
        return replace(super().write(prompt, tell), dollars=float("nan"))


class TellsPieces(Right):
    def write(self, prompt, tell):
        for piece in (prompt[:1], prompt[1:]):
            tell(piece)
        return Continuation(prompt)


class TellsBytes(Right):
    def write(self, prompt, tell):
        tell(prompt.encode())
        return Continuation(prompt)


class CannotBeGivenUp(Right):
    def write(self, prompt, tell):
        with suppress(Exception):
            tell(prompt)
        return Continuation(prompt)


class CallsItAFault(Right):
    def write(self, prompt, tell):
        try:
            return super().write(prompt, tell)
        except Exception as error:
            raise WriterError("It failed", "Somehow.") from error


class SendsUnsaid(Right):
    """Sends the prompt although it tells of no outlet, and hides the failure."""

    def write(self, prompt, tell):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", 9))
        return super().write(prompt, tell)


class SendsADatagram(Right):
    def write(self, prompt, tell):
        with suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.sendto(prompt.encode(), ("127.0.0.1", 9))
        return super().write(prompt, tell)


class KeepsADiary(Right):
    def write(self, prompt, tell):
        Path("diary.txt").write_text(prompt, encoding="utf-8")
        return super().write(prompt, tell)


class Draws(Right):
    def write(self, prompt, tell):
        random.random()
        return super().write(prompt, tell)


class Talks(Right):
    def write(self, prompt, tell):
        print("written")
        return super().write(prompt, tell)
