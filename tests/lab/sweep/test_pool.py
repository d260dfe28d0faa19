"""Worker processes on this machine: how they end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sweeping import DEADLINE

ENDS = """
import sys, time
from pathlib import Path
from playground.lab.sweep.pool import LocalPool

class Large:
    # Pickled as the worker begins to hand it over, which takes it tens of milliseconds.
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        Path(self.mark).touch()
        return bytes, (bytes(64 << 20),)

def work(mark):
    return Large(mark)

if __name__ == "__main__":
    mark, part = Path(sys.argv[1]), float(sys.argv[2])
    with LocalPool(1).executor() as pool:
        pool.submit(work, str(mark))
        while not mark.exists():
            time.sleep(0.001)
        time.sleep(part)
    print("ended")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="times of POSIX")
@pytest.mark.parametrize("part", [0.03, 0.05])
def test_a_pool_ends_while_a_worker_hands_over_what_it_has_done(
    tmp_path: Path, part: float
) -> None:
    program = tmp_path / "ends.py"
    program.write_text(ENDS)
    command = [sys.executable, str(program), str(tmp_path / "mark"), str(part)]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr
