"""Words completed for a shell: what is offered, what is not, and how long a shell waits."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playground.cli import completion
from tests.calibrated import PATIENCE
from tests.cli.conftest import COMMAND, SMALL, Play


def completed(line: str, shell: str = "bash", cwd: Path | None = None) -> list[str]:
    """What the real command answers a shell in which this line is typed so far."""
    done = subprocess.run(
        [COMMAND],
        env={**os.environ, "_MICROGPT_PLAY_COMPLETE": f"{shell}_complete", "COMP_WORDS": line,
             "COMP_CWORD": str(line.count(" "))},
        capture_output=True, text=True, check=True, cwd=cwd, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "there", "not_there"),
    [
        ("microgpt-play ", ["file,", "plain,train", "plain,runs"], []),
        ("microgpt-play tr", ["plain,train"], ["plain,runs"]),
        ("microgpt-play --le", ["plain,--learning-rate"], []),
        ("microgpt-play my.txt --le", ["plain,--learning-rate"], []),
        ("microgpt-play runs ", ["plain,command", "plain,export"], []),
        ("microgpt-play train --engine ", ["plain,vector", "plain,scalar"], ["plain,char"]),
        ("microgpt-play train --engine v", ["plain,vector"], ["plain,scalar"]),
        ("microgpt-play train --dataset ", ["plain,names", "plain,text-file"], []),
        ("microgpt-play train --tokenizer ", ["plain,char"], []),
        ("microgpt-play les", ["plain,lessons"], ["plain,train"]),
        ("microgpt-play plugins new l", ["plain,lesson"], []),
        ("microgpt-play plugins new w", ["plain,writer"], ["plain,lesson"]),
        ("microgpt-play train --notify ", ["plain,bell", "plain,desktop"], []),
        ("microgpt-play runs show ", [], ["plain,1"]),
    ],
)
def test_what_is_offered(line: str, there: list[str], not_there: list[str]) -> None:
    offered = completed(line)
    assert set(there) <= set(offered) and not set(not_there) & set(offered)


def test_runs_are_offered_by_number_and_by_names_that_a_shell_takes_as_they_are(
    play: Play, words: Path
) -> None:
    for name in ("wide", "$(touch evil)", "a b", "\x1b]0;evil\x07", "*", "-rf"):
        play("train", str(words), *SMALL, "--steps", "1", "--samples", "0")
        number = len(completed("microgpt-play runs show ")) - (name != "wide")
        play("runs", "rename", str(number), name)
    offered = completed("microgpt-play runs show ")
    assert offered == [*(f"plain,{n}" for n in (6, 5, 4, 3, 2, 1)), "plain,wide"]
    assert completed("microgpt-play train --run w") == ["plain,wide"]
    described = "\n".join(completed("microgpt-play runs delete ", "zsh"))
    assert "\x1b" not in described and "words.txt, step 1 of 1" in described
    assert described.count("\n") == 3 * 7 - 1  # three lines a word, whatever is in a name


def test_saved_models_are_offered_where_a_model_is_asked_for(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b c.safetensors", "$x.safetensors", "a.txt"):
        (tmp_path / name).touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "m.safetensors").touch()
    assert completed("microgpt-play sample ", cwd=tmp_path) == ["plain,a.safetensors"]
    assert completed("microgpt-play sample de", cwd=tmp_path) == ["file,de"]
    assert completed("microgpt-play sample deep/", cwd=tmp_path) == ["plain,deep/m.safetensors"]


@pytest.fixture
def plugins(home: Path) -> Path:
    folder = home / "config" / "plugins"
    folder.mkdir(parents=True)
    return folder


PLUGIN = """
from playground.api import Contribution, hookimpl
{first}
print("noise")
@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="mine", summary="my own", factory=object)
"""


def test_names_of_plugins_are_offered_and_remembered_until_a_plugin_changes(plugins: Path) -> None:
    file = plugins / "own.py"
    file.write_text(PLUGIN.format(first=f"open({str(plugins / 'ran')!r}, 'a').write('x')"))
    offers("plain,mine")
    ran = (plugins / "ran").read_text()
    offers("plain,mine")
    assert (plugins / "ran").read_text() == ran
    file.write_text(file.read_text().replace('"mine"', '"mild"'))
    os.utime(file, (1, 1))
    offers("plain,mild")


def test_names_of_lessons_are_offered_to_the_tour(plugins: Path) -> None:
    lesson = PLUGIN.format(first="").replace("tokenizers", "lessons").replace("mine", "my-lesson")
    (plugins / "school.py").write_text(lesson)
    offers("plain,my-lesson", "microgpt-play tour my-")


def offers(word: str, line: str = "microgpt-play train --tokenizer m") -> None:
    """Ask until the word is offered: on a busy machine a plugin may not be loaded in time."""
    deadline = time.monotonic() + 60 * PATIENCE
    while (there := completed(line)) != [word]:
        assert there == [""] and time.monotonic() < deadline, there


@pytest.mark.parametrize("first", ["while True: pass", "import os; os._exit(3)"])
def test_a_plugin_that_hangs_or_ends_the_process_costs_a_shell_a_moment(
    plugins: Path, first: str
) -> None:
    (plugins / "bad.py").write_text(PLUGIN.format(first=first))
    began = time.monotonic()
    assert completed("microgpt-play train --engine ") == ["plain,vector", "plain,scalar"]
    assert time.monotonic() - began < (completion.DEADLINE + 1) * PATIENCE
    assert not (plugins.parent.parent / "data" / "loading").exists()


def test_completing_never_loads_the_screen() -> None:
    script = (
        "import sys, os; sys.argv = ['microgpt-play']\n"
        "from playground.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'textual', 'rich'} & set(sys.modules)))\n"
    )
    for line in ("microgpt-play ", "microgpt-play runs show "):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "_MICROGPT_PLAY_COMPLETE": "bash_complete", "COMP_WORDS": line,
                 "COMP_CWORD": str(line.count(" "))},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.endswith("[]\n"), done


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    done = subprocess.run(
        [COMMAND], env={**os.environ, "_MICROGPT_PLAY_COMPLETE": f"{shell}_source"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "microgpt-play" in done.stdout and "_MICROGPT_PLAY_COMPLETE" in done.stdout


def test_bash_itself_completes_the_word(tmp_path: Path) -> None:
    script = (
        'eval "$(_MICROGPT_PLAY_COMPLETE=bash_source microgpt-play)"\n'
        "COMP_WORDS=(microgpt-play train --engine v); COMP_CWORD=3\n"
        "_microgpt_play_completion microgpt-play v --engine\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    path = f"{Path(COMMAND).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout == "vector\n", done
