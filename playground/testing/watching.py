"""Watches the side effects of tested code: print, draw random numbers, write, connect."""

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
    """A list of what the block writes to standard output and standard error: by Python, or to the
    file descriptors, as compiled code does. The list is filled at the end of the block."""
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
                except OSError:  # the process has no such descriptor
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

    Python's stream is put back where it was, also after an error.
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
    """The state of NumPy's global random stream; empty while NumPy is not imported."""
    numpy: Any = sys.modules.get("numpy")
    return pickle.dumps(numpy.random.get_state()) if numpy is not None else b""


@contextmanager
def global_random_kept() -> Iterator[None]:
    """Put the global random stream back where it was, at the end of the block."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def global_random_at(seed: int) -> Iterator[None]:
    """Run the block with the global random stream at this seed."""
    with global_random_kept():
        random.seed(seed)
        yield


_SENDING = {"connect": 0, "connect_ex": 0, "sendto": -1, "sendmsg": 3}
"""Methods of a socket that name an address, and the place of the address in the arguments."""
_LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")


@contextmanager
def without_network() -> Iterator[list[str]]:
    """Run the block without network; gives the list of the addresses that it tried, in words.

    A connection raises OSError, just as on a computer that is offline, and so does a datagram.
    Sockets that are files of this computer (multiprocessing's) still work. Connections to 127.0.0.1
    do not. Programs that the block starts are not held back.
    """
    tried: list[str] = []
    local = getattr(socket, "AF_UNIX", None)

    def refuse(address: object) -> OSError:
        tried.append(str(address))
        return OSError(f"the contract allows no network: {address}")

    def sending(method: Any, place: int) -> Any:
        def guarded(self: socket.socket, *given: Any) -> Any:
            if self.family == local or place >= len(given):  # without an address: it has one
                return method(self, *given)
            raise refuse(given[place])

        return guarded

    def no_lookup(*given: Any, **named: Any) -> Any:
        raise refuse(":".join(str(part) for part in (*given, *named.values())[:2]))

    patched: Any = socket.socket
    module: Any = socket
    methods = {name: getattr(patched, name) for name in _SENDING if hasattr(patched, name)}
    lookups = {name: getattr(module, name) for name in _LOOKUPS}
    for name, method in methods.items():
        setattr(patched, name, sending(method, _SENDING[name]))
    for name in lookups:
        setattr(module, name, no_lookup)
    try:
        yield tried
    finally:
        # A method that the class inherited is now its own, which makes no difference to callers.
        for name, method in methods.items():
            setattr(patched, name, method)
        for name, lookup in lookups.items():
            setattr(module, name, lookup)


@contextmanager
def empty_folder() -> Iterator[Path]:
    """Run the block in a new empty folder."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        os.chdir(folder)
        try:
            yield folder
        finally:
            os.chdir(before)


def check_empty(folder: Path, advice: str) -> None:
    """Raise ContractError if the folder is not empty."""
    found = sorted(path.name for path in folder.iterdir())
    if found:
        raise ContractError(f"{found[0]!r} was written to the current folder", advice)
