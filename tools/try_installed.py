"""Tries the playground that is installed for this Python, in a folder with no checkout: commands,
the data that comes with them, the screen in a pseudo-terminal, what the gallery says.

`python try_installed.py` prints one line, or ends with what is wrong.
"""

from __future__ import annotations

import json
import math
import os
import pty
import select
import subprocess
import sys
import time
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

COMMAND = Path(sys.executable).parent / "microgpt-play"


def ran(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def screen() -> None:
    """Open the screen, take a step, and leave."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        [COMMAND], stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    keys = [(b"ready", b"s"), (b"step 1", b"d"), (b"path of a text file", b"\x03")]  # ctrl+c
    seen, deadline = b"", time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 65536)
            except OSError:
                break
        if keys and keys[0][0] in seen:
            os.write(ours, keys.pop(0)[1])
    if keys or process.wait(20):
        process.kill()
        sys.exit(f"the screen did not come to {keys}: {seen[-2000:]!r}")


def main() -> None:
    import playground

    if "site-packages" not in playground.__file__:
        sys.exit(f"this is a checkout: {playground.__file__}")
    command = str(COMMAND)
    ran(command, "--version")
    lines = ran(command, "train", "--steps", "3", "--samples", "1", "--json").splitlines()
    steps = [json.loads(line) for line in lines]
    assert [row["step"] for row in steps if "loss" in row] == [1, 2, 3], lines
    losses = [row["loss"] for row in steps if "loss" in row]
    assert 3 < losses[0] < 4, losses
    for name in ("run.html", "run.py"):  # which are made of files beside the code
        ran(command, "export", "1", name)
    again = ran(sys.executable, "-I", "run.py", "--exact")
    assert math.isclose(losses[-1], float(again.split()[5]), abs_tol=1e-12), again
    ran(sys.executable, "-m", "microgpt", "--steps", "2", "--samples", "1")
    ran(command, "plugins", "new", "tokenizer", "mine")
    engines = ran(command, "engines")
    assert "comes with the source of microgpt-play" in engines, engines
    assert files("playground.web").joinpath("page.html").is_file()
    assert files("playground.tui").joinpath("app.tcss").is_file()
    served = subprocess.run([command, "serve"], capture_output=True, text=True, timeout=60)
    assert served.returncode == 1 and "[web]" in served.stderr, served.stderr
    screen()
    there = ", ".join(f"{name} {version(name)}" for name in ("textual", "pydantic", "click"))
    print(f"loss {losses[-1]:.6f}, the screen opens; {there}")


if __name__ == "__main__":
    main()
