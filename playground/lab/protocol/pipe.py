"""Messages on a pipe: a length, then a pickle.

Both ends are this program in one version, so a pickle may be read here, and carries an `array` as
it is. One end runs plugins: a pickle is refused that names a class of theirs, which reading would
import into the screen's process.
What a plugin prints cannot come between messages, because the worker keeps the pipe on descriptors
of its own (see `playground.lab.worker`).
"""

from __future__ import annotations

import io
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
    whole = io.BytesIO()
    whole.write(bytes(_LENGTH.size))
    pickle.dump(message, whole, protocol=5)  # a large state is not copied once more
    with whole.getbuffer() as data:
        _LENGTH.pack_into(data, 0, len(data) - _LENGTH.size)
    return whole.getvalue()


def send(stream: BinaryIO, data: bytes) -> None:
    """Write the bytes of one message. Raises OSError if the other end is gone."""
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """The next message. Raises EOFError when the other end is gone."""
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return _Reader(io.BytesIO(_exactly(stream, length))).load()


def receive_from(data: bytes) -> Any:
    """The message in the bytes of `pack`."""
    return receive(io.BytesIO(data))


class _Reader(pickle.Unpickler):
    """Knows the classes of this program, and a few of Python's that hold plain values."""

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] in _OURS or (module, name) in _PYTHONS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a message")


_OURS = ("playground", "microgpt")
_PYTHONS = {
    ("array", "array"),
    ("array", "_array_reconstructor"),
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("pathlib", "Path"),
    ("pathlib", "PosixPath"),
    ("pathlib", "WindowsPath"),
    ("collections", "OrderedDict"),
}


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """`size` bytes of a buffered stream."""
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
