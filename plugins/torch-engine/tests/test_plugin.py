"""What the playground sees of the plugin before an engine is made, with PyTorch or without it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.metadata import entry_points

import microgpt_play_torch
from playground.hooks.manager import load

NAMES = ["torch", "torch-float32", "torch-cuda", "torch-cuda-float32"]


def test_the_playground_finds_it_as_an_installed_plugin():
    (entry,) = (e for e in entry_points(group="microgpt_play") if e.name == "torch")
    assert entry.load() is microgpt_play_torch


def test_the_playground_lists_its_engines_with_what_they_lack():
    engines = {
        entry.name: entry.missing
        for entry in load().catalog().entries
        if entry.plugin == "microgpt-play-torch"
    }
    assert list(engines) == NAMES
    there = importlib.util.find_spec("torch") is not None
    for missing in engines.values():
        assert missing == "" if there else missing.startswith("needs torch, which is not installed")


def test_pytorch_is_not_imported_before_an_engine_is_made():
    code = (
        "import sys, microgpt_play_torch as plugin\n"
        "from playground.hooks.manager import load\n"
        "load(), list(plugin.microgpt_engines())\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
