"""A file of somebody else's is a run, or is refused in one line, within 2 s and 200 MB."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from playground.files import NoFileError, TooLargeError, open_file, read_file
from playground.lab.store.store import Store
from tests.calibrated import PATIENCE
from tests.cli.conftest import COMMAND
from tests.docs_helpers import ROOT

POSIX = pytest.mark.skipif(
    os.name != "posix", reason="pipes, devices and limits are those of POSIX"
)


@POSIX
@pytest.mark.parametrize(
    ("kind", "part", "of", "least"),
    [("checkpoints", 0, 5, 130), ("runs", 0, 5, 210), ("store", 3, 60, 15)],
)
def test_a_crafted_file_is_a_run_or_is_refused(
    kind: str, part: int, of: int, least: int, tmp_path: Path
) -> None:
    """These are every fifth, or every sixtieth. All 670 checkpoints, or 1,100 run files:
    python -m tests.crafted.walk KIND FOLDER"""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crafted.walk", kind, str(tmp_path), str(part), str(of)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 120,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert int(re.findall(r"(\d+) files", done.stdout)[-1]) >= least


# ---------------------------------------------------------------- what stands at a path


def put(kind: str, path: Path) -> None:
    """Let something stand at the path that is no file of ours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a link to itself":
        path.symlink_to(path)
    elif kind == "zeros":
        path.touch()
        os.truncate(path, 3 << 30)  # takes no room on the disk
    elif kind == "depth":
        path.write_text("[" * 100_000)


THINGS = ("a pipe", "a device", "a folder", "a link to itself", "zeros", "depth")


@POSIX
@pytest.mark.parametrize("thing", THINGS)
def test_only_a_file_of_a_known_size_is_read(tmp_path: Path, thing: str) -> None:
    path = tmp_path / "it"
    put(thing, path)
    with pytest.raises(OSError) as caught:
        read_file(path, 10_000)
    kinds = {"zeros": TooLargeError, "depth": TooLargeError, "a link to itself": OSError}
    assert isinstance(caught.value, kinds.get(thing, NoFileError))
    assert caught.value.strerror


@POSIX
def test_a_file_is_read_whole_also_one_that_tells_no_size(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"x" * 1000)
    assert read_file(path, 1000) == b"x" * 1000
    with pytest.raises(TooLargeError):
        read_file(path, 999)
    kernel = Path("/proc/self/status")
    if kernel.exists():
        assert b"Name:" in read_file(kernel, 100_000)
        with pytest.raises(TooLargeError):
            read_file(kernel, 10)
    file, size = open_file(path)
    with file:
        assert size == 1000


@POSIX
@pytest.mark.parametrize(
    ("thing", "where", "words"),
    [
        ("zeros", "model.safetensors", ("sample", "model.safetensors")),
        ("a pipe", "model.safetensors", ("train", "model.safetensors")),
        ("a device", "model.safetensors", ("export", "model.safetensors", "x.csv")),
        ("zeros", "them.microgpt-run", ("runs", "import", "them.microgpt-run")),
        ("a pipe", "them.microgpt-run", ("runs", "import", "them.microgpt-run")),
        ("zeros", "plug.py", ("plugins", "list", "--plugin", "plug.py")),
        ("a pipe", "home/config/config.json", ("plugins", "list")),
        ("a device", "home/config/config.json", ("plugins", "list")),
        ("depth", "home/config/config.json", ("plugins", "list")),
        ("zeros", "home/data/runs.sqlite", ("runs", "list")),
        ("a pipe", "home/data/runs.sqlite-journal", ("runs", "list")),
    ],
)
def test_whatever_stands_where_a_file_is_opened_is_said_at_once(
    tmp_path: Path, thing: str, where: str, words: tuple[str, ...]
) -> None:
    put(thing, tmp_path / where)
    if where.endswith("-journal"):
        Store.open(tmp_path / "home/data/other.sqlite").close()
        (tmp_path / "home/data/other.sqlite").rename(tmp_path / "home/data/runs.sqlite")
    done = measured(tmp_path, *words)
    assert "Traceback" not in done.said and "Errno" not in done.said, done.said
    assert done.code in (0, 1), done.said
    assert Path(where).name in done.said or "pipe" in done.said, (thing, done)
    assert done.megabytes < 200, thing


MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr, timeout=40).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


class Measured:
    """What became of a command, and how much memory it took."""

    def __init__(self, code: int, said: str, megabytes: int) -> None:
        self.code, self.said, self.megabytes = code, said, megabytes


def measured(folder: Path, *words: str) -> Measured:
    """The command in a folder that is its home too. It must end within seconds."""
    log = folder / "log"
    env = {**os.environ, "MICROGPT_PLAY_HOME": str(folder / "home")}
    with log.open("wb") as said:
        # A process counts the memory of the one that it is forked from, so a small one starts it.
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, COMMAND, *words], cwd=folder, env=env, check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, timeout=PATIENCE * 15,
        )  # fmt: skip
    code, most = map(int, done.stdout.split()[-2:])
    unit = 1024 if sys.platform == "linux" else 1024 * 1024
    return Measured(code, log.read_text(), most // unit)
