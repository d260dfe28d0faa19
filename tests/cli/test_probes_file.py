"""Probes are read from a file, and what is wrong with it is said with its line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import pytest

from playground.cli.probes import read_probes
from playground.lab.protocol.probes import ProbeSet


def written(folder: Path, content: str | bytes, name: str = "probes.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def refused(path: Path) -> str:
    with pytest.raises(click.BadParameter) as caught:
        read_probes(path)
    assert caught.value.param_hint == "--probes"
    assert caught.value.message.isprintable()
    return caught.value.message


def test_each_line_is_a_prompt_and_blank_lines_are_none(tmp_path: Path) -> None:
    path = written(tmp_path, '\ufeffan\r\n\r\n  ma\n""\n')
    assert read_probes(path) == ProbeSet(("an", "  ma", ""))


def test_json_may_say_the_dice_too(tmp_path: Path) -> None:
    values = {"prompts": ["an", ""], "seed": 7, "every": 50, "count": 3}
    path = written(tmp_path, json.dumps(values), "mine.JSON")
    assert read_probes(path) == ProbeSet(("an", ""), 7, 50, 3)


def test_a_hundred_prompts_are_enough(tmp_path: Path) -> None:
    lines = "a\n\n" * 100
    assert len(read_probes(written(tmp_path, lines)).prompts) == 100
    said = refused(written(tmp_path, lines + "a\na\n"))
    assert "102 prompts" in said and "from line 201 on" in said


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("", "empty.txt", "has no prompts"),
        ("\n \n", "blank.txt", "has no prompts"),
        (b"an\nma\n\xff\xfe", "latin.txt", "line 3 is no text in UTF-8"),
        ("an\n" + "b" * 3000, "long.txt", "line 2 has 3,000 characters; at most 2,000"),
        ("a" * 4_000_001, "huge.txt", "larger than 4 MB"),
        ('["an",\n"ma"', "cut.json", "is no JSON: Expecting ',' delimiter (line 2, column 5)"),
        ("[" * 100_000, "deep.json", "is no JSON that can be read"),
        ('["an", 3]', "number.json", "prompt 2 must be text, not 3"),
        ('{"prompt": ["an"]}', "field.json", "'prompt' is no field of a probe set"),
        ('{"seed": 3}', "none.json", "has no prompts. List them"),
        ('{"prompts": ["a"], "every": 0}', "never.json", "every must be between 1 and"),
    ],
    ids=lambda value: value if str(value).endswith((".txt", ".json")) else "",
)
def test_what_cannot_be_read_is_said_in_words(
    tmp_path: Path, content: str | bytes, name: str, said: str
) -> None:
    message = refused(written(tmp_path, content, name))
    assert said in message and name in message


def test_what_is_no_file_is_said_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    assert "is a pipe" in refused(pipe)
    assert "is not there" in refused(tmp_path / "nowhere.txt")
    assert "is a folder" in refused(tmp_path)
    assert "cannot be read" in refused(tmp_path / ("x" * 5000))
    assert "\\x1b" in refused(tmp_path / "red\x1b[31m")
