"""`microgpt-play tidy`: a text file with each letter written in one way, as a new file."""

from __future__ import annotations

from pathlib import Path

from microgpt.documents import DocumentsError, read_text
from microgpt.tidy import tidy
from playground.cli.failures import fail, say
from playground.words import many


def tidy_file(file: Path, new: Path) -> int:
    """Write the text of the file, tidied, to `new`; returns the exit code."""
    try:
        text = read_text(file)
    except DocumentsError as error:
        return fail(f"{error.title}. {error.message}")
    made = tidy(text)
    if not made.strip():
        return fail(f"{file} holds nothing but what cannot be seen. Choose a file with text.")
    try:
        with new.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(made)
    except FileExistsError:
        return fail(f"{new} is there already. Name a new file.")
    except OSError as error:
        return fail(f"{new} cannot be written: {error.strerror}.")
    say(f"Wrote {new}: {many(len(made), 'character')}, {file} has {len(text):,}.")
    return 0
