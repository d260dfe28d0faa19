"""Copies of the texts that runs learn from, as files.

A person may edit or delete the file that a run learnt from; the run goes on with a copy.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from playground.files import write_whole
from playground.lab.paths import sha256_of

if TYPE_CHECKING:
    from playground.lab.store.store import Store


_LONGEST = 150
"""Bytes of a copy's name. File systems allow 255."""


def kept_copy(store: Store, sha256: str, path: str) -> Path | None:
    """A file with the text of this SHA-256, named as the file at `path`; None if the store does
    not have the text, or the file cannot be written. Raises StoreError."""
    data = store.text(sha256)
    if data is None:
        return None
    target = _copies(store) / sha256 / _plain_name(path)
    with contextlib.suppress(OSError):
        if not target.is_file() or sha256_of(str(target)) != sha256:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, data, mode=0o666)
        return target
    return None


def forget_copies(store: Store) -> None:
    """Remove the copies of texts that the store no longer has. Raises StoreError."""
    with contextlib.suppress(OSError):
        for folder in list(_copies(store).iterdir()):
            if re.fullmatch("[0-9a-f]{64}", folder.name) and not store.has_text(folder.name):
                shutil.rmtree(folder, ignore_errors=True)


def _copies(store: Store) -> Path:
    return store.path.parent / "texts"


def _plain_name(path: str) -> str:
    """The path's file name without what some system forbids; it leads to no other folder."""
    name = re.sub(r'[\x00-\x1f<>:"/\\|?*\ud800-\udfff]', "_", Path(path).name).strip(" .")
    while len(name.encode()) > _LONGEST:
        name = name[1:]  # from the front, for the end says what kind of file it is
    return name or "text.txt"
