"""Signs in plain letters, for a standard stream whose encoding lacks the signs.

A locale without UTF-8 writes ASCII or Latin-1, and Python would then raise an error, or write a
code such as u2026. Here a sign of the program's own is written as what a person would type instead.
A letter of somebody's text becomes a code, because another letter would be another text.
"""

from __future__ import annotations

import codecs
import io
from typing import TextIO

ERRORS = "microgpt-play.plain"
"""The name under which Python finds what to do with a character that an encoding lacks."""
ASCII = "microgpt_play_ascii"
"""ASCII by another name. Click takes a stream in ASCII for a mistake, and writes UTF-8 to it."""
SIGNS = {
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("–‐‑−─━┄", "-"),
    "—": "--",
    "…": "...",
    "→": "->",
    "←": "<-",
    "·": ".",
    "•": "*",
    "×": "x",
    "µ": "u",
    "²": "2",
    "≥": ">=",
    "≤": "<=",
    "≈": "~",
    "✓": "+",
    "✗": "x",
    "○": "o",
    "▶": ">",
    "‖": "=",
    "│": "|",
    "├": "|",
    "└": "`",
    "␠": "_",
    "⏎": "\\n",
    "⇥": "\\t",
    "␍": "\\r",
    "◌": "",
    "⍽": "_",
    "\N{NO-BREAK SPACE}": " ",
    **dict.fromkeys("▏▎▍▌▋▊▉█", "#"),
}
"""What is written for a sign."""


def prepare(stream: io.TextIOWrapper) -> None:
    """Let the stream write every character: as it is, as SIGNS has it, or as its code."""
    codecs.register_error(ERRORS, _written)
    encoding = codecs.lookup(stream.encoding).name
    if encoding == "ascii":
        codecs.register(_ascii)
        stream.reconfigure(encoding=ASCII, errors=ERRORS)
    else:
        stream.reconfigure(errors=ERRORS)


def encoding_of(stream: TextIO) -> str:
    """The name of the stream's encoding, as people know it; "" if it has none."""
    return "ascii" if stream.encoding == ASCII else stream.encoding or ""


def can_write(stream: TextIO, signs: str) -> bool:
    """True if the stream's encoding has all of these signs."""
    try:
        signs.encode(encoding_of(stream) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _written(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = []
    for char in error.object[error.start : error.end]:
        known = SIGNS.get(char)
        found.append(known if known is not None else ascii(char)[1:-1])
    return "".join(found), error.end


def _ascii(name: str) -> codecs.CodecInfo | None:
    if name != ASCII:
        return None
    real = codecs.lookup("ascii")
    return codecs.CodecInfo(
        real.encode,
        real.decode,
        real.streamreader,
        real.streamwriter,
        real.incrementalencoder,
        real.incrementaldecoder,
        ASCII,
    )
