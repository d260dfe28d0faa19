"""Plugins that hang, end or fork the process of a command without a screen: the command names the
plugin, ends with 1, and leaves no process behind."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hostile.commands import wrong
from tests.hostile.endings import ENDINGS, FEW

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="os.fork is needed to watch")


def test_a_plugin_that_hangs_ends_or_forks_a_command_is_named_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    def tried(name: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        return wrong(name, ENDINGS[name], folder)

    with ThreadPoolExecutor(4) as pool:  # most of them wait for a watchdog
        found = dict(zip(FEW, pool.map(tried, FEW), strict=True))
    assert {name: text for name, text in found.items() if text} == {}
