"""Completes words for a shell: runs, contributions of plugins, saved models.

click asks these functions when a shell does; see docs/terminal.md. A word that is offered goes into
a command line, where a shell would obey it. So only words that are plain to every shell are
offered; a run with another name is offered by its number.

No plugin runs in this process. The names that plugins add are asked of a process with a deadline,
and are kept in a file until a plugin changes. All of it ends at the latest after `DEADLINE`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from microgpt.terminal import printable

DEADLINE = 10.0
"""Seconds after which the process ends without an answer, whatever it waits for: a disk, say."""
_LOADING = 3.0
"""Seconds that plugins may take to be loaded."""
_MOST = 100
"""Runs that are offered at most, the newest first."""
_PLAIN = re.compile(r"[\w.+][\w.+-]*", re.ASCII)
_SAVED = ".safetensors"
_RUN = ".microgpt-run"

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def begin() -> None:
    """End this process without an answer after DEADLINE: a shell waits for it."""
    watch = threading.Timer(DEADLINE, os._exit, [0])
    watch.daemon = True
    watch.start()


def _offered(words: Iterable[tuple[str, str]], begun: str) -> list[CompletionItem]:
    """The plain words among these (word, help) pairs that go on with what is `begun`."""
    return [
        CompletionItem(word, help=" ".join(printable(help).split()) or None)
        for word, help in words
        if word.startswith(begun) and _PLAIN.fullmatch(word)
    ]


# ---------------------------------------------------------------- runs


def runs(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """The recorded runs, by number and by name."""
    words: list[tuple[str, str]] = []
    with contextlib.suppress(Exception):
        from playground.lab.store.query import Query
        from playground.lab.store.store import Store

        with Store.open(create=False, timeout=0.5) as store:
            for row in store.runs(Query(limit=_MOST)):
                about = f"{row.dataset}, step {row.step:,} of {row.steps:,}"
                words.append((str(row.id), f"{row.name}: {about}" if row.name else about))
                if row.name:
                    words.append((row.name, about))
    return _offered(words, begun)


# ---------------------------------------------------------------- saved models


def checkpoints(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """The saved models in the folder that is typed, and its folders; any file if there are none."""
    return _files(begun, (_SAVED,))


def models(context: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """The recorded runs, and the files of saved models and of runs; any file if there are none."""
    found, saved = runs(context, param, begun), _files(begun, (_SAVED, _RUN))
    # Shells forget what came before an item that means any file, so that it stands first.
    return [*saved, *found] if saved[0].type == "file" else [*found, *saved]


def _files(begun: str, suffixes: Sequence[str]) -> list[CompletionItem]:
    folder, _slash, name = begun.rpartition("/")
    prefix = f"{folder}/" if _slash else ""
    found: list[CompletionItem] = []
    with contextlib.suppress(OSError):
        for path in sorted(Path(prefix or ".").iterdir()):
            saved = path.suffix in suffixes and path.is_file()
            if path.name.startswith(name) and _PLAIN.fullmatch(path.name) and saved:
                found.append(CompletionItem(f"{prefix}{path.name}"))
    plain = all(_PLAIN.fullmatch(part) for part in prefix.split("/") if part)
    return found if found and plain else [CompletionItem(begun, type="file")]


# ---------------------------------------------------------------- contributions


def names(kind: str) -> Completer:
    """What completes the name of a contribution of this kind: "engine", "dataset" ..."""

    def complete(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
        with contextlib.suppress(Exception):
            return _offered([(name, about) for of, name, about in _known() if of == kind], begun)
        return []

    return complete


Known = list[tuple[str, str, str]]
"""(kind, name, summary) of each contribution that can be used."""


def _known() -> Known:
    """What there is: as it was kept, if no plugin has changed since then."""
    from importlib.metadata import version

    from playground.cli.options import sources
    from playground.files import write_whole
    from playground.hooks.discovery import Finder
    from playground.hooks.sources import PluginSources
    from playground.lab.paths import data_folder

    file = data_folder() / "completion.json"
    found = [one for one in Finder(sources()).find() if not one.disabled]
    state = [sys.executable, version("microgpt-play"), *(one.stamp() for one in found)]
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["state"] == state:
            return [(str(kind), str(name), str(about)) for kind, name, about in kept["known"]]
    known = _asked() if found else None
    if known is None:
        from playground.hooks.manager import load

        known = _contributions(load(PluginSources(entry_points=False)))
        if found:  # the plugins may be loaded in time when they are asked again
            return known
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"state": state, "known": known})
        write_whole(file, content.encode(), mode=0o600)
    return known


def _contributions(registry: Any) -> Known:
    entries = registry.catalog().entries
    return [(one.kind, one.name, one.summary) for one in entries if not one.missing]


def _asked() -> Known | None:
    """What there is with all plugins, from a process that loads them; None if it takes too long."""
    reading, writing = os.pipe()
    words = [sys.executable, "-c", f"from playground.cli.completion import tell; tell({writing})"]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(writing,),
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("_MICRO")},
    )
    os.close(writing)
    late = threading.Timer(_LOADING, _end, [process])
    late.daemon = True
    late.start()
    try:
        with os.fdopen(reading, "rb") as stream:
            told = stream.read(4_000_000)
        return [(str(kind), str(name), str(about)) for kind, name, about in json.loads(told)]
    except ValueError:  # it was ended, or a plugin has ended it
        return None
    finally:
        late.cancel()
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and all that its plugins started."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tell(descriptor: int) -> None:
    """In a process of its own: load all plugins, and write what there is to the descriptor."""
    import dataclasses

    from playground.cli.options import sources
    from playground.hooks.manager import load

    # A plugin that hangs here is no reason to leave it out at the next start.
    known = _contributions(load(dataclasses.replace(sources(), loading=None)))
    os.write(descriptor, json.dumps(known).encode())
