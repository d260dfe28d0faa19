"""Reads probes from a file, for --probes.

A text file has one prompt a line. Blank lines are skipped, spaces count, and a line in double
quotes is read as a JSON string, so that "" is the empty prompt. A file whose name ends in .json
holds a list of prompts, or an object with prompts, seed, every and count.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from playground.cli.failures import printable
from playground.lab.probe_answers import read_lines
from playground.lab.protocol.probes import MAX_LENGTH, MAX_PROMPTS, ProbeError, ProbeSet

LARGEST = 4_000_000
"""Bytes of a file of probes at most; the longest prompts need fewer."""
HINT = "--probes"


def read_probes(path: Path, hint: str = HINT) -> ProbeSet:
    """The probe set in a file. hint: the option that named it. Raises click.BadParameter, which
    names what is wrong, and its line.

    Prompts that the model cannot read are found when the run is open: see Prober.skipped.
    """
    try:
        return _read(path)
    except click.BadParameter as error:
        error.param_hint = hint
        raise


def _read(path: Path) -> ProbeSet:
    text = _text(path)
    if path.suffix.lower() == ".json":
        return _from_json(text, path)
    lines = read_lines(text)
    if not lines:
        raise _wrong(path, 'has no prompts. Write one a line; "" is the empty prompt')
    if len(lines) > MAX_PROMPTS:
        number = lines[MAX_PROMPTS][0]
        raise _wrong(
            path,
            f"has {len(lines):,} prompts, and at most {MAX_PROMPTS} can be asked: leave out those "
            f"from line {number:,} on",
        )
    for number, prompt in lines:
        if len(prompt) > MAX_LENGTH:
            raise _wrong(
                path,
                f"line {number:,} has {len(prompt):,} characters; at most {MAX_LENGTH:,} are taken",
            )
    return ProbeSet(tuple(prompt for _, prompt in lines))


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise _wrong(path, "is a folder. Name a file in it")
        if path.exists() and not path.is_file():  # reading from a pipe may never end
            raise _wrong(path, "is a pipe, a socket or a device. Name a file")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise _wrong(path, "is not there. Check the path") from None
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    except ValueError:  # a NUL in the path
        raise _wrong(path, "is no path. Check it") from None
    if len(raw) > LARGEST:
        raise _wrong(path, f"is larger than {LARGEST // 1_000_000} MB, which no probe set is")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _wrong(path, f"line {line:,} is no text in UTF-8. Save the file as UTF-8") from None


def _from_json(text: str, path: Path) -> ProbeSet:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise _wrong(path, f"is no JSON: {error.msg} ({at})") from None
    except (ValueError, RecursionError) as error:  # a number too long, brackets too deep
        raise _wrong(path, f"is no JSON that can be read: {error}") from None
    try:
        probes = ProbeSet.from_dict(values)
    except ProbeError as error:
        raise _wrong(path, f"cannot be used: {error}") from None
    if not probes.prompts:
        raise _wrong(path, 'has no prompts. List them: {"prompts": ["an", ""]}')
    return probes


def _wrong(path: Path, what: str) -> click.BadParameter:
    shown = printable(str(path))
    shown = shown if len(shown) <= 200 else shown[:200] + "…"
    return click.BadParameter(f"'{shown}' {printable(what)}.", param_hint=HINT)
