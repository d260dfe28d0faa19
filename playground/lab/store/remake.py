"""The command that makes a run again: the same settings, and so the same losses.

A run is made again from its RunSpec alone. What was set by hand in mid-run, and a fork whose
beginning had other settings, are in no RunSpec; then the command is the one that takes the recorded
run elsewhere, and `reasons` says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from microgpt.config import PARTS
from microgpt.shell import shell_word
from playground.catalog import BUILTIN
from playground.hooks.sources import expanded
from playground.lab.edits import WEIGHTS, Edit, Edits, operations_in
from playground.lab.fork import flat
from playground.lab.paths import sha256_of
from playground.lab.spec import PARTS_FIELD, Choice, RunSpec, SpecError
from playground.lab.store.records import RunRecord

_OPTIONS = {
    "model.n_embd": "--n-embd",
    "model.n_head": "--n-head",
    "model.n_layer": "--n-layer",
    "model.block_size": "--block-size",
    "steps": "--steps",
    "optimizer.name": "--optimizer",
    "optimizer.learning_rate": "--learning-rate",
    "batch_size": "--batch-size",
    "seed": "--seed",
    "holdout": "--holdout",
    "eval_every": "--eval-every",
    "engine": "--engine",
}
"""The option of `train` for each setting that is a number or the engine."""
_CHOICES = ("dataset", "tokenizer", "schedule")
_SAVED = ".safetensors"
_SHORT = 1_000
"""Characters of operations before the first step that a command can say."""


@dataclass(frozen=True, slots=True)
class Remake:
    """How a run is made again."""

    command: str
    """For a shell; "" if there is none."""
    reasons: tuple[str, ...] = ()
    """Why the command trains no such run but takes the recorded one elsewhere; empty if it makes
    the run again."""
    needs: tuple[str, ...] = ()
    """Names of the plugins that must be there."""

    @property
    def exact(self) -> bool:
        """True if the command makes the run again."""
        return not self.reasons


def of_record(record: RunRecord, plugins: str = "") -> Remake:
    """How a recorded run is made again. plugins: the options that choose the plugins."""
    return remake(
        record.spec,
        record.edits,
        from_start=record.earliest == 0,
        run=record.row.id,
        text=record.text_sha256,
        plugins=plugins,
        used=used_by(record),
    )


def used_by(record: RunRecord) -> set[str]:
    """The names of the plugins that the losses of a recorded run depend on."""
    return {use.plugin for use in record.plugins if use.kind in (*_CHOICES, "engine")}


def remake(
    spec: str,
    edits: Iterable[Edit],
    *,
    from_start: bool,
    run: int | None = None,
    text: str = "",
    plugins: str = "",
    used: Iterable[str] = (),
) -> Remake:
    """How a run with these settings and edits is made again.

    from_start: the settings are those of all its steps, from the first on. run: its number in the
    store; None if it is not recorded. text: the SHA-256 of the file that it learnt from. plugins:
    the options that choose the plugins, each after a space. used: the plugins it was made with.
    """
    needs = tuple(sorted({name for name in used if name != BUILTIN}))
    edits = tuple(edits)
    try:
        settings = RunSpec.parse(spec)
        later = [edit for edit in edits if edit.step > 0 and edit.field not in WEIGHTS]
        for edit in edits:
            if edit.step == 0 and edit.field not in WEIGHTS:
                field = "engine" if edit.field == "engine" else "optimizer.learning_rate"
                settings = settings.replace({field: edit.value})
    except SpecError as error:
        return _taken_elsewhere(run, (f"its settings cannot be: {error}",), needs)
    reasons = [
        f"the {edit.field.replace('_', ' ')} was set to {edit.value} by hand after step "
        f"{edit.step:,}"
        for edit in later
    ]
    told, at_first = Edits.of(edits), list[str]()
    for edit in edits:
        done = told.words(edit) if edit.field in WEIGHTS else ""
        if done and edit.step == 0 and len(str(edit.value)) <= _SHORT:
            option = "--cut" if edit.field == "surgery" else "--hold"
            for operation in operations_in(str(edit.value)):
                at_first += [option, shell_word(str(operation))]
        elif done:
            reasons.append(f"by hand after step {edit.step:,}: {done}")
    if not from_start:
        reasons.append("it goes on from a state whose steps had other settings")
    words, unsaid = _words(settings)
    reasons += unsaid
    path = settings.dataset.options.get("path")
    if text and isinstance(path, str) and sha256_of(path) != text:
        reasons.append(f"{path} does not hold the text any more that it learnt from")
    if reasons:
        return _taken_elsewhere(run, tuple(reasons), needs)
    return Remake(" ".join(["microgpt-play train", *words, *at_first]) + plugins, needs=needs)


def _taken_elsewhere(run: int | None, reasons: tuple[str, ...], needs: tuple[str, ...]) -> Remake:
    command = f"microgpt-play runs export {run} run-{run}.microgpt-run" if run is not None else ""
    return Remake(command, reasons, needs)


def _words(settings: RunSpec) -> tuple[list[str], list[str]]:
    """(the words that give all settings that are not the usual ones, the settings without an
    option)."""
    words: list[str] = []
    unsaid: list[str] = []
    now, usual = settings.model_dump(), RunSpec().model_dump()
    for field in _CHOICES:
        if now[field] != usual[field]:
            said = _file(settings.dataset) if field == "dataset" else None
            said = said or _choice(field, getattr(settings, field))
            if said is None:
                unsaid.append(f"a command cannot say the options of its {field}")
            else:
                words += said
    present, default = flat(_without(now)), flat(_without(usual))
    for field, value in present.items():
        if value == default[field]:
            continue
        if field == PARTS_FIELD:
            for part in PARTS:
                words += [] if part in value else ["--leave-out", part]
        elif field not in _OPTIONS:
            unsaid.append(f"{field.replace('_', ' ')} is {value}, for which there is no option")
        else:
            words += [_OPTIONS[field], shell_word(str(value))]
    return words, unsaid


def _without(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _CHOICES}


def _file(dataset: Choice) -> list[str] | None:
    """The words for a text file as FILE; None if it must be named as a data set."""
    options = dict(dataset.options)
    path, split = options.pop("path", None), options.pop("split", "lines")
    if dataset.name != "text-file" or not isinstance(path, str) or not path:
        return None
    if any(options.values()) or path.endswith(_SAVED):
        return None
    words = [shell_word(expanded(path).absolute())]
    return words if split == "lines" else [*words, "--split", shell_word(str(split))]


def _choice(field: str, choice: Choice) -> list[str] | None:
    """The words for a contribution with its knobs; None if a value cannot be written."""
    said = choice_text(choice.name, choice.options)
    return None if said is None else [f"--{field}", shell_word(said)]


def choice_text(name: str, options: Mapping[str, Any]) -> str | None:
    """A contribution with its knobs as the command line reads it, "min-p:min_p=0.05"; None if a
    value cannot be written."""
    parts = []
    for knob, value in options.items():
        if value is None:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if "," in text or text != text.strip() or text[:1] in ("'", '"'):
            quote = next((one for one in "\"'" if one not in text), "")
            if not quote:
                return None
            text = f"{quote}{text}{quote}"
        parts.append(f"{knob}={text}")
    return f"{name}:{','.join(parts)}" if parts else name
