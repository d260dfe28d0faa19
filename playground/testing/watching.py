"""Watching over what tested code does besides what it returns: print, draw, write, connect."""

from __future__ import annotations

import io
import os
import pickle
import random
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from playground.testing.contract import ContractError

Use = Callable[[], object]


def check_quiet(use: Use) -> None:
    """Raise ContractError if `use` writes to standard output or standard error."""
    with captured() as written:
        use()
    for text in written:
        if text:
            raise ContractError(
                f"{text.strip()[:80]!r} was printed",
                "print nothing: the screen belongs to the playground",
            )


@contextmanager
def captured() -> Iterator[list[str]]:
    """What is written to standard output and standard error: by Python, and, as compiled code
    does, to the file descriptors. Filled in at the end."""
    written: list[str] = []
    texts = (io.StringIO(), io.StringIO())
    with ExitStack() as stack:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        file = stack.enter_context(tempfile.TemporaryFile())
        kept: list[tuple[int, int]] = []
        try:
            for descriptor in (1, 2):
                try:
                    kept.append((descriptor, os.dup(descriptor)))
                except OSError:  # a process that has none
                    continue
                os.dup2(file.fileno(), descriptor)
            with redirect_stdout(texts[0]), redirect_stderr(texts[1]):
                yield written
        finally:
            for descriptor, copy in kept:
                os.dup2(copy, descriptor)
                os.close(copy)
        file.seek(0)
        written += [text.getvalue() for text in texts]
        written.append(file.read().decode(errors="replace"))


def check_global_random(use: Use, advice: str) -> None:
    """Raise ContractError if `use` draws from, or seeds, the global random streams.

    Python's is put back where it was, whatever happens.
    """
    state = random.getstate()
    numpy_before = numpy_state()
    with global_random_kept():
        use()
        if random.getstate() != state:
            raise ContractError("the state of the random module has changed", advice)
    if numpy_before and numpy_state() != numpy_before:
        raise ContractError("the state of numpy.random has changed", advice)


def numpy_state() -> bytes:
    """The state of NumPy's global random stream; empty while nobody has imported it."""
    numpy: Any = sys.modules.get("numpy")
    return pickle.dumps(numpy.random.get_state()) if numpy is not None else b""


@contextmanager
def global_random_kept() -> Iterator[None]:
    """Afterwards the global random stream is where it was before."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def global_random_at(seed: int) -> Iterator[None]:
    """The global random stream at this seed, for a while."""
    with global_random_kept():
        random.seed(seed)
        yield


@contextmanager
def without_network() -> Iterator[list[str]]:
    """No connection to anywhere; the addresses that were tried, in words.

    What tries gets an OSError, just as on a computer that is offline. Sockets of this computer
    that are files (multiprocessing's) still work. Connections to 127.0.0.1 do not.
    """
    tried: list[str] = []
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    getaddrinfo = socket.getaddrinfo
    local = getattr(socket, "AF_UNIX", None)

    def refuse(address: object) -> OSError:
        tried.append(str(address))
        return OSError(f"the contract allows no network: {address}")

    def no_connect(self: socket.socket, address: Any) -> None:
        if self.family == local:
            return connect(self, address)
        raise refuse(address)

    def no_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family == local:
            return connect_ex(self, address)
        raise refuse(address)

    def no_lookup(host: Any, port: Any, *_: Any, **__: Any) -> Any:
        raise refuse(f"{host}:{port}")

    patched: Any = socket.socket
    module: Any = socket
    patched.connect, patched.connect_ex, module.getaddrinfo = no_connect, no_connect_ex, no_lookup
    try:
        yield tried
    finally:
        # What the class inherits looks the same afterwards, whether or not it is its own again.
        patched.connect, patched.connect_ex = connect, connect_ex
        module.getaddrinfo = getaddrinfo


@contextmanager
def empty_folder() -> Iterator[Path]:
    """A new folder that is the current one for a while."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        os.chdir(folder)
        try:
            yield folder
        finally:
            os.chdir(before)


def check_empty(folder: Path, advice: str) -> None:
    """Raise ContractError if something lies in this folder."""
    found = sorted(path.name for path in folder.iterdir())
    if found:
        raise ContractError(f"{found[0]!r} was written to the current folder", advice)
