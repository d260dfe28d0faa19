"""A command that loads plugins works in a process of its own: a person notices nothing of that."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hostile.commands import COMMAND, MARK, alive
from tests.lab.conftest import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

PLUGIN = """
from playground.api import Contribution, hookimpl

class Same:
    def transform(self, logits, context):
        return list(logits)

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="same", summary="it works", factory=Same)
"""


SMALL = ("--n-embd", "4", "--n-head", "2", "--block-size", "4")


class Command:
    """`train --json` with a plugin, under way."""

    def __init__(self, folder: Path) -> None:
        plugin, text = folder / "same.py", folder / "names.txt"
        plugin.write_text(PLUGIN)
        text.write_text("anna\nbob\ncleo\ndora\n")
        self.folder = folder
        self.process = subprocess.Popen(
            [COMMAND, "train", str(text), "--steps", "1000000", "--json", "--samples", "0", *SMALL,
             "--no-record", "--plugin", str(plugin), "--save", str(folder / "m.safetensors")],
            env={**os.environ, "MICROGPT_PLAY_HOME": str(folder / "home"), MARK: str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,  # ctrl+z stops no group that nobody could let go on
        )  # fmt: skip
        assert self.process.stdout is not None
        assert b"step" in self.process.stdout.readline()

    def ends(self) -> tuple[int, str]:
        """(the exit code, what it said), when it has ended."""
        _, said = self.process.communicate(timeout=20 * PATIENCE)
        return self.process.returncode, said.decode()

    def states(self) -> set[str]:
        """The states of its two processes: "T" is stopped."""
        return {
            Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[0]
            for one in (self.process.pid, *self.children())
        }

    def children(self) -> list[int]:
        here = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in here.read_text().split()]


@pytest.fixture
def command(tmp_path: Path):  # type: ignore[no-untyped-def]
    started = Command(tmp_path)
    yield started
    started.process.kill()
    started.process.communicate()


def test_ctrl_c_ends_it_with_130_after_the_step_and_saves(command: Command) -> None:
    command.process.send_signal(signal.SIGINT)
    code, said = command.ends()
    assert code == 130
    assert "Interrupted after step" in said and "Saved step" in said
    assert alive(command.folder) == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_signal_ends_both_processes(command: Command, name: str) -> None:
    (child,) = command.children()
    handle = os.pidfd_open(child)
    number = getattr(signal, name)
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip(f"{name} is ignored here, as by nohup")
    command.process.send_signal(number)
    code, said = command.ends()
    assert code == -number
    assert "microgpt-play: " not in said, "it says nothing of its end"
    assert select.select([handle], [], [], 5 * PATIENCE)[0], "the child has ended"
    os.close(handle)
    assert alive(command.folder) == []


def test_ctrl_z_stops_both_processes_and_fg_goes_on(command: Command) -> None:
    assert command.process.stdout is not None
    command.process.send_signal(signal.SIGTSTP)
    until = time.monotonic() + 5 * PATIENCE
    while command.states() != {"T"}:
        assert time.monotonic() < until, "both stop"
        time.sleep(0.01)
    command.process.send_signal(signal.SIGCONT)
    for _ in range(800):  # more than the pipe held
        assert command.process.stdout.readline()
    assert "T" not in command.states()
