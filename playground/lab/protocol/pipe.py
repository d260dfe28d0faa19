"""Messages on a pipe: a length, then a pickle.

Both ends are this program in one version, so pickle is safe here, and carries an `array` as it is.
What a plugin prints cannot come between messages, because the worker keeps the pipe on descriptors
of its own (see `playground.lab.worker`).
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from playground.hooks.sources import PluginSources


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message to a worker, before any command."""

    sources: PluginSources
    eager: bool
    """True to load the plugins at once; False to load them when a command first needs them."""


_LENGTH = struct.Struct("<Q")


def pack(message: object) -> bytes:
    """The bytes of one message."""
    body = pickle.dumps(message, protocol=5)
    return _LENGTH.pack(len(body)) + body


def send(stream: BinaryIO, data: bytes) -> None:
    """Write the bytes of one message. Raises OSError if the other end is gone."""
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """The next message. Raises EOFError when the other end is gone."""
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return pickle.loads(_exactly(stream, length))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """`size` bytes of a buffered stream."""
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
