"""What issue 12 changed, as pairs of pictures: the same keys, played in two checkouts.

python tools/before_after.py BEFORE AFTER OUT [--only PATTERN]

BEFORE and AFTER are checkouts, each with the playground installed in its .venv. OUT is a folder:
OUT/index.html shows each scene at 80x24 and at 120x40, the old playground at the left and the new
one at the right, with the keys and what to look for. tmux plays the keys, each time with an empty
home, and rich draws what is on the screen then.
"""

from __future__ import annotations

import argparse
import html
import io
import re
import shlex
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

SIZES = ((80, 24), (120, 40))
AT_ONCE = 3
"""Terminals that play at the same time."""
PATIENCE = 60.0
"""Seconds after which a text that a scene waits for will not come."""
SETTLE = 1.5
"""Seconds without a change after which the screen is taken for drawn."""
AT_LAST = 12.0
"""Seconds after which the picture is taken in any case: a run that trains changes it for ever."""
PAINTED = 0.02
"""Seconds without a change after which a terminal has taken what was painted at once."""
BETWEEN = 0.25
"""Seconds between two keys."""
AFTER_ESCAPE = 1.0
"""Seconds after escape: escape and a key at once would be another key."""
COLOURS = TerminalTheme(
    (20, 22, 26),
    (216, 216, 210),
    [(20, 22, 26), (217, 111, 95), (143, 181, 115), (217, 177, 92), (127, 167, 201),
     (176, 140, 180), (120, 180, 180), (216, 216, 210)],
)  # fmt: skip
"""The colours of a terminal for what has none of its own."""

LINES = (
    "the sea is wide\nthe night is long\n\nand all the ships are gone\nto where the winds belong\n"
)
PEOPLE = "Anna Magdalena Bach\nWolfgang Amadeus Mozart\nLudwig van Beethoven\nClara Schumann\n"
TORN = "the sea is wide\n" * 6000 + "\udcff"
FILES = {"poem.txt": LINES * 40, "people.txt": PEOPLE * 60, "torn.txt": TORN}
"""The files in the folder where the playground starts. The last one is no text beyond the part
that is read before it is opened."""


@dataclass(frozen=True)
class Scene:
    """Keys that show one change.

    A key is one of tmux's names; "type TEXT" types, "wait TEXT" waits for a text on the screen,
    "pause N" waits N seconds, "resize CxR" gives the window another size and takes the picture of
    the first that the program paints in it, "again WORDS" starts the program once more, and "shell
    WORDS" runs a command of it.
    """

    item: str
    title: str
    see: str
    keys: Sequence[str]
    old_keys: Sequence[str] | None = None
    """The keys before, where they differ."""
    args: str = ""
    """Options of the program."""
    before: Sequence[str] = ()
    """Commands of the program that run first, such as a training without a screen."""


FINISH = (*["+"] * 6, "Space", "wait 1,000/1,000", "pause 2")
"""Train the whole run."""
SCENES = (
    Scene("1", "A sentence that interprets",
          "a line under the losses says which baseline is beaten, and since which step",
          ("Escape", "Space", "wait Beats", "Space", "wait paused"),
          ("Escape", "Space", "pause 6", "Space", "wait paused")),
    Scene("2", "Words where they are needed",
          "a word under the cursor is explained in the line under the losses",
          ("Escape", "2", ".", "Right", "Right", "Right")),
    Scene("2", "The map of the architecture",
          "beside the zoomed matrix stands the way of a token (at 120 columns); rows have letters",
          ("Escape", "s", "s", "s", "3", "z")),
    Scene("3", "The first launch",
          "three notes beside real panels; one line at 80 columns", ()),
    Scene("3", "A later launch",
          "leaving says what was kept; the start says what o goes on with",
          ("Escape", "s", "s", "s", "wait 3/1,000", "q", "wait LEFT", "again", "wait ready")),
    Scene("3", "The line of keys follows the focus",
          "the keys of the chart's cursor, and always find, help and quit",
          ("Escape", "s", "s", "2", "Left")),
    Scene("3", "The palette finds by other words",
          "race leads to the fork and to the runs",
          ("Escape", "C-p", "pause 1", "type race")),
    Scene("4", "Settings",
          "what lies behind is dimmed; sliders; advanced is folded; the cost is told",
          ("Escape", "s", "s", "h", "wait embedding width")),
    Scene("4", "A wrong setting",
          "the error stands under its field, in the words of its label; the comma has a word",
          ("Escape", "h", "wait embedding width", *["Down"] * 7,
           "C-a", "C-k", "type 0,5"),
          ("Escape", "h", "wait embedding width", *["Down"] * 6, "C-a", "C-k", "type 0,5",
           "pause 2")),
    Scene("4", "Keys typed ahead",
          "h Down Down 3, sent in one call, land in the third field",
          ("Escape", "pause 1", "together h Down Down 3", "pause 3")),
    Scene("4", "The sampling chain",
          "a side sheet with live bars", ("Escape", "c")),
    Scene("4", "The data set dialog",
          "the text beyond the context is dim; the context length; recipes with their cost",
          ("Escape", "d", "pause 1", "type people.txt")),
    Scene("4", "A failed open",
          "the dialog stays, with what was typed and with why it could not be opened",
          ("Escape", "d", "pause 1", "type torn.txt", "pause 1", "Enter", "pause 3")),
    Scene("5", "Zoomed: the data set",
          "the last documents as tiles by surprise",
          ("Escape", *["s"] * 12, "1", "z")),
    Scene("5", "Zoomed: the loss over tokens",
          "j draws the loss over tokens, then over seconds",
          ("Escape", *["s"] * 12, "2", "z", "j")),
    Scene("5", "Zoomed: all matrices",
          "j shows all matrices as small multiples", ("Escape", *["s"] * 5, "3", "z", "j")),
    Scene("5", "Zoomed: sampling",
          "all candidates, and the chance of each letter of each sample",
          ("Escape", *["s"] * 5, "g", "4", "z")),
    Scene("5", "The film strip",
          "the same prompt and dice every so many steps, from gibberish to names",
          ("Escape", *FINISH, "4", "z", "j", "pause 1", "Home"),
          ("Escape", *FINISH, "4", "z")),
    Scene("6", "The command that makes a run again",
          "leaving says what was kept, and a command prints how to make the run again",
          ("Escape", "s", "s", "wait 2/1,000", "q", "wait LEFT", "shell runs command 1")),
    Scene("6", "The title of the window",
          "the title (last line of the picture) says how far the run is",
          ("Escape", "s", "s", "s", "title")),
    Scene("7", "A race",
          "the step of the fork is marked, B's diamonds are hollow, ? explains",
          ("Escape", *["s"] * 8, "f", "wait change one thing", "Right", "C-r", "pause 3", "Space",
           "pause 4")),
    Scene("7", "Runs",
          "runs without a name are named by what is unlike in them",
          ("Escape", "a"),
          before=("train --steps 30 --samples 1", "train --steps 30 --learning-rate 0.02 "
                  "--seed 7 --samples 1")),
    Scene("defect", "w at step 0, then u",
          "u goes back to the text before; a second w says so and restarts nothing",
          ("Escape", "w", "pause 2", "u", "pause 1"), args="poem.txt"),
    Scene("defect", "Names with spaces",
          "the advice is a larger context, and not windows",
          ("Escape", "1", "z"), args="people.txt"),
    Scene("defect", "Export offers what can be done",
          "enter on what is not installed says how to add it",
          ("Escape", "s", "x", "pause 1", "Down", "Down", "Enter")),
    Scene("defect", "The first step", "a point that is seen, and not one grey dot",
          ("Escape", "s", "wait 1/1,000")),
    Scene("defect", "Notices",
          "the notice lies over the parameters, and not over the samples",
          ("Escape", *["s"] * 3, "g", "C-s", "pause 1", "Enter", "pause 1")),
    Scene("defect", "Another size of the window",
          "the first that is painted is the whole layout of the new size, and no part of it",
          ("Escape", "s", "s", "pause 1", "resize 200x60")),
    Scene("defect", "One sign for a space, one for a new line",
          "a new line is ⏎ in the documents, too, as in tiles and vocabulary; before, it was ↵",
          ("Escape", "s", "s", "1", "z", "pause 1"), args="poem.txt --split windows"),
)  # fmt: skip


class Player:
    """Plays a scene in a terminal of its own."""

    def __init__(self, checkout: Path, size: tuple[int, int], home: Path) -> None:
        self._socket = f"pair-{uuid.uuid4().hex[:12]}"
        self._program = str(checkout.resolve() / ".venv" / "bin" / "microgpt-play")
        self._size, self._home, self._folder = size, home, home / "texts"
        self._folder.mkdir()
        for name, text in FILES.items():
            (self._folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        kinds = ("data", "config", "cache", "state")
        self._env = {f"XDG_{kind.upper()}_HOME": str(home / kind) for kind in kinds}
        self._env |= {"HOME": str(home), "COLORTERM": "truecolor"}
        self._title = False
        self._taken: str | None = None
        """The picture, if a key has taken it."""

    def _tmux(self, *words: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self._socket, "-f", "/dev/null", *words],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    def picture(self, scene: Scene, keys: Sequence[str]) -> str:
        """The screen after the keys, with its escape sequences."""
        for words in scene.before:
            command = ["env", *self._settings, self._program, *shlex.split(words)]
            subprocess.run(command, capture_output=True, check=True, cwd=self._folder)
        columns, rows = self._size
        self._tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "sh")
        try:
            self._tmux("set-option", "-g", "status", "off")
            self._tmux("resize-window", "-x", str(columns), "-y", str(rows))
            self._start(scene.args)
            for key in keys:
                self._play(key)
            if self._taken is not None:
                return self._taken
            self._rest()
            drawn = self._tmux("capture-pane", "-e", "-p")
            if self._title:
                drawn += "\ntitle: " + self._tmux("display-message", "-p", "#{pane_title}")
            return drawn
        finally:
            subprocess.run(["tmux", "-L", self._socket, "kill-server"], check=False)

    @property
    def _settings(self) -> list[str]:
        return [f"{name}={value}" for name, value in self._env.items()]

    def _start(self, args: str) -> None:
        """Start the program in the shell of the terminal, and wait until a run is open."""
        words = shlex.join([*self._settings, self._program])
        line = f"cd {shlex.quote(str(self._folder))}; clear; env {words} {args}; echo LEFT"
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")
        self._wait("ready")
        self._rest()

    def _wait(self, text: str) -> None:
        end = time.monotonic() + PATIENCE
        while text not in self._tmux("capture-pane", "-p"):
            if time.monotonic() > end:
                print(f"waited for {text!r} in vain")
                return
            time.sleep(0.2)

    def _rest(self) -> None:
        """Wait until the screen stays as it is."""
        end, since, last = time.monotonic() + AT_LAST, time.monotonic(), ""
        while time.monotonic() < min(end, since + SETTLE):
            drawn = self._tmux("capture-pane", "-p")
            if drawn != last:
                since, last = time.monotonic(), drawn
            time.sleep(0.2)

    def _play(self, key: str) -> None:
        what, _, rest = key.partition(" ")
        if what == "type":
            self._tmux("send-keys", "-l", rest)
        elif what == "together":
            self._tmux("send-keys", *rest.split())
        elif what == "wait":
            self._wait(rest)
        elif what == "pause":
            time.sleep(float(rest))
        elif what == "resize":
            self._resize(*rest.split("x"))
        elif what == "title":
            self._title = True
        elif what == "again":
            self._start(rest)
        elif what == "shell":
            command = shlex.join([*self._settings, self._program, *rest.split()])
            self._tmux("send-keys", "-l", f"env {command}")
            self._tmux("send-keys", "Enter")
        else:
            self._tmux("send-keys", key)
        time.sleep(AFTER_ESCAPE if key == "Escape" else BETWEEN)

    def _resize(self, columns: str, rows: str) -> None:
        """Give the window another size, and take the picture of what is painted first in it."""
        self._tmux("resize-window", "-x", columns, "-y", rows)
        self._size = (int(columns), int(rows))
        time.sleep(PAINTED)
        left = before = self._tmux("capture-pane", "-e", "-p")  # what tmux makes of the old picture
        end = time.monotonic() + AT_LAST
        while time.monotonic() < end:
            time.sleep(PAINTED)
            self._taken = self._tmux("capture-pane", "-e", "-p")
            if left != self._taken == before:  # the terminal has taken all of it
                return
            before = self._taken

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows, as they are now."""
        return self._size


def svg_of(drawn: str, columns: int, title: str) -> str:
    """A screen with its escape sequences as a picture that asks no other site for its letters."""
    console = Console(
        record=True, width=columns, file=io.StringIO(), force_terminal=True,
        color_system="truecolor", legacy_windows=False,
    )  # fmt: skip
    console.print(Text.from_ansi(drawn), no_wrap=True, crop=True, overflow="crop")
    svg = console.export_svg(title=title, theme=COLOURS, unique_id=f"p{uuid.uuid4().hex[:8]}")
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)  # else spaces at an end are lost
    return svg.replace("Fira Code, monospace", "DejaVu Sans Mono, Menlo, monospace")


def play(checkout: Path, scene: Scene, size: tuple[int, int], old: bool) -> str:
    """The picture of a scene in one checkout."""
    keys = scene.old_keys if old and scene.old_keys is not None else scene.keys
    with tempfile.TemporaryDirectory() as folder:
        player = Player(checkout, size, Path(folder))
        drawn = player.picture(scene, keys)
    return svg_of(drawn, player.size[0], "before" if old else "after")


def picture_name(number: int, size: tuple[int, int], old: bool) -> str:
    """The file of one picture. number: that of the scene, from 1."""
    return f"{number:02}-{size[0]}-{'before' if old else 'after'}.svg"


def page(folder: Path) -> str:
    """The page with all pairs whose pictures are in the folder."""
    parts = [
        "<!doctype html><meta charset=utf-8><title>Before and after issue 12</title>",
        "<style>body{font:14px sans-serif;background:#fff;color:#222;margin:2em}"
        "img{width:49%;vertical-align:top}code{background:#eee}</style>",
        "<h1>Before and after issue 12</h1>",
    ]
    for number, scene in enumerate(SCENES, 1):
        keys = " ".join(scene.keys) or "(none)"
        own = "" if scene.old_keys is None else f"; before: {' '.join(scene.old_keys)}"
        parts.append(
            f"<h2>{html.escape(scene.item)}. {html.escape(scene.title)}</h2>"
            f"<p>{html.escape(scene.see)}<br>keys: <code>{html.escape(keys + own)}</code>"
            f" {html.escape(scene.args)}</p>"
        )
        for size in SIZES:
            names = [picture_name(number, size, old) for old in (True, False)]
            if all((folder / name).exists() for name in names):
                images = " ".join(f"<img src={name}>" for name in names)
                parts.append(f"<p>{size[0]}x{size[1]}</p>{images}")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("before", type=Path, help="the checkout before")
    parser.add_argument("after", type=Path, help="the checkout after")
    parser.add_argument("out", type=Path, help="the folder for the pages")
    parser.add_argument("--only", default="", help="a pattern of the titles to play")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = [
        (number, scene, size)
        for number, scene in enumerate(SCENES, 1)
        if re.search(options.only, scene.title)
        for size in SIZES
    ]

    def both(one: tuple[int, Scene, tuple[int, int]]) -> None:
        number, scene, size = one
        for old, checkout in ((True, options.before), (False, options.after)):
            target = options.out / picture_name(number, size, old)
            target.write_text(play(checkout, scene, size, old), encoding="utf-8")
        print(f"{scene.item}: {scene.title}, {size[0]}x{size[1]}", flush=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(both, wanted))
    target = options.out / "index.html"
    target.write_text(page(options.out), encoding="utf-8")
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
