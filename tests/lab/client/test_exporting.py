"""A recorded run is written with the exporter of a plugin, in another process."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.hooks.sources import PluginSources
from playground.lab.client.async_store import AsyncStore
from playground.lab.client.exporting import export_as
from playground.lab.protocol.failures import LabError
from playground.lab.spec import RunSpec
from playground.lab.store.transfer import ENDING
from playground.lab.sweep.plan import Unit
from playground.lab.sweep.unit import train_unit

PLUGIN = """
import os
from playground.api import Contribution, Knob, Knobs, hookimpl


class Options(Knobs):
    word: str = Knob("steps", label="word")


class Counts:
    def __init__(self, knobs):
        self.word = knobs.word

    def export(self, run, path, progress):
        path.write_text(f"{self.word}: {len(run.losses)}, process {os.getpid()}")


class Breaks:
    def export(self, run, path, progress):
        raise ValueError("no paper")


@hookimpl
def microgpt_exporters():
    yield Contribution(name="counts", summary="counts the steps", factory=Counts, knobs=Options)
    yield Contribution(name="breaks", summary="fails", factory=Breaks)
"""


async def test_a_run_is_written_by_the_exporter_of_a_plugin_with_its_knobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path / "home"))
    plugin = tmp_path / "my exporters.py"
    plugin.write_text(PLUGIN)
    sources = PluginSources(files=(str(plugin),))
    spec = RunSpec(steps=3).replace({"model.n_embd": 8, "model.n_head": 2, "model.block_size": 4})
    outcome = train_unit(Unit(0, 42, spec.to_json(), "", PluginSources(entry_points=False)))
    file = tmp_path / f"run{ENDING}"
    file.write_bytes(outcome.file)
    store = AsyncStore(tmp_path / "runs.sqlite")
    run = await store.import_run(file)
    target = tmp_path / "-counted, twice.txt"
    await export_as(store, run, "counts", {"word": 'so "many", really'}, target, sources)
    assert target.read_text().startswith('so "many", really: 3, process ')
    with pytest.raises(LabError, match="no paper"):
        await export_as(store, run, "breaks", {}, tmp_path / "other", sources)
    with pytest.raises(LabError, match="both kinds of quotes"):
        await export_as(store, run, "counts", {"word": "'\","}, target, sources)
    assert not (tmp_path / "other").exists()
    store.close()
