"""Wrong usage: exit code 2, and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import STEPS, Done, Play

PLUGIN = """
from playground.api import Contribution, hookimpl


class Cold:
    def transform(self, logits, context):
        return [8 * logit for logit in logits]


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="cold", summary="always colder", factory=Cold)
"""


def wrong(done: Done, *words: str) -> None:
    """Exit code 2, usage and error, nothing on standard output."""
    assert (done.code, done.out) == (2, "")
    assert "Usage: microgpt-play" in done.err and "Traceback" not in done.err
    for word in words:
        assert word in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--n-embd", 10, "--n-head", 3], "--n-embd 10 cannot be divided among 3 heads"),
        (["--n-embd", 10**12], "--n-embd must be 1,024 or less"),
        (["--n-embd", -4], "--n-embd must be 1 or more"),
        (["--n-layer", 0], "--n-layer must be 1 or more"),
        (["--block-size", 10**6], "--block-size must be 1,024 or less"),
        (["--steps", 0], "--steps must be 1 or more"),
        (["--steps", "1e5"], "'1e5' is not a valid integer"),
        (["--steps", "1.000"], "not a valid integer; write 1000 or 1."),
        (["--samples", "1.000"], "write 1000 or 1."),
        (["--learning-rate", "0,03"], "'0,03' is not a valid float; write 0.03, with a point."),
        (["--learning-rate", "0_03"], "'0_03' is not a valid float."),
        (["--temperature", "0,5"], "write 0.5, with a point."),
        (["--schedule", "cosine:floor=0,5"], "a number has a point: floor=0.5"),
        (["--batch-size", -1], "--batch-size must be 1 or more"),
        (["--learning-rate", "nan"], "--learning-rate must be finite"),
        (["--learning-rate", "1e13"], "--learning-rate must be 1e+12 or less"),
        (["--learning-rate", -1], "--learning-rate must be 0 or more"),
        (["--seed", -1], "--seed must be 0 or more"),
        (["--seed", 2**53 + 1], "--seed must be 9,007,199,254,740,992 or less"),
        (["--holdout", 1], "--holdout must be 0.9 or less"),
        (["--eval-every", -1], "--eval-every must be 0 or more"),
        (["--samples", -1], "--samples"),
        (["--temperature", 0], "must be from 0.05 to 5"),
        (["--temperature", "nan"], "must be a finite number from 0.05 to 5"),
        (["--temperature", "inf"], "must be a finite number from 0.05 to 5"),
        (["--engine", "vectr"], "did you mean 'vector'?"),
        (["--engine", ""], "no engine ''"),
        (["--engine", "vector:wings=2"], "wings"),
        (["--tokenizer", "chra"], "did you mean 'char'?"),
        (["--tokenizer", ""], "no tokenizer ''"),
        (["--tokenizer", ":"], "no tokenizer ':'"),
        (["--tokenizer", "char:x=1"], "'x=1' cannot be set"),
        (["--tmperature", 1], "Did you mean"),
        (["--dataset", "names"], "FILE and --dataset both name a data set"),
        (["another.txt"], "unexpected extra argument"),
        (["--split", "words"], "'lines', 'paragraphs', 'windows'"),
        (["--plugin", "missing.py"], "there is no file 'missing.py'"),
        (["--plugin", "a" * 300], "there is no file 'aaa"),
        (["--plugin", "words.txt", "--no-plugins"], "contradict"),
    ],
    ids=lambda value: " ".join(str(part)[:20] for part in value) if isinstance(value, list) else "",
)
def test_options_that_cannot_be(words: Path, play: Play, options: list[object], said: str) -> None:
    wrong(play("train", words, *options), said)


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("nmaes", "did you mean 'names'?"),
        ("text-file:pth=words.txt", "did you mean 'path'?"),
        ("text-file:path='words.txt", "quote that never ends"),
        ("text-file:path=words.txt,split=words", "split"),
        ("text-file:path=words.txt,window=-1", "from 0 to 4096"),
        ("text-file:path=words.txt,window=x", "whole number"),
    ],
)
@pytest.mark.usefixtures("words")
def test_data_sets_that_cannot_be(play: Play, dataset: str, said: str) -> None:
    wrong(play("train", "--dataset", dataset), "--dataset", said)


def test_quotes_colons_and_commas_in_a_knob(words: Path, play: Play) -> None:
    odd = words.rename(words.with_name("a,b:c='d'.txt"))
    done = play("train", "--dataset", f'text-file:path="{odd}",split=lines', *STEPS)
    assert done.code == 0
    assert "16 documents" in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--strategy", "top-q"], "did you mean 'top-p'?"),
        (["--strategy", "top-k:top_k=-1"], "from 0 to 256"),
        (["--strategy", "top-k:k=1"], "k is no knob of it"),
        (["--strategy", ""], "no sampling strategy ''"),
        (["--temperature", 9], "must be from 0.05 to 5, not 9.0"),
        (["--count", 0], "--count"),
        (["--count", "many"], "--count"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_sampling_that_cannot_be(saved: Path, play: Play, options: list[object], said: str) -> None:
    wrong(play("sample", saved, *options), said)


def test_temperature_0_points_to_what_is_meant_and_that_works(saved: Path, play: Play) -> None:
    mine = "my model.safetensors"
    wrong(play("sample", saved, "--temperature", 0), "out, and add --strategy greedy")
    wrong(play("sample", saved, "--strategy", "temperature:0"), "the strategy greedy takes")
    wrong(play("train", "--temperature", 0), "sample model.safetensors --strategy greedy")
    done = play("train", "--temperature", 0, "--save", mine)
    wrong(done, f"keep --save '{mine}', and then: microgpt-play sample '{mine}' --strategy greedy")
    assert "greedy" not in play("sample", saved, "--temperature", 9).err
    greedy = play("sample", saved, "--strategy", "greedy", "-n", 3)
    assert greedy.code == 0 and len(set(greedy.out.splitlines())) == 1


def test_a_prompt_of_unknown_letters(saved: Path, play: Play) -> None:
    done = play("sample", saved, "--prompt", "Q")
    assert done.code == 1
    assert "does not know 'Q'" in done.err


def test_a_command_misspelt(words: Path, play: Play) -> None:
    wrong(play("trian", words), "no command and no file 'trian'", "Did you mean 'train'?")
    wrong(play("plugins", "lst"), "No such command 'lst'")
    wrong(play("sample"), "Missing argument 'CHECKPOINT'")
    words.rename(words.with_name("trian"))
    assert "not a terminal" in play("trian").err  # there is such a file


def test_without_a_terminal_it_names_train(words: Path, play: Play) -> None:
    options = ["--plugin", words, "--theme", "nord", words]
    for arguments in ([], [words], ["play", words], ["a" * 300], options):
        done = play(*arguments)
        assert (done.code, done.out) == (1, "")
        assert "not a terminal" in done.err
        assert "microgpt-play train [FILE] --json" in done.err


# ---------------------------------------------------------------- plugins


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def (", "SyntaxError"),
        ("raise RuntimeError('[boom]\\x1b[31m')", "RuntimeError: [boom]"),
        ("raise SystemExit(3)", "it tried to end the program"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("x = 1", "it has no hook function"),
        (None, "folder without __init__.py"),
    ],
    ids=["syntax", "raises", "exits", "imports", "no hook", "folder"],
)
def test_a_plugin_that_cannot_be_used_is_said_and_harms_nothing(
    words: Path, play: Play, code: str | None, said: str
) -> None:
    plugin = words.with_name("mine.py")
    if code is None:
        plugin.mkdir()
    else:
        plugin.write_text(code)
    run = play("train", words, *STEPS, "--plugin", plugin)
    assert run.code == 0
    assert run.err.startswith("! mine") and said in run.err and "\x1b" not in run.err
    seen = play("plugins", "doctor", "--plugin", plugin)
    assert seen.code == 1
    assert said in seen.out and "\x1b" not in seen.out
    unknown = play("train", words, "--tokenizer", "mine", "--plugin", plugin)
    assert unknown.code == 2
    assert said in unknown.err  # it may be what was meant


def test_a_plugin_that_is_left_out(words: Path, play: Play) -> None:
    plugin = words.with_name("mine.py")
    plugin.write_text("def (")
    done = play("plugins", "list", "--plugin", plugin, "--without", "mine")
    assert (done.code, done.err) == (0, "")
    assert f"mine, {plugin} (switched off)" in done.out


def test_a_plugin_at_work(saved: Path, words: Path, play: Play, home: Path) -> None:
    plugin = words.with_name("cold.py")
    plugin.write_text(PLUGIN)
    assert play("sample", saved, "--strategy", "cold", "--plugin", plugin).code == 0
    assert f"cold, {plugin}\n  cold" in play("strategies", "--plugin", plugin).out
    folder = home / "config" / "plugins"
    folder.mkdir(parents=True)
    plugin.rename(folder / "cold.py")
    assert play("sample", saved, "--strategy", "cold:cold").code == 0
    wrong(play("sample", saved, "--strategy", "cold", "--no-plugins"), "no sampling strategy")
    wrong(play("sample", saved, "--strategy", "cold", "--without", "cold"), "no sampling")
