"""The fence around the files of a visitor's session: what the processes in it may open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from playground.fence import VARIABLE, Fence

TRY = """
import json, os, shutil, sqlite3, subprocess, sys
import playground  # puts up the fence
from playground.fence import shows
found = {}
for name, code in json.loads(sys.argv[1]).items():
    try:
        exec(code)
        found[name] = "done"
    except PermissionError:
        found[name] = "refused"
    except Exception as error:
        found[name] = repr(error)
print(json.dumps(found))
"""


class Place:
    """A folder of a session, one that its visitors may read, and one that is nobody's business."""

    def __init__(self, folder: Path) -> None:
        self.own, self.given, self.outside = (folder / name for name in ("own", "given", "outside"))
        for one in (self.own, self.given, self.outside):
            (one / "folder").mkdir(parents=True)
            (one / "text.txt").write_text("anna\n")
        (self.own / "link").symlink_to(self.outside / "text.txt")
        (self.given / "link").symlink_to(self.outside)

    def attempts(self, code: dict[str, str], cwd: Path) -> dict[str, str]:
        """What became of each piece of code in a process within the fence."""
        fence = Fence((str(self.given),), (str(self.own / "folder"), str(self.own)))
        done = subprocess.run(
            [sys.executable, "-c", TRY, json.dumps(code)],
            env={**os.environ, VARIABLE: fence.to_json(), "PYTHONPATH": str(Path.cwd())},
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = json.loads(done.stdout)
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_nothing_outside_is_read_written_listed_moved_or_started(place: Place) -> None:
    out = place.outside
    text = f"{str(out / 'text.txt')!r}"
    code = {
        "read": f"open({text}).read()",
        "read by a way around": f"open({str(place.own / '..' / 'outside' / 'text.txt')!r})",
        "read by a link": f"open({str(place.own / 'link')!r})",
        "read by a link to a folder": f"open({str(place.given / 'link' / 'text.txt')!r})",
        "low-level": f"os.open({text}, os.O_RDONLY)",
        "write": f"open({str(out / 'new')!r}, 'w')",
        "create": f"os.open({str(out / 'new')!r}, os.O_WRONLY | os.O_CREAT)",
        "append where reading is allowed": f"open({str(place.given / 'text.txt')!r}, 'a')",
        "list": f"os.listdir({str(out)!r})",
        "scan": f"os.scandir({str(out)!r})",
        "list the root": "os.listdir('/')",
        "database": f"sqlite3.connect({str(out / 'runs.sqlite')!r})",
        "database by address": f"sqlite3.connect('file:{out}/runs.sqlite?mode=rwc', uri=True)",
        "make": f"os.mkdir({str(out / 'made')!r})",
        "remove": f"os.remove({text})",
        "remove what may be read": f"os.remove({str(place.given / 'text.txt')!r})",
        "move away": f"os.rename({text}, {str(place.own / 'mine')!r})",
        "move in": f"os.rename({str(place.own / 'text.txt')!r}, {str(out / 'theirs')!r})",
        "link": f"os.link({text}, {str(place.own / 'hard')!r})",
        "remove a tree": f"shutil.rmtree({str(out)!r})",
        "change the rights": f"os.chmod({text}, 0o777)",
        "shell": "subprocess.run('id', shell=True)",
        "program": "subprocess.run(['/usr/bin/env'])",
        "system": "os.system('true')",
        "exec": "os.execv('/bin/sh', ['sh'])",
        "go there": f"os.chdir({str(out)!r})",
    }
    found = place.attempts(code, place.own)
    assert found == dict.fromkeys(code, "refused")
    assert sorted(path.name for path in out.iterdir()) == ["folder", "text.txt"]


def test_its_own_folders_work_as_ever(place: Place) -> None:
    own, given = place.own, place.given
    code = {
        "read": f"assert open({str(own / 'text.txt')!r}).read() == 'anna\\n'",
        "write": f"open({str(own / 'new')!r}, 'w').write('x')",
        "by a name alone": "open('other', 'w')",
        "list here": "os.listdir()",
        "move": f"os.rename({str(own / 'new')!r}, {str(own / 'newer')!r})",
        "database": f"sqlite3.connect({str(own / 'runs.sqlite')!r}).execute('create table a (b)')",
        "given": f"open({str(given / 'text.txt')!r}).read()",
        "list what is given": f"assert 'text.txt' in os.listdir({str(given)!r})",
        "imports": "import xml.dom.minidom, wave",
        "this Python": "subprocess.run([sys.executable, '-c', 'pass'], check=True)",
        "nothing": "open(os.devnull, 'w').write('x')",
        "what may be named": f"assert shows({str(given / 'text.txt')!r})",
        "what may not": f"assert not shows({str(own / 'text.txt')!r}) and not shows('/etc')",
        "nor by a link": f"assert not shows({str(given / 'link')!r})",
    }
    assert place.attempts(code, own) == dict.fromkeys(code, "done")


def test_a_process_that_is_started_within_is_within(place: Place) -> None:
    inner = f"import playground; open({str(place.outside / 'text.txt')!r})"
    code = {
        "child": f"assert subprocess.run([sys.executable, '-c', {inner!r}], "
        "capture_output=True, cwd=os.getcwd()).stderr.count(b'PermissionError')"
    }
    assert place.attempts(code, place.own) == {"child": "done"}


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"files": 1, "own": 2}'])
def test_a_fence_that_cannot_be_read_ends_the_process(text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import playground; print('in')"],
        env={**os.environ, VARIABLE: text, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and "in" not in done.stdout and VARIABLE in done.stderr
