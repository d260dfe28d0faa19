"""A plugin that ends the process does so once: the next start passes it over, and says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.hooks.manager import load
from playground.hooks.quarantine import FORGIVEN_SECONDS, Quarantine, forgive
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources

GOOD = """
from playground.api import Contribution, hookimpl

class Same:
    def transform(self, logits, context):
        return list(logits)

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="fine", summary="", factory=Same)
"""
LOAD = """
import sys
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
load(PluginSources(folder=sys.argv[1], entry_points=False, loading=sys.argv[2]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The plugin folder: one good plugin, loaded after the bad one."""
    path = tmp_path / "plugins"
    path.mkdir()
    (path / "good.py").write_text(GOOD)
    return path


def sources(folder: Path) -> PluginSources:
    loading = str(folder.parent / "loading")
    return PluginSources(folder=str(folder), entry_points=False, loading=loading)


def start(folder: Path, *pipes: int) -> subprocess.Popen[bytes]:
    """Another process that loads the same plugins."""
    place = str(folder.parent / "loading")
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, str(folder), place],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=pipes,
    )


def states(registry: Registry) -> dict[str, str]:
    return {plugin.name: plugin.state for plugin in registry.plugins if plugin.name != "builtin"}


@pytest.mark.parametrize(
    "code",
    ["import os; os._exit(3)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
     "import ctypes; ctypes.string_at(0)",
     GOOD.replace("    yield", "    import os; os._exit(3)\n    yield")],
    ids=["exits", "is killed", "segmentation fault", "exits in its hook"],
)  # fmt: skip
def test_a_plugin_that_ended_the_process_is_passed_over_and_said(folder: Path, code: str):
    (folder / "bad.py").write_text(code)
    assert start(folder).wait(30) != 0
    for _ in range(2):  # and the start after that
        registry = load(sources(folder))
        assert states(registry) == {"bad": "crashed", "good": "loaded"}
        (problem,) = registry.problems
        assert (problem.plugin, problem.stage) == ("bad", "crash")
        assert "ended the process when it was last loaded" in problem.message
        assert "microgpt-play plugins enable bad" in problem.message


def test_a_mended_plugin_is_tried_again_by_itself(folder: Path):
    bad = folder / "bad.py"
    bad.write_text("import os; os._exit(3)")
    start(folder).wait(30)
    assert states(load(sources(folder)))["bad"] == "crashed"
    bad.write_text(GOOD.replace("fine", "mended"))
    assert states(load(sources(folder)))["bad"] == "loaded"
    assert load(sources(folder)).problems == ()


def test_a_process_that_still_loads_means_nothing_until_it_is_killed(folder: Path):
    hear, say = os.pipe()
    (folder / "slow.py").write_text(f"import os; os.write({say}, b'x')\nwhile True: pass")
    other = start(folder, say)
    os.close(say)
    assert os.read(hear, 1)  # it is in the middle of it
    os.close(hear)
    kept = Quarantine(folder.parent / "loading")
    slow = folder / "slow.py"
    kept.look_back()
    assert not kept.crashed(str(slow), stamp(slow))
    other.send_signal(signal.SIGKILL)
    other.wait(30)
    kept.look_back()
    assert kept.crashed(str(slow), stamp(slow))


def stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_mtime_ns}:{status.st_size}"


def test_a_number_that_another_process_has_now_is_no_excuse(tmp_path: Path):
    (tmp_path / "1.loading").write_text('{"pid": 1, "birth": "long ago", "key": "k", "stamp": "s"}')
    kept = Quarantine(tmp_path)
    kept.look_back()
    assert kept.crashed("k", "s") and not kept.crashed("other", "s")


def test_leaving_while_a_plugin_loads_is_not_the_plugins_fault(tmp_path: Path):
    marker = tmp_path / "77.loading"
    marker.write_text("{}")
    forgive(tmp_path, 77)
    assert not marker.exists()
    marker.write_text("{}")  # but one that took longer than anybody waits is
    long_ago = time.time() - FORGIVEN_SECONDS - 1
    os.utime(marker, (long_ago, long_ago))
    forgive(tmp_path, 77)
    assert marker.exists()


def test_nothing_is_left_behind_by_a_start_that_went_well(folder: Path):
    registry = load(sources(folder))
    assert states(registry) == {"good": "loaded"}
    assert list((folder.parent / "loading").iterdir()) == []


def test_the_keyboard_is_not_the_plugins_fault(folder: Path):
    (folder / "bad.py").write_text("import signal; signal.raise_signal(signal.SIGINT)")
    with pytest.raises(KeyboardInterrupt):
        load(sources(folder))
    assert list((folder.parent / "loading").iterdir()) == []


def test_markers_that_are_damaged_or_cannot_be_written_stop_nothing(folder: Path):
    place = folder.parent / "loading"
    place.mkdir()
    for name in ("x.loading", "999999999.loading", "².loading"):
        (place / name).write_bytes(b"\xff{")
    assert states(load(sources(folder))) == {"good": "loaded"}
    assert list(place.iterdir()) == []
    place.rmdir()
    place.write_text("a file where the folder belongs")
    assert states(load(sources(folder))) == {"good": "loaded"}


def test_a_marker_costs_no_more_than_a_small_file_does(tmp_path: Path):
    kept = Quarantine(tmp_path / "loading")
    plain = tmp_path / "plain"

    def markers() -> None:
        kept.look_back()
        for number in range(10):
            key = f"/home/ann/{number}.py"
            if not kept.crashed(key, "s"):
                with kept.loading(key, "s"):
                    pass
        kept.close()

    def files() -> None:
        for _ in range(10):
            plain.write_text("s")
            plain.unlink()

    def fastest(what: Callable[[], None]) -> float:
        return min(timeit.repeat(what, number=1, repeat=20))

    assert fastest(markers) < 2 * fastest(files)
