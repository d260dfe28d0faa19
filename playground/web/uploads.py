"""The files of a visitor: a folder that a browser puts texts into, and takes files from."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

MOST = 16 << 20
"""Bytes of the largest upload; of larger texts a run keeps no copy."""
IN_ALL = 64 << 20
"""Bytes of all files of a visitor, beyond which nothing is uploaded."""
FILES = 200
"""Files of a visitor, beyond which nothing is uploaded."""
LONGEST = 80
"""Characters of the longest name."""


class UploadError(Exception):
    """An upload that is refused; the text says why, and what to do. status: as HTTP has it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def safe_name(name: str) -> str:
    """The last part of a path, as a name that is no path and hidden nowhere: signs that a terminal,
    a shell or a file system obeys become "_"."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(
        sign if sign.isprintable() and sign not in '/\\:*?"<>|$`' else "_" for sign in last
    )
    kept = kept.encode("utf-8", "replace").decode().strip(" .")
    stem, dot, suffix = kept.rpartition(".")
    if dot and stem and len(suffix) <= 16:
        return f"{stem[: LONGEST - len(suffix) - 1]}.{suffix}"
    return kept[:LONGEST] or "text.txt"


async def take(folder: Path, name: str, size: int | None, chunks: AsyncIterator[bytes]) -> Path:
    """Keep an upload as a new file of the folder, whole or not at all. size: its bytes as the
    browser says; None if it does not. Raises UploadError."""
    if size is not None and size > MOST:
        raise _too_large()
    there = files_of(folder)
    room = min(MOST, IN_ALL - sum(size for _, size in there))
    if len(there) >= FILES or room <= 0 or (size is not None and size > room):
        raise UploadError(507, "There is no room for more files in this session.")
    draft = folder / f".upload-{os.urandom(8).hex()}"
    try:
        with draft.open("xb") as file:
            taken = 0
            async for chunk in chunks:
                taken += len(chunk)
                if taken > room:
                    raise _too_large()
                file.write(chunk)
        if not taken:
            raise UploadError(400, "The file is empty.")
        target = _free(folder, safe_name(name))
        os.link(draft, target)  # fails where a file is, instead of replacing it
        return target
    except FileExistsError:
        raise UploadError(409, "There is such a file already. Try again.") from None
    except OSError as error:
        raise UploadError(507, f"The file could not be kept: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)


def files_of(folder: Path) -> list[tuple[str, int]]:
    """(name, bytes) of each file that a visitor may take away, sorted: regular files, no links, no
    hidden ones."""
    with os.scandir(folder) as entries:
        return sorted(
            (entry.name, entry.stat(follow_symlinks=False).st_size)
            for entry in entries
            if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False)
        )


def _free(folder: Path, name: str) -> Path:
    target, number = folder / name, 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"
    return target


def _too_large() -> UploadError:
    return UploadError(413, f"A text may have {MOST >> 20} MiB at most.")
