"""The catalog as plain data: contributions, their knobs, and what went wrong with plugins.

The catalog is apart from `playground.api`, because the screen paints before pydantic is loaded. The
worker, which runs the code of plugins, sends the catalog to the screen's process, which does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

ControlKind = Literal["slider", "switch", "choice", "text"]
KnobValue = bool | int | float | str | None

BUILTIN = "builtin"
"""The plugin name of everything that is built in."""
SUFFIXES = {
    "csv": ".csv",
    "json-lines": ".jsonl",
    "page": ".html",
    "chart": ".svg",
    "chart-png": ".png",
    "script": ".py",
    "notebook": ".ipynb",
}
"""The ending of the file that a built-in exporter writes, by the exporter's name. An exporter of a
plugin may write a folder, which has none."""

PRECISIONS = ("float64", "float32")
"""What an engine may compute in."""


@dataclass(frozen=True, slots=True)
class Control:
    """One declared parameter of a tokenizer, data set, strategy or engine."""

    name: str
    """The field's name, as in RunSpec options and on the command line."""
    label: str
    kind: ControlKind
    default: KnobValue
    minimum: float | None = None
    """Lowest value allowed; None for switches, choices and text."""
    maximum: float | None = None
    step: float | None = None
    """What one key press adds."""
    integer: bool = False
    unit: str = ""
    neutral: KnobValue = None
    """The value at which the parameter changes nothing ("off"); None if there is none."""
    choices: tuple[str, ...] = ()
    log: bool = False
    """True if the slider moves by factors instead of sums."""
    follows: str = ""
    """The model setting (block_size, ...) whose value the parameter takes at `neutral`."""
    help: str = ""
    below: str = ""
    """What to choose instead of a value below the lowest; "" if there is nothing to say."""


Kind = Literal[
    "tokenizer",
    "dataset",
    "strategy",
    "engine",
    "schedule",
    "metric",
    "panel",
    "exporter",
    "lesson",
    "writer",
]
KINDS: tuple[Kind, ...] = (
    "dataset", "tokenizer", "strategy", "engine", "schedule", "metric", "panel", "exporter",
    "lesson", "writer",
)  # fmt: skip

HOOKS: dict[str, Kind] = {
    "microgpt_tokenizers": "tokenizer",
    "microgpt_datasets": "dataset",
    "microgpt_sampling_strategies": "strategy",
    "microgpt_engines": "engine",
    "microgpt_schedules": "schedule",
    "microgpt_metrics": "metric",
    "microgpt_panels": "panel",
    "microgpt_exporters": "exporter",
    "microgpt_lessons": "lesson",
    "microgpt_writers": "writer",
}
"""Every hook, and the kind of thing it contributes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One contribution, as pickers and lists show it."""

    kind: Kind
    name: str
    """The contribution's own name, "min-p"."""
    plugin: str
    """Who contributed it: "builtin", a distribution's name, a file's stem."""
    origin: str
    """In words: "built in", "package llm-words 1.2", the path of a file."""
    summary: str
    controls: tuple[Control, ...] = ()
    missing: str = ""
    """Why the contribution cannot be used here, and how to change that; "" if it can be used."""
    stale: str = ""
    """What is wrong with the newest version of the plugin's file, so that the version before is
    still in use; "" if the newest version is in use."""
    knows: tuple[str, ...] = ()
    """Of an engine: what it knows beside the whole model and Adam, as `microgpt.config.ABILITIES`
    has it."""
    precision: str = "float64"
    """Of an engine: what it computes in, one of PRECISIONS."""

    @property
    def qualified(self) -> str:
        """ "plugin:name", which always resolves."""
        return f"{self.plugin}:{self.name}"


Stage = Literal[
    "import", "hook", "contribution", "clash", "version", "crash", "disabled", "conduct"
]
"""Where a plugin failed. version: written for another API; crash: the plugin ended the process when
it was last loaded; disabled: a plugin that was to be switched off is not there; conduct: the plugin
was loaded, but changed what belongs to the whole process."""

STAGES: dict[Stage, str] = {
    "import": "could not be imported",
    "hook": "a hook of it failed",
    "contribution": "offers something that cannot be used",
    "clash": "clashes with another",
    "version": "is for another version",
    "crash": "was passed over",
    "disabled": "names no plugin",
    "conduct": "was loaded, with side effects",
}
"""Each stage in words, as they follow the plugin's name."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A plugin, or a part of one, that could not be used. Other plugins are unharmed."""

    plugin: str
    origin: str
    stage: Stage
    message: str
    """One line: what and why."""
    detail: str = ""
    """The traceback, if there is one."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin that was found, whether it could be loaded or not."""

    name: str
    origin: str
    state: Literal["loaded", "disabled", "failed", "crashed"]
    """failed: the plugin's code, or a part of it, could not be imported. crashed: the plugin ended
    the process when it was last loaded, and so was not tried again."""
    contributions: int = 0
    seconds: float = 0.0
    """Time its import and its hooks took."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything the worker can make, and everything it could not load."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    """All that were found, in the order of loading; those that are switched off, too."""
    offers: tuple[Entry, ...] = ()
    """What the gallery would add; `missing` says how."""

    def of(self, kind: Kind) -> tuple[Entry, ...]:
        """The contributions of one kind, built-ins first, in the order they were declared."""
        return tuple(entry for entry in self.entries if entry.kind == kind)

    def listed(self, kind: Kind) -> tuple[Entry, ...]:
        """The contributions of one kind, and after them what the gallery would add."""
        return self.of(kind) + tuple(entry for entry in self.offers if entry.kind == kind)

    def find(self, kind: Kind, name: str) -> Entry | None:
        """The entry that a bare or qualified name means; None if there is none, or if a bare
        name stands for several and none of them is built in."""
        entries = self.of(kind)
        for entry in entries:
            if entry.qualified == name:
                return entry
        owners = [entry for entry in entries if entry.name == name]
        if len(owners) == 1 or (owners and owners[0].plugin == BUILTIN):
            return owners[0]
        return None

    def why_unable(self, entry: Entry, needs: Sequence[str]) -> str:
        """Why an engine cannot train a model that needs all this, and which engines can; "" if it
        can. needs: as `microgpt.config.needs` has it."""
        lacking = [need for need in needs if need not in entry.knows]
        if not lacking:
            return ""
        parts, sgd = [need for need in lacking if need != "sgd"], "sgd" in lacking
        what = [f"no model without {' or '.join(parts)}"] if parts else []
        what += ["no SGD"] if sgd else []
        able = [
            self.shortest(one)
            for one in self.of("engine")
            if not one.missing and set(needs) <= set(one.knows)
        ]
        others = f": {' and '.join(able)} {'do' if len(able) > 1 else 'does'}" if able else ""
        return f"knows {' and '.join(what)}{others}"

    def shortest(self, entry: Entry) -> str:
        """The shortest name that means this entry: its own name where that is enough, else
        "plugin:name"."""
        if self.find(entry.kind, entry.name) == entry:
            return entry.name
        alone = [one.name for one in self.listed(entry.kind)].count(entry.name) == 1
        return entry.name if alone else entry.qualified
