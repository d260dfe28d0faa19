"""Texts that attack a terminal, a run file that is full of them, and what a terminal may get."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from zlib import crc32

MARK = "evil"
ATTACKS = (
    "\x1b]52;c;ZXZpbA==\x07",  # the clipboard
    "\x1b]0;evil\x07\x1b]2;evil\x1b\\",  # the title, ended in both ways
    "\x1b[31337m\x1b[2J",  # a style, the whole screen
    "\x9b31337m\x9d0;evil\x9c",  # the same in single characters of C1
    "\x1bP+q65\x1b\\\x90evil\x9c\x1b_evil\x1b\\\x1b^evil\x1b\\",  # strings of control
    "\x1b]8;;file:///evil\x1b\\link\x1b]8;;\x1b\\",
    "\x1bc\x1b(0\x1b7\x1b8",  # reset, another alphabet, the cursor
    "evil\nline\rcar\ttab",
    "".join(map(chr, range(0x20))) + "\x7f",
    "".join(map(chr, range(0x80, 0xA0))),
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
    "\u2028\u2029",
    "\udfff\udc80\ud800",
    "[red]r[/red][@click=app.leave]c[/][link=file:///evil]l[/link][/none][$x",
)
"""What a terminal, or a library that draws on one, would obey."""

_HARM = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""All that is obeyed, but line ends and tabs; written out, so that it is no copy of the gate's."""
_WINDOW = (
    r"(?:\x1b\[22;0t)?\x1b\]2;(?:[^\x00-\x1f\x7f-\x9f]* · )?microgpt-play\x1b\\"
    r"|\x1b\]2;\x1b\\\x1b\[23;0t"
)
"""The title of the window, and the way back; no text of others ends it like that."""
_LINE = re.compile(rf"\r\n|\r|\x1b\[K|{_WINDOW}")
"""What the line of progress is made of, and how a terminal ends a line."""
_DRAWING = re.compile(
    r"\x1b\[[?<>=]?[0-9;:]*[$ ]?[@-~]"  # cursor, colours, modes
    r"|\x1b\]22;[a-z-]*\x07+"  # the shape of the pointer; a bell of ours may be next to it
    r"|\x1b[78=>]|\x1b\([0B]|\r\n|\r|\x0f"
)
"""What Textual draws with."""


def evil(plain: str = MARK) -> str:
    """A text with all attacks, and for each `plain` another one first: cells are narrow. The same
    text gives the same; one that attacks already stays as it is."""
    if ATTACKS[0] in plain:
        return plain
    first = crc32(plain.encode("utf-8", "replace")) % len(ATTACKS)
    return plain + "".join(ATTACKS[first:] + ATTACKS[:first])


def storable(text: str) -> str:
    """The text without halves of a pair, which SQLite does not take."""
    return text.encode("utf-8", "ignore").decode("utf-8").replace("\0", "")


def harm_in_a_command(written: bytes) -> list[str]:
    """What of a command's output a terminal would obey, with what stands around it."""
    return _around(_LINE.sub("\n", written.decode("utf-8", "surrogateescape")))


def harm_on_a_screen(written: bytes) -> list[str]:
    """What of the bytes of the screen is not the screen's own."""
    text = re.sub(_WINDOW, "", written.decode("utf-8", "surrogateescape"))
    strange = [one for one in _DRAWING.findall(text) if "31337" in one or one == "\x1b[2J"]
    return strange + _around(_DRAWING.sub("", text))


def _around(text: str) -> list[str]:
    return [ascii(text[max(0, one.start() - 30) : one.end() + 30]) for one in _HARM.finditer(text)]


# ---------------------------------------------------------------- a run file

KEPT = {
    "runs": {
        *("uid", "parent_uid", "status", "tokenizer", "engine", "schedule"),
        *("heldout_text", "heldout_tokens"),
    },
    "details": {"text_sha256"},
    "texts": {"sha256"},
    "sqlite_sequence": {"name", "seq"},
}
"""Text columns in which nothing but a number, a word of a few, or a part of the spec can stand."""


def hostile_run_file(good: Path, target: Path) -> set[str]:
    """Copy a run file, with attacks in every column of text; returns the columns.

    The run can be opened: names of what it needs stay. Every other text in a column of JSON is
    hostile as well.
    """
    shutil.copy(good, target)
    with closing(sqlite3.connect(target)) as file, file:
        done = set()
        for (table,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"):
            for _, column, kind, *_ in file.execute(f"PRAGMA table_info({table})").fetchall():
                if kind in ("TEXT", "") and column not in KEPT.get(table, ()):
                    done.add(f"{table}.{column}")
                    rows = file.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
                    for row, value in rows:
                        file.execute(
                            f"UPDATE {table} SET {column} = ? WHERE rowid = ?",
                            (_attacked(f"{table}.{column}", value), row),
                        )
        file.execute("INSERT INTO edits VALUES (1, 3, 'engine', ?)", (storable(evil("engine")),))
    return done


def _attacked(column: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if column in ("edits.field", "edits.value"):
        return value
    if not value.startswith(("{", "[")):
        return storable(evil(value))
    parsed = json.loads(value)
    if column == "details.spec":
        parsed["dataset"]["options"]["path"] = storable(evil("/nowhere/"))
    elif column == "details.tokenizer_state":
        return value  # the symbols are hostile already: the text that was learnt from is
    elif column == "details.settings":
        parsed["sampling"]["prompt"] = evil()
        parsed["sampling"]["chain"][1]["name"] = storable(evil())
        parsed["probes"]["prompts"] = [evil(), "b"]
        parsed["measuring"]["metrics"][0]["name"] = storable(evil("=cmd|"))
    else:
        parsed = _everywhere(parsed)
    return json.dumps(parsed)


def _everywhere(value: Any) -> Any:
    if isinstance(value, str):
        return evil(value)
    if isinstance(value, list):
        return [_everywhere(one) for one in value]
    if isinstance(value, dict):
        return {key: one if key == "kind" else _everywhere(one) for key, one in value.items()}
    return value


LEARNT = "\n".join(
    ["anna", "bob", "cleo", "\x1b]0;evil\x07", "\x9b31337m", "\x7f\x08", "\u202eab\u202c", "[red]x"]
    * 3
)
"""A text to learn from, so that symbols and samples attack too."""

if sys.platform != "win32":
    import fcntl
    import os
    import struct
    import subprocess
    import termios

    from tests.hostile.conftest import COMMAND

    def written_by(*words: object, env: dict[str, str], columns: int = 100, program: str = COMMAND):
        """(exit code, bytes) of a command whose streams are all a terminal."""
        ours, its = os.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        with subprocess.Popen(
            [program, *(_argument(str(word)) for word in words)],
            stdin=its, stdout=its, stderr=its, env={**os.environ, "TERM": "xterm", **env},
        ) as process:  # fmt: skip
            os.close(its)
            written = b""
            while chunk := _read(ours):
                written += chunk
            code = process.wait(timeout=120)
        os.close(ours)
        return code, written

    def _argument(text: str) -> bytes:
        """The text as far as it can be an argument; a byte that is no text can."""
        able = re.sub("[\0\ud800-\udc7f\udd00-\udfff]", "", text)
        return able.encode("utf-8", "surrogateescape")

    def _read(terminal: int) -> bytes:
        try:
            return os.read(terminal, 65536)
        except OSError:  # how Linux says that the other side is closed
            return b""
