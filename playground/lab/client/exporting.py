"""A recorded run written with an exporter of a plugin, in a process of its own: the command
`microgpt-play export`, so that no plugin's code runs in the screen's process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playground.hooks.sources import PluginSources, plugin_words
from playground.lab.client.async_store import AsyncStore
from playground.lab.protocol.failures import Failure, LabError

FAILED = "The run could not be exported"


async def export_as(
    store: AsyncStore,
    run: int,
    name: str,
    options: Mapping[str, Any],
    path: Path,
    sources: PluginSources,
) -> None:
    """Write the run, as it stands, with this exporter and these values of its knobs. Cancelled, it
    ends the process. Raises LabError."""
    from playground.lab.store.remake import choice_text

    wanted = choice_text(name, options)
    if wanted is None:
        raise LabError(Failure(FAILED, "A value of its knobs has both kinds of quotes in it."))
    with tempfile.TemporaryDirectory(prefix="microgpt-play-") as folder:
        model = Path(folder) / "run.safetensors"
        await store.export_model(run, model)
        command = [sys.executable, "-P", "-m", "playground", "export", "--as", wanted,
                   *shlex.split(plugin_words(sources)), "--", str(model), str(path)]  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
        try:
            _, said = await process.communicate()
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        words = " ".join(said.decode("utf-8", "replace").split())
        why = words or f"The exporter's process ended with {process.returncode}"
        raise LabError(Failure(FAILED, why.rpartition("Error: ")[2]))


def _end(process: asyncio.subprocess.Process) -> None:
    """End the process, and what it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
