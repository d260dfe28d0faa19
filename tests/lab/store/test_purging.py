"""Purging while other processes delete, restore and begin runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from playground.lab.store import housekeeping
from playground.lab.store import store as store_module
from playground.lab.store.errors import StoreError
from playground.lab.store.housekeeping import in_pieces, purge
from playground.lab.store.store import Store
from tests.lab.store.conftest import everything, new_run

ROOT = Path(__file__).parents[3]


def test_a_run_that_is_restored_while_others_are_purged_stays(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (store.create(new_run(), "") for _ in range(2))
    store.append(second, everything(0, 10))
    store.delete([first, second])

    def restored_meanwhile(*given: object) -> None:
        with Store.open(path) as other:
            other.restore([second])
        in_pieces(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(housekeeping, "in_pieces", restored_meanwhile)
    assert purge(store, 0) == 1
    assert [row.id for row in store.runs()] == [second]
    assert len(store.samples(second)) == 2


PURGER = """
import os, signal, sys
from pathlib import Path
from playground.lab.store import housekeeping
from playground.lab.store.store import Store

housekeeping.in_pieces = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
housekeeping.purge(Store.open(Path(sys.argv[1])), 0)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_run_whose_purge_was_killed_is_not_said_to_be_restored_and_goes_with_the_next(
    store: Store, path: Path
) -> None:
    run = store.create(new_run(), "")
    store.append(run, everything(0, 10))
    store.delete([run])
    purger = subprocess.run([sys.executable, "-c", PURGER, str(path)], cwd=ROOT, check=False)
    assert purger.returncode == -signal.SIGKILL
    with pytest.raises(StoreError, match="gone for good"):
        store.restore([run])
    assert purge(store, 0) == 1
    assert store.database.execute("SELECT count(*) FROM runs") == [(0,)]


def test_a_text_that_is_purged_while_a_run_begins_with_it_is_kept(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The purge comes between the look for the text and its use."""
    text = b"anna\nbob\n"
    sha256 = store.keep_text(text)
    writing = store.database.writing

    def after_a_purge() -> object:
        monkeypatch.undo()
        with Store.open(path) as other:
            purge(other, -1)
            assert other.text(sha256) is None
        return writing()

    monkeypatch.setattr(store.database, "writing", after_a_purge)
    assert store.keep_text(text) == sha256
    assert store.text(sha256) == text


def test_a_text_that_is_known_is_not_packed_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = store.keep_text(b"anna\n")
    monkeypatch.setattr(store_module.zlib, "compress", lambda *_: pytest.fail("it was"))
    assert store.keep_text(b"anna\n") == sha256
