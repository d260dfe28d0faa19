"""What the playground sees of the plugin before an engine is made."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import microgpt_play_numpy


def test_the_playground_finds_it_as_an_installed_plugin():
    (entry,) = (e for e in entry_points(group="microgpt_play") if e.name == "numpy")
    assert entry.load() is microgpt_play_numpy


def test_it_contributes_one_engine_and_says_what_that_needs():
    (contribution,) = microgpt_play_numpy.microgpt_engines()
    assert contribution.name == "numpy"
    assert contribution.requires == ("numpy",)
    assert contribution.factory is microgpt_play_numpy.make_engine


def test_numpy_is_not_imported_before_an_engine_is_made():
    code = (
        "import sys, microgpt_play_numpy as plugin\n"
        "list(plugin.microgpt_engines())\n"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
