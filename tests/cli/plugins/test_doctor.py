"""A folder full of hostile plugins: the doctor names each fault, and comes to its end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.calibrated import a_second
from tests.cli.conftest import COMMAND, Done, Play, command

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

GOOD = """
from playground.api import Contribution, hookimpl

class Same:
    def transform(self, logits, context):
        return list(logits)

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name={name!r}, summary={summary}, factory=Same{more})
"""


def good(name: str, summary: str = "''", more: str = "") -> str:
    return GOOD.format(name=name, summary=summary, more=more)


HOSTILE: dict[str, tuple[str, str]] = {
    "syntax": ("def (", "SyntaxError"),
    "imports": ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
    "exits": ("raise SystemExit(3)", "it tried to end the program"),
    "hangs": ("while True: pass",
              "it took more than SECONDS s while it was being loaded, and was ended"),
    # One hang works and one only waits, which costs nothing while the doctor waits for it.
    "hangs-in-hook": (good("h").replace("    yield", "    import threading\n"
                                        "    threading.Event().wait()\n    yield"),
                      "it took more than SECONDS s while it was being loaded"),
    "os-exits": ("import os; os._exit(3)",
                 "it ended the process while it was being loaded: exit code 3"),
    "segfaults": ("import ctypes; ctypes.string_at(0)", "signal SIGSEGV"),
    "floods": (good("floods") + "print('spam ' * 400_000)", "it prints while it is loaded"),
    "markup": (good("[red]name[/red]"), "name"),
    "clash-1": (good("twin"), ""),
    "clash-2": (good("twin"), "'clash-1:twin' or 'clash-2:twin'"),
    "builtin-clash": (good("min-p"), "the bare name means the built-in one"),
    "unmet": (good("unmet", more=", requires=('nothing_of_that_name',)"),
              "needs nothing_of_that_name, which is not installed"),
    "later": ("MICROGPT_API = 99\nraise SystemExit", "written for version 99"),
    "deletes": (good("d") + "import os; os.unlink(__file__)", "its file is gone"),
    "raises": (good("r").replace("    yield", "    raise LookupError('no \\x1b[31m')\n    yield"),
               "LookupError: no"),
    "mid-way": (good("kept") + "    raise RuntimeError('mid-way')", "RuntimeError: mid-way"),
    "mute": ("class Mute(Exception):\n    def __str__(self): raise self\nraise Mute",
             "its message cannot be shown"),
    "report-eater": ("import os\nfor fd in range(3, 64):\n    try: os.close(fd)\n"
                     "    except OSError: pass", "it ended the process"),
    "nothing": ("x = 1", "it has no hook function"),
    "wrong-hook": (good("w").replace("strategies", "stratgies"), "did you mean"),
}  # fmt: skip
"""File stem -> (source, what the doctor says); "" for no complaint."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, dict[str, Any]]:
    """One examination of all of them, as JSON."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "config" / "plugins"
    folder.mkdir(parents=True)
    for name, (source, _) in HOSTILE.items():
        (folder / f"{name}.py").write_text(source)
    (folder / "huge.py").write_text(good("huge", "'x' * 10_000_000"))
    seconds = min(round(3 * a_second()), 20)  # the command itself has two minutes
    words = ("plugins", "doctor", "--json", "--seconds", seconds)
    done = command(*words, MICROGPT_PLAY_HOME=str(home))
    return done, {**json.loads(done.out), "seconds": seconds}


def plugin(seen: tuple[Done, dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in seen[1]["plugins"] if item["name"] == name)


@pytest.mark.parametrize("name", HOSTILE)
def test_each_fault_is_named_in_one_line(seen: Any, name: str) -> None:
    messages = [problem["message"] for problem in plugin(seen, name)["problems"]]
    said = HOSTILE[name][1].replace("SECONDS", str(seen[1]["seconds"]))
    assert any(said in message for message in messages) if said else messages == []
    assert all(message.isprintable() and len(message) <= 500 for message in messages)


def test_the_doctor_comes_to_its_end_with_exit_code_1(seen: Any) -> None:
    done, report = seen
    assert (done.code, done.err) == (1, "") and report["trouble"] is True
    assert len(done.out) < 500_000  # the flood and the huge summary are cut
    assert report["plugins"][0]["name"] == "builtin"
    assert not report["plugins"][0]["problems"]


def test_what_a_plugin_is_and_does_is_reported(seen: Any) -> None:
    fine = plugin(seen, "clash-1")
    assert (fine["state"], fine["hooks"]) == ("loaded", ["microgpt_sampling_strategies"])
    assert [(item["kind"], item["name"]) for item in fine["contributions"]] == [
        ("strategy", "twin")
    ]
    assert fine["ms"] > 0 and fine["origin"].endswith("clash-1.py")
    assert [plugin(seen, name)["state"] for name in ("hangs", "os-exits", "imports")] == [
        "hung",
        "crashed",
        "failed",
    ]


def test_tracebacks_are_kept(seen: Any) -> None:
    (problem,) = plugin(seen, "imports")["problems"]
    assert "Traceback" in problem["detail"] and "nothing_of_that_name" in problem["detail"]
    (problem,) = plugin(seen, "segfaults")["problems"]
    assert "Fatal Python error: Segmentation fault" in problem["detail"]


def test_the_doctor_in_words(play: Play, tmp_path: Path) -> None:
    bad, fine = tmp_path / "bad.py", tmp_path / "fine.py"
    bad.write_text("1 / 0")
    fine.write_text(good("fine"))
    done = play("plugins", "doctor", "--plugin", bad, "--plugin", fine)
    assert (done.code, done.err) == (1, "")
    assert f"bad, {bad}: failed\n  ! ZeroDivisionError: division by zero\n" in done.out
    assert "      Traceback" in done.out  # which is for whoever writes it
    assert f"fine, {fine}: " in done.out and " ms\n  hooks " in done.out
    assert done.out.endswith("2 plugins beside the built-ins: 1 with trouble.\n")
    healthy = play("plugins", "doctor", "--plugin", fine)
    assert (healthy.code, healthy.err) == (0, "") and "all is well" in healthy.out


def test_what_is_switched_off_is_not_examined(play: Play, tmp_path: Path) -> None:
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    done = play("plugins", "doctor", "--plugin", trap, "--without", "trap")
    assert done.code == 0 and "trap.py: switched off" in done.out
    assert not (tmp_path / "sprung").exists()


# ---------------------------------------------------------------- packages


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """package("name", lines of METADATA): an installed distribution with a good plugin."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def make(name: str, *metadata: str) -> None:
        info = tmp_path / "site" / f"{name}-1.5.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.5", *metadata]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "entry_points.txt").write_text(
            f"[microgpt_play]\n{name} = {name}_plugin_x\n[microgpt_play_api]\nversions = 1..3\n"
        )
        (tmp_path / "site" / f"{name}_plugin_x.py").write_text(good(name))

    return make


def test_a_package_with_unmet_requirements(package: Callable[..., None], play: Play) -> None:
    package("wants", "Requires-Dist: nowhere-to-be-found>=2", "Requires-Dist: click>=999",
            "Requires-Dist: pluggy", "Requires-Dist: some-extra; extra == 'more'")  # fmt: skip
    done = play("plugins", "doctor", "--json")
    found = next(item for item in json.loads(done.out)["plugins"] if item["name"] == "wants")
    first, *second = (problem["message"] for problem in found["problems"])
    assert first == "it requires nowhere-to-be-found>=2, which is not installed"
    assert all("click>=999, and version" in message for message in second)
    assert (found["version"], found["api"], found["state"]) == ("1.5", "1..3", "loaded")
    assert done.code == 1


def test_a_package_lists_its_summary_cut_to_one_line(
    package: Callable[..., None], play: Play
) -> None:
    package("talks", "Summary: a plugin that talks" + " and talks" * 1_000_000)
    done = play("plugins", "list")
    assert "talks, package talks 1.5\n  a plugin that talks and talks" in done.out
    assert len(done.out) < 3000


# ---------------------------------------------------------------- check


def test_check_names_every_promise_and_which_is_broken(play: Play, tmp_path: Path) -> None:
    file = tmp_path / "half.py"
    file.write_text(good("half"))
    kept = play("plugins", "check", file)
    assert kept.code == 0, kept.out
    assert "  ✓ half " in kept.out and "0 broken" in kept.out
    file.write_text(good("half").replace("list(logits)", "list(logits)[1:]"))
    broken = play("plugins", "check", file)
    assert broken.code == 1
    assert "  ✗ half " in broken.out and "To do:" in broken.out and "Traceback" not in broken.out
    report = json.loads(play("plugins", "check", file, "--json").out)
    assert report["trouble"] and {f["outcome"] for f in report["findings"]} >= {"failed"}


REMOTE = """
from playground.api import Continuation, Contribution, Outlet, hookimpl

class Far:
    def outlet(self):
        return Outlet("https://far.example.org/v1", ("the prompt",))

    def write(self, prompt, tell):
        open({log!r}, "a").write("asked ")
        return Continuation("far away")

@hookimpl
def microgpt_writers():
    yield Contribution("far", "a model elsewhere", Far)
"""


def test_check_asks_a_writer_over_the_network_only_if_it_is_told_to(
    play: Play, tmp_path: Path
) -> None:
    log, file = tmp_path / "log", tmp_path / "far.py"
    file.write_text(REMOTE.format(log=str(log)))
    done = play("plugins", "check", file)
    assert done.code == 0 and not log.exists()
    assert "- far continues-or-refuses: it sends to https://far.example.org/v1, and is" in done.out
    assert "only with --network" in done.out
    done = play("plugins", "check", file, "--network")
    assert done.code == 0 and log.read_text().startswith("asked asked")
    assert "✓ far continues-or-refuses" in done.out


def test_check_ends_a_promise_that_never_comes_to_its_end(play: Play, tmp_path: Path) -> None:
    file = tmp_path / "stuck.py"
    file.write_text(good("stuck").replace("return list(logits)", "\n        while True: pass"))
    seconds = round(2 * a_second())  # which are those of the loading as well
    done = play("plugins", "check", file, "--seconds", seconds)
    assert done.code == 1
    assert f"it took more than {seconds} s during stuck-" in done.out


def test_check_of_what_is_no_plugin(play: Play, tmp_path: Path) -> None:
    gone = play("plugins", "check", tmp_path / "gone.py")
    assert gone.code == 2 and "Invalid value for FILE" in gone.err
    later = tmp_path / "later.py"
    later.write_text("MICROGPT_API = 7\nraise SystemExit('imported')")
    done = play("plugins", "check", later)
    assert done.code == 1 and "written for version 7" in done.out and "imported" not in done.out


def test_a_pipe_in_the_place_of_a_plugin_is_named_and_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "config" / "plugins"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe.py")
    assert "pipe" in command("plugins", "list").out
    done = command("strategies")
    assert "temperature" in done.out and "pipe.py is a pipe" in done.err
    checked = command("plugins", "check", folder / "pipe.py")
    assert checked.code == 1 and "pipe.py is a pipe" in checked.out


def test_a_deadline_is_a_number(play: Play) -> None:
    done = play("plugins", "doctor", "--seconds", "nan")
    assert done.code == 2 and "'nan' is no number of seconds" in done.err


@POSIX
def test_the_keyboard_ends_the_doctor_and_what_it_waits_for(tmp_path: Path) -> None:
    stuck, pid = tmp_path / "stuck.py", tmp_path / "pid"
    os.mkfifo(pid)
    said = os.open(pid, os.O_RDONLY | os.O_NONBLOCK)
    stuck.write_text(
        f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\nwhile True: pass\n"
    )
    words = [COMMAND, "plugins", "doctor", "--seconds", "3600", "--plugin", str(stuck)]
    doctor = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert select.select([said], [], [], 60)[0], "the plugin is being examined"
        examined = int(os.read(said, 32))
        doctor.send_signal(signal.SIGINT)
        out, err = doctor.communicate(timeout=60)
    finally:
        doctor.kill()
        os.close(said)
    assert (doctor.returncode, out, err.strip()) == (130, b"", b"")
    with pytest.raises(ProcessLookupError):
        os.kill(examined, 0)


def test_an_examination_that_nobody_waits_for_ends_itself(tmp_path: Path) -> None:
    stuck = tmp_path / "stuck.py"
    stuck.write_text("while True: pass")
    request = {
        "sources": {"entry_points": False, "files": [str(stuck)]},
        "plugins": True, "contract": False, "budget": 1,
        "seconds": 2 * a_second() - 5,  # it ends itself 5 s after that: once the plugin hangs
    }  # fmt: skip
    words = [sys.executable, "-m", "playground.hooks.examine_child"]
    asked = json.dumps(request).encode() + b"\n"
    done = subprocess.run(words, input=asked, timeout=60, capture_output=True)
    assert done.returncode == 1 and b"stuck.py" in done.stderr
