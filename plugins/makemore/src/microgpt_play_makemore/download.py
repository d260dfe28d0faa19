"""One small file over the network, with an end to every wait and a reason for every failure.

The module knows nothing of names, only an address and a number of bytes.
"""

from __future__ import annotations

import http.client
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

_CHUNK = 16_384
_SCHEMES = ("https", "http", "file")
_SHOWN = 120


class DownloadError(Exception):
    """A failed download. title: what happened; reason: why, in one or two sentences."""

    def __init__(self, title: str, reason: str) -> None:
        super().__init__(f"{title}: {reason}")
        self.title = title
        self.reason = reason


class _Response(Protocol):
    def read1(self, n: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Download:
    """A file to fetch; `run` fetches it."""

    url: str
    expected: int
    """Bytes that the file must have."""
    patience: float
    """Seconds that the other side may be silent."""
    deadline: float
    """Seconds that the whole download may take."""
    progress: Callable[[int], None]
    """Called after each chunk with the bytes so far; its exception ends the download."""

    def run(self) -> bytes:
        """Fetch the file: exactly as many bytes as expected. Raises DownloadError."""
        scheme = urlsplit(self.url).scheme.lower()
        if scheme not in _SCHEMES:
            raise DownloadError(
                "That is no address of a file",
                f"{readable(self.url)} must begin with https://, http:// or file://.",
            )
        began = time.monotonic()
        self.progress(0)
        try:
            # Redirects are followed, ten at most, and never from the network to a local file.
            with urllib.request.urlopen(self.url, timeout=self.patience) as response:
                return self._read(response, began)
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(self.url, error) from error
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unreachable(error) from error

    def _read(self, response: _Response, began: float) -> bytes:
        data = bytearray()
        while len(data) <= self.expected:
            # read1 returns what has arrived; read would wait for the whole chunk, however slow.
            chunk = response.read1(_CHUNK)
            if not chunk:
                break
            data += chunk
            self.progress(min(len(data), self.expected))
            if time.monotonic() - began > self.deadline:
                raise DownloadError(
                    "The download is too slow",
                    f"After {self.deadline:g} seconds, {self._share(data)} had come from "
                    f"{readable(self.url)}.",
                )
        if len(data) < self.expected:
            raise DownloadError(
                "The download broke off",
                f"{readable(self.url)} ended after {self._share(data)}.",
            )
        if len(data) > self.expected:
            raise DownloadError(
                "That is another file",
                f"{readable(self.url)} has more than the {self.expected:,} bytes expected.",
            )
        return bytes(data)

    def _share(self, data: bytearray) -> str:
        return f"{len(data):,} of {self.expected:,} bytes"

    def _unreachable(self, reason: object) -> DownloadError:
        where = urlsplit(self.url).hostname or readable(self.url)
        if isinstance(reason, TimeoutError):
            return DownloadError(
                "The network is silent",
                f"Nothing came from {readable(self.url)} for {self.patience:g} seconds.",
            )
        if isinstance(reason, socket.gaierror):
            return DownloadError(
                "There is no connection",
                f"The address of {where} cannot be found ({reason.strerror}): most often this "
                "machine is offline.",
            )
        if isinstance(reason, http.client.IncompleteRead):
            return DownloadError(
                "The download broke off",
                f"{readable(self.url)} ended before the {self.expected:,} bytes it had promised.",
            )
        words = str(reason) or type(reason).__name__
        return DownloadError(
            "The download failed", f"{readable(self.url)} could not be read: {readable(words)}."
        )


def _refused(url: str, error: urllib.error.HTTPError) -> DownloadError:
    if error.code in (404, 410):
        return DownloadError(
            "The file is not there any more", f"{readable(url)} answers {error.code}: not found."
        )
    if error.code in (301, 302, 303, 307, 308):
        return DownloadError(
            "The download leads nowhere",
            f"{readable(url)} redirects in a circle, or to where this must not follow.",
        )
    return DownloadError(
        "The download was refused",
        f"{readable(url)} answers {error.code} ({readable(str(error.reason))}).",
    )


def readable(text: str) -> str:
    """Text from outside in one short line that a terminal can show."""
    line = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
