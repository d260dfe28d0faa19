"""How a run was made, as the store records it: settings, data, plugins and their versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from playground.catalog import BUILTIN, Kind
from playground.files import read_file
from playground.hooks.errors import UnknownNameError
from playground.hooks.registry import Registry
from playground.hooks.sources import MAX_BYTES
from playground.lab.run.guard import plugin_failures
from playground.lab.run.setup import PreparedRun
from playground.lab.run.training import Training
from playground.lab.store.records import NewRun, PluginUse


def new_run(prepared: PreparedRun, training: Training, registry: Registry, settings: str) -> NewRun:
    """The open run as a NewRun for the store. Raises LabError if the tokenizer fails."""
    with plugin_failures(), prepared.encoder.guard.at("state_dict"):
        tokenizer = json.dumps(prepared.encoder.tokenizer.state_dict())
    return NewRun(
        spec=prepared.spec.to_json(),
        dataset=prepared.info.dataset_title,
        parameters=prepared.info.parameter_count,
        tokenizer_state=tokenizer,
        data=prepared.fingerprint,
        plugins=plugins_of(prepared, registry),
        settings=settings,
        first=training.series.first,
        earliest=training.timeline.earliest,
    )


def plugins_of(prepared: PreparedRun, registry: Registry) -> tuple[PluginUse, ...]:
    """The contributions that the run uses, with the present versions of their plugins."""
    spec = prepared.spec
    wanted: list[tuple[Kind, str]] = [
        ("dataset", spec.dataset.name),
        ("tokenizer", spec.tokenizer.name),
        ("schedule", spec.schedule.name),
        ("engine", spec.engine),
    ]
    return tuple(_uses(wanted, registry))


def _uses(wanted: Iterable[tuple[Kind, str]], registry: Registry) -> Iterable[PluginUse]:
    for kind, name in wanted:
        try:
            entry = registry.entry(kind, name)
        except UnknownNameError:
            yield PluginUse(kind, name, "")
            continue
        version, sha256 = "", ""
        if entry.plugin == BUILTIN:
            version = metadata.version("microgpt-play")
        elif entry.origin.startswith("package "):
            version = entry.origin.rpartition(" ")[2]
        else:
            try:
                sha256 = hashlib.sha256(read_file(Path(entry.origin), MAX_BYTES)).hexdigest()
            except (OSError, ValueError):
                sha256 = ""
        yield PluginUse(kind, entry.qualified, entry.plugin, version, sha256)


def changed_since(then: Iterable[PluginUse], now: Iterable[PluginUse]) -> list[str]:
    """One sentence for each plugin that changed since the run was recorded."""
    present = {use.kind: use for use in now}
    found = []
    for use in then:
        other = present.get(use.kind)
        if other is None or use.plugin in ("", BUILTIN) or other.name != use.name:
            continue
        if use.sha256 != other.sha256:
            found.append(f"the plugin {use.plugin} was changed since this run was recorded")
        elif use.version != other.version:
            was, now_is = use.version or "unknown", other.version or "unknown"
            found.append(f"the plugin {use.plugin} was {was} then, and is {now_is} now")
    return found
