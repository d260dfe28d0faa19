"""The command `python -m microgpt`, run in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "microgpt"]
SMALL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4", "--samples", "3"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("anna\nbob\ncleo\ndora\n")
    return path


def test_the_command_trains_on_a_file_and_prints_samples(words):
    done = run(words, *SMALL, "--steps", 5)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["num docs: 4", "vocab size: 10"]
    assert lines[3].startswith("step    1 /    5 | loss 2.")
    assert [line[:10] for line in lines[-3:]] == ["sample  1:", "sample  2:", "sample  3:"]


def test_without_a_file_the_command_trains_on_the_embedded_names():
    done = run(*SMALL, "--steps", 1)
    assert done.returncode == 0
    assert "num docs: 32469\nvocab size: 27\n" in done.stdout


@pytest.mark.parametrize("batch_size", [1, 3])
def test_both_engines_say_the_same(words, batch_size):
    options = [words, *SMALL, "--steps", 4, "--json", "--batch-size", batch_size]
    outputs = [run(*options, "--engine", engine) for engine in ("scalar", "vector")]
    assert [done.returncode for done in outputs] == [0, 0]
    scalar, vector = ([json.loads(line) for line in done.stdout.splitlines()] for done in outputs)
    assert [row["step"] for row in scalar[:-1]] == [1, 2, 3, 4]
    for one, other in zip(scalar[:-1], vector[:-1], strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-9)
    assert scalar[-1] == vector[-1]
    assert len(scalar[-1]["samples"]) == 3


def test_a_seed_repeats_a_run_and_another_does_not(words):
    options = [words, *SMALL, "--steps", 3, "--json"]
    first, again, other = (run(*options, "--seed", seed).stdout for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--n-head", "3"], "--n-embd 16 cannot be divided among 3 heads"),
        (["--steps", "0"], "--steps must be 1 or more"),
        (["--learning-rate", "nan"], "--learning-rate must be finite"),
        (["--temperature", "-1"], "--temperature must be 0 or more"),
        (["--samples", "-1"], "--samples must be 0 or more"),
        (["--engine", "quantum"], "invalid choice"),
        (["--wings"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_explained(arguments, says):
    done = run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_file_that_is_not_there_is_explained(tmp_path):
    done = run(tmp_path / "nowhere.txt")
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_divergence_is_explained(words):
    done = run(words, *SMALL, "--learning-rate", "1e200", "--steps", 20, "--json")
    assert done.returncode == 1
    assert "training has diverged" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout.splitlines()[0])["step"] == 1


def test_a_reader_who_leaves_early_hears_no_complaint(words):
    with subprocess.Popen(
        [*COMMAND, str(words), *SMALL, "--json", "--steps", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_ctrl_c_ends_the_command_in_one_line(words):
    with subprocess.Popen(
        [*COMMAND, str(words), *SMALL, "--json", "--steps", "10000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.strip() == "python -m microgpt: interrupted"


def test_importing_needs_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import microgpt, microgpt.__main__\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(names - set(sys.stdlib_module_names) - {'microgpt'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def redirected(redirection, *arguments, **env):
    script = f'exec "$0" "$@" {redirection}'
    words = ["sh", "-c", script, *COMMAND, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, env={**os.environ, **env})


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device")  # noqa: PTH110
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_full_disk_is_said_in_words(words, option):
    done = redirected(">/dev/full", words, *SMALL, "--steps", 3, *option)
    assert done.returncode == 1
    assert done.stderr.startswith("python -m microgpt: the output cannot be written: No space")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
def test_a_closed_output_and_one_without_letters_stop_nothing(words):
    words.write_text("\u00e9\u6f22\n\u00f1\u00f6\n", encoding="utf-8")
    closed = redirected(">&-", words, *SMALL, "--steps", 3)
    assert (closed.returncode, closed.stderr) == (0, "")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for option in ([], ["--json"]):
        done = redirected("", words, *SMALL, "--steps", 3, *option, **plain)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.isascii()
