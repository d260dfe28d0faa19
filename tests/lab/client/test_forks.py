"""A process that a plugin forks ends with its worker, however that ends, and never trains."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from playground.hooks.sources import PluginSources
from playground.lab.client.events import WorkerBack
from playground.lab.client.process import WorkerProcess, spawn_worker
from playground.lab.spec import RunSpec
from tests.lab.client.test_lab import ended, opened, pid_of
from tests.lab.conftest import MakeLab, until, within

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="os.fork and pidfd_open")

_PLUGIN = """
import os, time
from pathlib import Path
from playground.api import Contribution, hookimpl

class Forks:
    def factor(self, step, steps):
        if step == 3:
            child = {fork}
            if not child:
                {then}
            with Path({pids!r}).open("a") as file:
                file.write(f"{{child}}\\n")
        return 1.0

@hookimpl
def microgpt_schedules():
    {early}
    yield Contribution(name="forks", summary="not well", factory=Forks)
"""
_RAW = "__import__('ctypes').CDLL(None).fork()"
"""A fork that Python does not notice: the child keeps every pipe open."""


_EARLY = """child = os.fork()
    if not child: time.sleep(999)
    Path({told!r}).write_text(str(child))"""


def forking(
    folder: Path, *, fork: str = "os.fork()", then: str = "time.sleep(999)", early: str = "pass"
) -> Path:
    path = folder / "forks.py"
    pids = str(folder / "pids")
    path.write_text(_PLUGIN.format(fork=fork, then=then, early=early, pids=pids), "utf-8")
    return path


def forked(folder: Path) -> list[int]:
    """The processes that the plugin has told of."""
    file = folder / "pids"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.mark.parametrize("how", ["closed", "killed", "killed-raw"])
async def test_what_a_plugin_forks_ends_with_its_worker(
    labs: MakeLab, spec: RunSpec, tmp_path: Path, how: str
) -> None:
    file = forking(tmp_path, fork=_RAW if how == "killed-raw" else "os.fork()")
    watched = await opened(labs, spec.replace({"schedule.name": "forks"}), file)
    lab = watched.lab
    await within(10, lab.advance(5))
    (child,) = forked(tmp_path)
    if how == "closed":
        await lab.close()
    else:
        os.kill(pid_of(lab), signal.SIGKILL)
        await watched.event(WorkerBack)
    ended(child, 5)
    assert _is_gone(child)


async def test_a_forked_process_that_comes_back_into_the_run_is_ended(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    file = forking(tmp_path, then="return 1.0")
    watched = await opened(labs, spec.replace({"schedule.name": "forks"}), file)
    lab = watched.lab
    await within(10, lab.advance(20))
    frame = await lab.frame()
    assert (frame.step, len(frame.metrics.losses)) == (20, 20)
    (child,) = forked(tmp_path)
    await until(lambda: _is_gone(child))


def test_what_a_plugin_forks_ends_when_the_screen_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    file = forking(tmp_path, early=_EARLY.format(told=str(told)))
    process = spawn_worker(PluginSources(files=(str(file),), entry_points=False))
    try:
        child = int(told.read_text())  # waits for the plugin
        _as_if_killed(process)
        ended(child, 10)
        assert _is_gone(child)
    finally:
        process.kill()
        process.reap(5)
        process.discard_log()


def _as_if_killed(process: WorkerProcess) -> None:
    """Close the pipes, as the system does for a screen that is killed."""
    process.stdin.close()
    process.stdout.close()


def _is_gone(pid: int) -> bool:
    """True if the process has ended; nobody may have waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
