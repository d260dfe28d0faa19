"""Files are written whole or not at all, with the permissions that they should have."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from playground.files import draft_folder, write_whole


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask() -> int:
    """The permission bits that the system takes away from a new file."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_is_written_and_replaced_and_no_draft_stays(tmp_path: Path) -> None:
    for data in (b"one", b"another\r\n"):
        write_whole(tmp_path / "it", data)
        assert (tmp_path / "it").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_permissions_are_kept_or_those_asked_for(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "it"
    write_whole(path, b"")
    assert permissions(path) == 0o666 & ~umask, "as any new file"
    path.chmod(0o777)
    write_whole(path, b"", durable=True)
    assert permissions(path) == 0o777, "as the file before it, whatever the umask"
    write_whole(path, b"", mode=0o600)
    assert permissions(path) == 0o600
    write_whole(path, b"", mode=0o666)
    assert permissions(path) == 0o666 & ~umask


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "it"
    path.write_text("old")
    monkeypatch.setattr(*(os, "fsync") if step == "fsync" else (Path, "replace"), full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new", durable=True)
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_a_name_as_long_as_a_name_may_be_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 127)
    write_whole(path, b"data")
    with draft_folder(path) as folder:
        (folder / path.name).write_bytes(b"more")
        (folder / path.name).replace(path)
    assert path.read_bytes() == b"more"


def test_a_folder_for_drafts_lies_beside_and_goes_with_all_in_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), draft_folder(tmp_path / "it") as folder:
        assert folder.parent == tmp_path and folder.name.startswith(".it-")
        (folder / "half").write_text("ha")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
