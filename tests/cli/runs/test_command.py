"""`runs command`: its output is pasted into a shell, and the losses are those of the run."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, SMALL, Play


def losses(out: str) -> list[float]:
    return [json.loads(line)["loss"] for line in out.splitlines() if '"loss"' in line]


@pytest.mark.parametrize(
    "more",
    [
        ["--learning-rate", "0.03", "--seed", "7", "--holdout", "0.25", "--engine", "scalar"],
        ["--split", "windows", "--schedule", "cosine:warmup=3", "--batch-size", "2"],
    ],
)
def test_pasted_into_a_shell_it_gives_the_same_losses(
    play: Play, tmp_path: Path, more: list[str]
) -> None:
    file = tmp_path / "it's $HOME.txt"
    file.write_text("anna\nbob\ncleo\ndora\nemil\nfred\n" * 3)
    first = play("train", str(file), *SMALL, "--steps", "12", *more, "--json")
    printed = play("runs", "command", "1")
    assert printed.code == 0 and printed.err == ""
    pasted = printed.out.strip().replace("microgpt-play", shlex.quote(COMMAND), 1)
    done = subprocess.run(
        f"{pasted} --json", shell=True, capture_output=True, text=True, check=True
    )
    assert losses(done.stdout) == losses(first.out) and len(losses(first.out)) == 12


def test_a_run_that_no_command_makes_is_taken_elsewhere(
    play: Play, words: Path, tmp_path: Path
) -> None:
    play("train", str(words), *SMALL, "--steps", "4", "--samples", "0")
    play("train", "--run", "1", "--steps", "8", "--samples", "0")
    printed = play("runs", "command", "2")
    assert printed.code == 0 and "No one command makes run 2 again" in printed.err
    file = tmp_path / "run-2.microgpt-run"
    assert printed.out == "microgpt-play runs export 2 run-2.microgpt-run\n"
    done = subprocess.run(
        printed.out.replace("microgpt-play", shlex.quote(COMMAND), 1),
        shell=True, cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    assert done.returncode == 0 and file.exists()
    assert play("runs", "import", str(file)).code == 0
