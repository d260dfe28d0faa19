"""A monkey at the keys of the real command, at length, in a terminal that remembers every byte.

    python tools/soak_terminal_keys.py [KEYS] [SEEDS]

With each of SEEDS seeds (10 by default), at each of three sizes, the monkey presses its share of
KEYS keys (100,000 by default), with a text whose lines hold escape sequences, in a terminal that is
resized meanwhile; then it leaves with ctrl+c, comes again, and leaves with q. Prints for each size
how long leaving took at most, and each fault: a traceback, an escape sequence of the text that
reached the terminal, a terminal that stayed raw, a code other than 0, a process that was left.
"""

from __future__ import annotations

import base64
import os
import random
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.e2e.raw_terminal import RawTerminal, raw_terminal

SIZES = [(80, 24), (120, 40), (200, 60)]
TEXT = "\n".join(
    ["anna", "bob", "cl\x1b]52;c;RVZJTA==\x07eo", "d\x1b]0;EVIL\x07ora", "e\x1bcmil", "\x9b2Jfred",
     "[red]gina[/]", "\u202ehugo", "日本", "e\u0301", "ines", "jana", "karl"] * 3
)  # fmt: skip
FORBIDDEN = [b"\x1b]52;c;RVZJTA==", b"\x1b]0;", b"\x1bc", "\x9b".encode(), b"\x9b2J",
             "\u202e".encode()]  # fmt: skip
COPIED = re.compile(rb"\x1b\]52;([^\x07\x1b]*)")
"""What the terminal is asked to put on the clipboard: the playground copies a sample or a command
where a key asks it to."""
NAMED = [b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[H", b"\x1b[F", b"\x1b[5~", b"\x1b[6~",
         b"\x1b[3~", b"\x1b[Z", b"\x1bOQ", b"\x1b[<0;20;10M\x1b[<0;20;10m", b"\x1b[<64;60;12M",
         b"\t", b"\r", b"\r", b"\r", b"\x7f", b"\x1b", b"\x1b", b"\x1b",
         b"\x10", b"\x12", b"\x0e"]  # fmt: skip
"""Arrows, Home, End, pages, Delete, back tab, F2, the mouse, Tab, Enter, Backspace, Escape, and
ctrl with p, r and n."""
LETTERS = [bytes([sign]) for sign in range(0x20, 0x7F) if sign != ord("q")]


def processes_of(folder: Path) -> list[int]:
    """The processes whose environment names this folder, other than this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended, or is another user's
    return [pid for pid in found if pid != os.getpid()]


def unfit_for_the_clipboard(written: bytes) -> list[str]:
    """What was sent to the clipboard and is no line of printable text in base64."""
    unfit = []
    for payload in COPIED.findall(written):
        try:
            text = base64.b64decode(payload.removeprefix(b"c;"), validate=True).decode()
        except ValueError:
            text = "\x1b"
        if not all(sign.isprintable() or sign == "\n" for sign in text):
            unfit.append(f"{payload!r} was sent to the clipboard")
    return unfit


def leave(terminal: RawTerminal, key: bytes, faults: list[str]) -> float:
    """Press the key that leaves; returns the seconds until the command has ended."""
    began = time.monotonic()
    terminal.press(key)
    code = terminal.wait_for_end()
    took = time.monotonic() - began
    said = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", terminal.written[-100_000:])  # it is coloured
    at = said.rfind(b"Traceback (most recent")
    if code or at >= 0:
        words = said[max(0, at) :].decode(errors="replace")
        where = re.findall(r"([\w/]+\.py)\S*:(\d+) in", words)
        error = re.findall(r"^\W*(\w+(?:Error|Exception|Matches|Ids)\b.*)", words, re.MULTILINE)
        faults.append(f"code {code} with {key!r}: {where[-4:]} {error[-1:]} {words[-1000:]!r}")
    if not terminal.is_as_before():
        faults.append("the terminal is not as before")
    faults += [f"{seen!r} in the bytes" for seen in FORBIDDEN if seen in terminal.written]
    faults += unfit_for_the_clipboard(bytes(terminal.written))
    if took > 3:
        faults.append(f"{took:.1f} s to leave with {key!r}")
    return took


def torment(seed: int, keys: int, size: tuple[int, int], faults: list[str]) -> float:
    """Press so many keys at the real command; returns how long leaving took at most."""
    dice = random.Random(f"{seed} {size}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text.txt").write_text(TEXT, encoding="utf-8")
        home, words = folder / "home", ["text.txt", "--n-embd", "8", "--n-head", "2"]
        with raw_terminal(home, words, size, folder) as terminal:
            terminal.wait(lambda: b"prompt" in terminal.written)
            pressed = 0
            while pressed < keys and terminal.process.poll() is None:
                burst = [
                    dice.choice(NAMED if dice.random() < 0.5 else LETTERS)
                    for _ in range(dice.randint(1, 12))
                ]
                terminal.press(b"".join(burst))
                pressed += len(burst)
                if dice.random() < 0.1:
                    terminal.resize(*dice.choice([size, (40, 10), (20, 5), size]))
                terminal.settle(dice.choice([0.0, 0.01, 0.05, 0.1]))
            terminal.resize(*size)
            took = leave(terminal, b"\x03", faults)
        with raw_terminal(home, words, size, folder) as terminal:
            terminal.wait(lambda: b"prompt" in terminal.written)
            took = max(took, leave(terminal, b"q", faults))
        deadline = time.monotonic() + 5
        while processes_of(folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        faults += [f"process {pid} was left" for pid in processes_of(folder)]
    return took


def main(keys: int, seeds: int) -> int:
    """Torment the command at each size with each seed; returns the number of faults."""
    share, total = -(-keys // (seeds * len(SIZES))), 0
    for size in SIZES:
        began, slowest = time.monotonic(), 0.0
        for seed in range(seeds):
            faults: list[str] = []
            slowest = max(slowest, torment(seed, share, size, faults))
            total += len(faults)
            for fault in faults:
                print(f"{size[0]}x{size[1]}, seed {seed}: {fault}", flush=True)
        print(
            f"{size[0]}x{size[1]}: {seeds} seeds of {share:,} keys in "
            f"{time.monotonic() - began:.0f} s; left within {slowest:.1f} s",
            flush=True,
        )
    print(f"{total} faults")
    return total


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(min(1, main(*(given + [100_000, 10][len(given) :]))))
