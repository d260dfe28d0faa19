"""Texts of the world on the command line: notices with their cure, prompts, names in tables."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from playground.widths import cell_len
from tests.cli.conftest import STEPS, WORDS, Play
from tests.texts_of_the_world import SCRIPTS


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("\ufeffquincy", r"invisible characters, U\+FEFF \(byte order mark\)"),
        ("quin\u00a0cy", r"spaces that look like the ordinary one, U\+00A0"),
        ("Zoë\nZoe\u0308", r"NFC and NFD\), ë and e \+ U\+0308"),
    ],
)
def test_a_notice_of_odd_letters_names_the_command_that_mends_them(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my names.txt").write_text("\n".join([*WORDS, odd]), encoding="utf-8")
    train = ("train", "my names.txt", *STEPS, "--no-record")
    told = re.search(rf"^! the text holds .*{said}.*: microgpt-play (.*)$", play(*train).err, re.M)
    assert told
    mended = play(*shlex.split(told[1]))
    assert (mended.code, mended.err[:5]) == (0, "Wrote")
    new = shlex.split(told[1])[-1]
    assert "the text holds" not in play("train", new, *STEPS, "--no-record").err
    assert play(*shlex.split(told[1])).code == 1  # a file that is there is never replaced


def test_an_ordinary_text_gets_no_such_notice(play: Play, words: Path) -> None:
    assert "the text holds" not in play("train", words, *STEPS, "--no-record").err


@pytest.mark.parametrize(("data", "prompt"), [("Zoe\u0308", "Zoë"), ("Zoë", "Zoe\u0308")])
@pytest.mark.parametrize("tokenizer", ["char", "word"])
def test_a_prompt_in_the_other_form_is_read(
    play: Play, tmp_path: Path, data: str, prompt: str, tokenizer: str
) -> None:
    text, saved = tmp_path / "names.txt", tmp_path / "saved.safetensors"
    text.write_text("\n".join([*WORDS, data]), encoding="utf-8")
    longer = ("--block-size", "8", "--tokenizer", tokenizer)
    play("train", text, *STEPS, *longer, "--no-record", "--save", saved)
    done = play("sample", saved, "--prompt", prompt, "-n", "1")
    assert (done.code, done.err) == (0, "") and done.out.startswith(data)
    refused = play("sample", saved, "--prompt", "a\u0301", "-n", "1")
    assert refused.code == 1 and "the model does not know" in refused.err


def test_the_columns_of_the_runs_stand_in_every_script(play: Play, tmp_path: Path) -> None:
    names = [SCRIPTS[script][0] for script in ("Devanagari", "Thai", "Hangul in pieces", "Han")]
    for name in (*names, "plain"):
        (tmp_path / name).write_text("\n".join(WORDS), encoding="utf-8")
        play("train", tmp_path / name, *STEPS)
    lines = play("runs", "list").out.splitlines()
    assert all(any(name in line for line in lines) for name in names)
    assert len({cell_len(line.partition("L1 W4")[0]) for line in lines[1:]}) == 1
