"""Messages on a pipe: a length, then a pickle.

Both ends are ours and of one version, so pickle is safe here and carries `array` without a
detour. What a plugin prints can never come between: the worker keeps the pipe to itself (see
`playground.lab.worker`).
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
    """Load the plugins now; otherwise when a command first needs them."""


_LENGTH = struct.Struct("<Q")


def pack(message: object) -> bytes:
    """The bytes of one message."""
    body = pickle.dumps(message, protocol=5)
    return _LENGTH.pack(len(body)) + body


def send(stream: BinaryIO, data: bytes) -> None:
    """Write what `pack` made. Raises OSError if nobody reads any more."""
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
