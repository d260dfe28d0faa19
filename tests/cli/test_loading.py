"""A plugin that never ends loading is named by the commands, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_plugin_that_takes_long_to_load_is_named(tmp_path: Path) -> None:
    plugin = tmp_path / "endless.py"
    plugin.write_text("while True:\n    pass\n")
    command = [
        sys.executable, "-c",
        "from playground.cli import loading, main; loading.PATIENCE = 0.3; main()",
        "train", "--steps", "1", "--plugin", str(plugin),
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MICROGPT_PLAY_HOME": str(tmp_path / "home")},
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
    finally:
        process.kill()
        process.wait()
    assert f"plugin 'endless' (file {plugin}) is still being loaded" in said
    assert "--without NAME" in said
