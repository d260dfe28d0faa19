"""Runs a command without a screen with a hostile plugin, and looks at what becomes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.hostile.kinds import Kind, write

COMMAND = str(Path(sys.executable).parent / "microgpt-play")
MARK = "HOSTILE_TRIAL"
STEPS = 4
CHECKED = ("lesson", "writer")
"""Kinds that are used on a screen alone: the command is `plugins check`."""
_RUN = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--steps", str(STEPS), "--json",
        "--samples", "1", "--no-record")  # fmt: skip


def wrong(name: str, kind: Kind, folder: Path, seconds: float = 90) -> str:
    """What is wrong with how a command bears this plugin, in words; "" if nothing is."""
    write(folder / "plugins", {name: kind})
    text = folder / "names.txt"
    text.write_text("anna\nbob\ncleo\ndora\nemil\nfred\n", encoding="utf-8")
    file = folder / "plugins" / f"{name.replace('-', '_')}.py"
    env = {**os.environ, "MICROGPT_PLAY_HOME": str(folder / "home"), MARK: str(folder)}
    words = ["train", str(text), *_RUN, "--plugin", str(file)]
    if kind.contributes == "strategy":
        model = folder / "m.safetensors"
        plain = [COMMAND, "train", str(text), *_RUN, "--no-plugins", "--save", str(model)]
        subprocess.run(plain, env=env, capture_output=True, check=True)
        words = ["sample", str(model), "-n", "2", "--plugin", str(file)]
        if not kind.body.startswith("@"):
            words += ["--strategy", name]
    else:
        words += [f"--{kind.contributes}", name]
    if kind.contributes in CHECKED:
        words = ["plugins", "check", str(file), "--seconds", "10"]
    if kind.contributes == "dataset":
        words.remove(str(text))
    try:
        done = subprocess.run(
            [COMMAND, *words],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return f"it had not ended after {seconds:.0f} s"
    wrongs = [*_wrongs(kind, name, done), *(f"{one} stays" for one in alive(folder))]
    return "; ".join(wrongs)


def _wrongs(kind: Kind, name: str, done: subprocess.CompletedProcess[str]) -> list[str]:
    found = []
    said = done.stdout + done.stderr if kind.kind in CHECKED else done.stderr
    last = (said.strip().splitlines() or [""])[-1]
    if done.returncode != (1 if kind.said else 0):
        found.append(f"the exit code is {done.returncode}: {last}")
    if "/playground/cli/__init__" in done.stderr:
        found.append("there is a traceback of ours")
    if kind.said:
        if kind.said not in said:
            found.append(f"it does not say {kind.said!r}: {last}")
        if HINT not in said and name.replace("-", "_") not in said:
            found.append(f"the plugin is not named: {last}")
    elif kind.kind != "strategy":
        steps = [json.loads(line) for line in done.stdout.splitlines()]
        numbers = [step["step"] for step in steps[:-1]]
        if numbers != list(range(1, STEPS + 1)) or "samples" not in steps[-1]:
            found.append(f"the steps are {numbers}")
    return found


HINT = "standard output"


def alive(folder: Path) -> list[str]:
    """The processes that this trial has left behind."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            environ = (place / "environ").read_bytes()
            line = (place / "cmdline").read_bytes()
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if f"{MARK}={folder}".encode() in environ and state != "Z":
            found.append(f"process {place.name} ({line.replace(bytes(1), b' ').decode()[:60]})")
    return found
