"""Which recorded run somebody means."""

from __future__ import annotations

from pathlib import Path

from playground.cli.failures import fail


def find_run(store: Path, words: str) -> int | None:
    """The run that a number, a name or the beginning of a uid means; None if none does, which is
    said then."""
    from playground.lab.store.errors import StoreError
    from playground.lab.store.store import Store

    try:
        with Store.open(store) as opened:
            return opened.find(words).id
    except StoreError as error:
        fail(f"{error.title}. {error.message}")
        return None
