"""AsyncStore, through which the screen's process uses the store."""

from __future__ import annotations

from pathlib import Path

from playground.lab.client.async_store import AsyncStore
from playground.lab.store.store import Store
from tests.lab.store.conftest import new_run


async def test_when_the_store_is_moved_away_the_runs_of_the_one_in_its_place_are_shown(
    tmp_path: Path,
) -> None:
    path = tmp_path / "data" / "runs.sqlite"
    with Store.open(path) as store:
        store.create(new_run("old"), "")
    async_store = AsyncStore(path)
    assert [row.name for row in await async_store.runs()] == ["old"]
    path.parent.rename(tmp_path / "moved")
    assert await async_store.runs() == []
    with Store.open(path) as store:
        store.create(new_run("new"), "")
    assert [row.name for row in await async_store.runs()] == ["new"]
    async_store.close()
    with Store.open(tmp_path / "moved" / "runs.sqlite") as store:
        assert [row.name for row in store.runs()] == ["old"]
        assert store.check() == []
