"""Several processes use one store, and some are killed while they write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from playground.lab.store.locks import RunLock
from playground.lab.store.store import Store
from tests.calibrated import in_time
from tests.lab.store.conftest import everything, loss_of, new_run, state, steps

ROOT = Path(__file__).parents[3]

WRITER = """
import sys, time
from pathlib import Path
from playground.lab.store.locks import RunLock
from playground.lab.store.store import Store
from tests.lab.store.conftest import everything, new_run

path, batches = Path(sys.argv[1]), int(sys.argv[2])
store = Store.open(path)
run = store.create(new_run(sys.argv[3]), "the other process")
lock = RunLock(store.lock_folder, store.row(run).uid)
assert lock.acquire()
print(run, flush=True)
sys.stdin.readline()
longest = 0.0
for number in range(batches):
    batch = everything(50 * number, 50)
    began = time.perf_counter()
    store.append(run, batch)
    longest = max(longest, time.perf_counter() - began)
    print(50 * number + 50, flush=True)
print("longest", longest, flush=True)
"""


class Writer:
    """A process that records one run, batch by batch."""

    def __init__(self, path: Path, batches: int, name: str = "") -> None:
        words = [sys.executable, "-c", WRITER, str(path), str(batches), name]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.run = int(self.process.stdout.readline())

    def go(self) -> None:
        """Let the process begin to write."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def line(self) -> str:
        """The next line that the process prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> int:
        """Kill the process; return the last step that it reported as written."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGKILL)
        said = self.process.stdout.read().split("\n")[:-1]
        self.process.wait(10)
        return int(said[-1]) if said else 0


def whole(store: Store, run: int, batches: int) -> None:
    """Assert that the run holds so many batches of `everything`, and no more."""
    record = store.record(run)
    count = 50 * batches
    assert list(record.losses) == [loss_of(step) for step in range(1, count + 1)]
    assert len(record.evaluations) == 2 * batches and len(record.edits) == 2 * batches
    assert len(store.samples(run)) == len(store.probes(run)) == 2 * batches
    assert store.keyframe(run, count) == state(count)


def test_two_processes_open_a_new_store_at_once(path: Path) -> None:
    writers = [Writer(path, 1, name) for name in ("one", "two", "three")]
    for writer in writers:
        writer.go()
    for writer in writers:
        writer.process.communicate(timeout=120)
        assert writer.process.returncode == 0
    with Store.open(path) as store:
        assert {row.name for row in store.runs()} == {"one", "two", "three"}
        for writer in writers:
            whole(store, writer.run, 1)


OPENER = """
import sys
from pathlib import Path
from playground.lab.store.store import Store

print(flush=True)
for path in sys.stdin:
    Store.open(Path(path.strip())).close()
    print("opened", flush=True)
"""


def test_of_many_processes_that_make_a_store_at_the_same_moment_none_is_turned_away(
    path: Path,
) -> None:
    words = [sys.executable, "-c", OPENER]
    pipe = subprocess.PIPE
    openers = [
        subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)
        for _ in range(4)
    ]
    for opener in openers:
        assert opener.stdout is not None and opener.stdout.readline()
    for number in range(60):
        for opener in openers:
            assert opener.stdin is not None
            opener.stdin.write(f"{path.parent / str(number) / path.name}\n")
            opener.stdin.flush()
        for opener in openers:
            assert opener.stdout is not None and opener.stderr is not None
            assert opener.stdout.readline() == "opened\n", opener.stderr.read()
    for opener in openers:
        assert opener.communicate(timeout=120) == ("", "")


def test_two_processes_write_at_once_and_nothing_is_lost_and_nobody_waits(path: Path) -> None:
    writers = [Writer(path, 150, name) for name in ("one", "two")]
    for writer in writers:
        writer.go()
    with Store.open(path) as store:  # a screen that looks on and changes runs
        looks = 0
        while writers[0].process.poll() is None and writers[0].line():
            looks += 1
            store.annotate(writers[1].run, f"look {looks}")
            if looks % 10 == 0:
                steps_there = [row.step for row in store.runs()]
                assert all(step % 50 == 0 for step in steps_there)
        for writer in writers:
            said, _ = writer.process.communicate(timeout=120)
            whole(store, writer.run, 150)
            if writer is writers[1]:
                longest = float(said.split("longest ")[1])
                assert in_time(longest, 1.0), "tools/bench_store.py measures it on a quiet machine"
        assert looks > 100 and store.check() == []


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_writer_that_is_killed_leaves_a_sound_store_and_a_record_up_to_some_batch(
    path: Path,
) -> None:
    for number, lines in enumerate((1, 3, 8, 20, 33)):
        writer = Writer(path, 100_000)
        with Store.open(path) as store:
            assert writer.run not in [row.id for row in store.interrupted()], "it lives"
        writer.go()
        for _ in range(lines):
            writer.line()
        said = max(writer.kill(), 50 * lines)
        with Store.open(path) as store:
            assert store.check() == []
            step = store.row(writer.run).step
            assert step in (said, said + 50), "what it said was written is there, and no half"
            whole(store, writer.run, step // 50)
            assert writer.run in [row.id for row in store.interrupted()]
            lock = RunLock(store.lock_folder, store.row(writer.run).uid)
            assert lock.acquire(), "the system freed it"
            store.append(writer.run, everything(step, 50))
            whole(store, writer.run, step // 50 + 1)
            store.close_run(writer.run, step, "paused")
            lock.release()
            assert len(store.runs()) == number + 1


def test_a_store_that_was_made_in_one_thread_is_used_in_others(store: Store) -> None:
    runs = [store.create(new_run(), "") for _ in range(4)]
    failed: list[Any] = []

    def work(run: int) -> None:
        try:
            for first in range(0, 200, 20):
                store.append(run, steps(first, 20))
                assert store.row(run).step == first + 20
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert [row.step for row in store.runs()] == [200] * 4


def test_a_reader_sees_one_state_while_others_write(store: Store, path: Path) -> None:
    run = store.create(new_run(), "")
    store.append(run, everything(0, 20))
    with Store.open(path) as screen, screen.database.reading():
        before = screen.record(run)
        store.append(run, everything(20, 20))
        assert screen.record(run) == before
    assert store.row(run).step == 40


READER = """
import sys
from pathlib import Path
from playground.lab.store.store import Store

with Store.open(Path(sys.argv[1])) as store:
    print(store.row(int(sys.argv[2])).note)
"""


def test_a_process_that_opens_the_store_twice_loses_nothing_when_another_closes_it(
    path: Path,
) -> None:
    """When a process closes a file, the process loses all its locks on that file, those of SQLite
    too. Another process may then take itself for the last user, and remove the log in use."""
    with Store.open(path) as ours:
        run = ours.create(new_run(), "")
        Store.open(path).close()
        for note in ("before it was closed elsewhere", "after that"):
            ours.annotate(run, note)
            words = [sys.executable, "-c", READER, str(path), str(run)]
            seen = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
            assert seen.stdout.strip() == note


LOOKER = """
import sys
from pathlib import Path
from playground.lab.store.locks import is_open

print(any(is_open(Path(sys.argv[1]), sys.argv[2]) for _ in range(5000)))
"""


def test_two_processes_that_look_at_a_lock_do_not_take_each_other_for_its_owner(
    path: Path,
) -> None:
    with Store.open(path) as store:
        run = store.create(new_run(), "a process that was killed")
        uid = store.row(run).uid
        lock = RunLock(store.lock_folder, uid)
        assert lock.acquire()
        lock.release()
        words = [sys.executable, "-c", LOOKER, str(store.lock_folder), uid]
    lookers = [
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)
    ]
    assert [looker.communicate(timeout=30)[0].strip() for looker in lookers] == ["False"] * 2
