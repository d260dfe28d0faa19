"""Uses crafted files one after the other in this process, within limits of time and memory.

`python -m tests.crafted.walk checkpoints|runs|store FOLDER [PART OF]` prints a line for each file
that is wrong: a traceback, another outcome than the table says, more than 2 s of a processor or
200 MB. Then it prints how many there were. PART OF: every OF-th file, from the PART-th on.
"""

from __future__ import annotations

import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

SECONDS = 2.0
BYTES = 200 << 20


def walk(kind: str, folder: Path, part: int, of: int) -> int:
    """Use the files; returns how many went wrong."""
    os.environ["MICROGPT_PLAY_HOME"] = str(folder / "home")
    from playground.hooks.manager import load
    from playground.hooks.sources import PluginSources

    registry = load(PluginSources(entry_points=False))
    cases = {"checkpoints": _checkpoints, "runs": _run_files, "store": _stores}[kind]
    count = wrong = 0
    limited = False
    for number, (name, opens, use) in enumerate(cases(folder, registry)):
        if number and number % of != part:  # the sound file comes first, and warms up
            continue
        if limited is False and number:
            limited = True
            _limit_memory()
        count += 1
        began = time.process_time()
        try:
            why = use()
        except Exception as error:
            trace = traceback.extract_tb(error.__traceback__)[-3:]
            places = ", ".join(f"{one.filename}:{one.lineno}" for one in trace)
            print(f"{name}: {type(error).__name__}: {str(error)[:200]} ({places})")
            wrong += 1
            continue
        seconds = time.process_time() - began
        if seconds > SECONDS or (opens is not None and opens != (not why)):
            print(f"{name}: {seconds:.1f} s, {why or 'it is a run'}")
            wrong += 1
    print(f"{count} files")
    return wrong


def _limit_memory() -> None:
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = size * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


Case = tuple[str, bool | None, Callable[[], str]]


def _checkpoints(folder: Path, registry: object) -> Iterator[Case]:
    from tests.crafted import checkpoints, runs, using

    path, base, words = (folder / name for name in ("x.safetensors", "base", "words.txt"))
    base.write_bytes(runs.sound())
    words.write_bytes(runs.text_of(base))
    for craft in checkpoints.crafted(words):

        def use(data: bytes = craft.data) -> str:
            path.write_bytes(data)
            return using.use_checkpoint(path, registry)  # type: ignore[arg-type]

        yield craft.name, craft.opens, use


def _run_files(folder: Path, registry: object) -> Iterator[Case]:
    from tests.crafted import runs, using

    path, base = folder / "x.microgpt-run", folder / "base.microgpt-run"
    whole = runs.sound()
    base.write_bytes(whole)
    with using.a_store(folder / "home") as store:
        for change in runs.crafted(base):

            def use(change: runs.Change = change) -> str:
                path.write_bytes(whole)
                if not runs.changed(path, change):
                    return "SQLite refuses it"
                return using.use_run_file(path, store, registry)  # type: ignore[arg-type]

            yield change.name, change.opens, use


def _stores(folder: Path, registry: object) -> Iterator[Case]:
    from playground.lab.protocol.failures import LabError
    from playground.lab.store.transfer import import_run
    from tests.crafted import runs, using

    base, home = folder / "base.microgpt-run", folder / "home"
    base.write_bytes(runs.sound())
    with using.a_store(home) as store:
        run, path = import_run(store, base), store.path
        store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    for change in runs.crafted(base):

        def use(change: runs.Change = change) -> str:
            for file in path.parent.iterdir():
                if file.is_file():
                    file.unlink()
            path.write_bytes(whole)
            if not runs.changed(path, change):
                return "SQLite refuses it"
            try:
                with using.a_store(home) as store:
                    return using.use_run(store, run, registry)  # type: ignore[arg-type]
            except LabError as error:
                return using.refusal(error)

        yield change.name, None, use


if __name__ == "__main__":
    kind, folder, *rest = sys.argv[1:]
    part, of = map(int, rest or (0, 1))
    sys.exit(1 if walk(kind, Path(folder), part, of) else 0)
