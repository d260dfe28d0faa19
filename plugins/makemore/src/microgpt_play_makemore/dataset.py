"""The data set: its address, its place in the cache, and its checksum."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playground.api import DatasetError, Knob, Knobs, Progress, Provenance

URL = "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt"
SHA256 = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"
SIZE = 228_145
"""Bytes of the file."""
COUNT = 32_033
FILE = "names.txt"
_STAGE = "downloading makemore's names"


class MakemoreKnobs(Knobs):
    url: str = Knob("", label="address", help="where to fetch the file instead of from GitHub")
    patience: float = Knob(
        10.0,
        ge=0.1,
        le=120,
        step=1,
        unit="seconds",
        help="how long the network may be silent; the whole may take ten times as long",
    )


class MakemoreNames:
    """Karpathy's names.txt: fetched in the first `prepare`, read from the cache in later ones.

    Bytes from the network and from the cache are used only if their checksum is right.
    """

    def __init__(self, knobs: MakemoreKnobs) -> None:
        self._url = knobs.url.strip() or URL
        self._patience = knobs.patience
        self._names: list[str] | None = None

    @property
    def provenance(self) -> Provenance:
        return Provenance(
            source="names.txt of Andrej Karpathy's makemore (github.com/karpathy/makemore): given "
            "names from the U.S. Social Security Administration, 2018",
            licence="MIT",
            sha256=SHA256,
        )

    def prepare(self, cache: Path, progress: Progress) -> None:
        """Read the names from the cache, or fetch them over the network into the cache.

        progress: (what, bytes done, bytes in all). Raises DatasetError.
        """
        path = cache / FILE
        data = _kept(path)
        if data is None:
            data = self._fetch(path, progress)
            _keep(data, path)
        progress("reading makemore's names", SIZE, SIZE)
        self._names = data.decode("ascii").split()

    def documents(self) -> Iterator[str]:
        return iter(self._prepared())

    def count(self) -> int:
        return len(self._names) if self._names is not None else COUNT

    def _prepared(self) -> list[str]:
        if self._names is None:
            raise DatasetError(
                "The names are not there yet", "They are fetched or read by prepare()."
            )
        return self._names

    def _fetch(self, path: Path, progress: Progress) -> bytes:
        # Imported here, since Python's network modules take longer to import than all the rest.
        from microgpt_play_makemore.download import Download, DownloadError, readable

        download = Download(
            self._url,
            expected=SIZE,
            patience=self._patience,
            deadline=10 * self._patience,
            progress=lambda done: progress(_STAGE, done, SIZE),
        )
        try:
            data = download.run()
        except DownloadError as error:
            raise DatasetError(error.title, f"{error.reason} {self._advice(path)}") from error
        found = hashlib.sha256(data).hexdigest()
        if found != SHA256:
            raise DatasetError(
                "That is not makemore's names.txt",
                f"{readable(self._url)} gave {len(data):,} bytes with the checksum "
                f"{found[:12]}..., not {SHA256[:12]}...: another file, or one damaged or changed "
                f"on the way. Nothing of it was kept. {self._advice(path)}",
            )
        return data

    def _advice(self, path: Path) -> str:
        return (
            "Try again; or fetch the file another way and either put it at "
            f"{path}, or give its address: makemore:url=file:///path/to/names.txt. "
            "The built-in data set, names, needs no network."
        )


def _kept(path: Path) -> bytes | None:
    """The file in the cache, or None if it is missing, cut off or changed."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE + 1)
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == SHA256 else None


def _keep(data: bytes, path: Path) -> None:
    """Write the file beside its place and then move it there: whole, or not at all."""
    draft = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(".part", FILE, path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(draft).replace(path)
    except OSError as error:
        if draft:
            Path(draft).unlink(missing_ok=True)
        raise DatasetError(
            "The names cannot be kept",
            f"They arrived, but writing {path} failed: {error}. Make room there, or allow "
            "writing, and try again.",
        ) from error
