"""`runs show`: a run's settings, where it comes from, and what became of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from microgpt.terminal import in_a_line
from playground.cli.failures import fail, printable
from playground.cli.listing import Row, marked, print_rows
from playground.cli.runs.film import print_film
from playground.cli.runs.list import as_json_text, opened, places
from playground.lab.edits import WEIGHTS, Edits
from playground.lab.fork import value_words
from playground.lab.protocol.film import next_row
from playground.lab.protocol.observation import recorded_parts
from playground.lab.protocol.probes import ProbeError, ProbeSet
from playground.lab.store import runlist, summaries
from playground.lab.store.errors import StoreError
from playground.lab.timeline import HELD_OUT_ERROR
from playground.words import age, many, plus_minus

if TYPE_CHECKING:
    from playground.lab.protocol.film import FilmRow
    from playground.lab.store.records import RunRecord, RunRow
    from playground.lab.store.store import Store

_GENERATIONS = 100
"""Ancestors that are named at most."""


def show_run(words: str, *, as_json: bool, film: bool = False) -> int:
    """Print all about a run but its series, or its film alone; returns the exit code. Raises
    StoreError."""
    try:
        with opened() as store:
            row = store.find(words)
            if film and not as_json:
                return _show_film(row, store.film(row.id))
            about = _about(store, store.record(row.id), places(store, [row]).get(row.id, ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return fail(f"What was recorded of the run makes no sense: {error}. Import it again.")
    if as_json:
        click.echo(as_json_text(about))
    else:
        print_rows(list(_lines(about)))
    return 0


def _show_film(row: RunRow, rows: Sequence[FilmRow]) -> int:
    if not rows:
        steps = next_row(row.step)
        said = f"Run {row.id} has no film: none was kept when it was trained."
        if steps <= row.steps:
            said += f" Train it on, and its film begins with step {steps:,}."
        return fail(said)
    print_film(rows)
    return 0


def _about(store: Store, record: RunRecord, place: runlist.Place) -> dict[str, Any]:
    """All that is said of a run, as the object that --json prints."""
    row = record.row
    parents = _parents(store, row)
    shared = summaries.about(store, row.id)
    edits = Edits.of(shared.edits)
    last = shared.samples.batch if shared.samples else None
    probes = store.probes(row.id)
    finite = [loss for loss in record.losses if math.isfinite(loss)]
    metrics = {label: one for label, one in record.measured.items() if label != HELD_OUT_ERROR}
    return {
        **dataclasses.asdict(row),
        "model": runlist.model_words(row),
        "state": runlist.standing(row, place).words,
        "parents": parents,
        "children": [child.id for child in store.children(row.id)],
        "spec": json.loads(record.spec),
        "compared_with": shared.compared_with,
        "different": [
            {"field": one.field, "before": one.left, "now": one.right} for one in shared.different
        ],
        "edits": [
            {**dataclasses.asdict(edit), "words": edits.words(edit)} for edit in shared.edits
        ],
        "series": {
            "first_step": record.first + 1,
            "steps": len(record.losses),
            "first_loss": record.losses[0] if record.losses else None,
            "last_loss": record.losses[-1] if record.losses else None,
            "lowest_loss": min(finite, default=None),
            "held_out": [list(pair) for pair in shared.evaluations],
            "held_out_error": shared.held_out_error,
            "bits_per_character": row.bits_per_character,
            "metrics": {label: len(pairs) // 2 for label, pairs in metrics.items()},
            "tokens": record.tokens_seen,
            "seconds": record.seconds,
        },
        "states": list(record.keyframes),
        "samples": None
        if last is None
        else {
            "step": last.step,
            "prompt": last.prompt,
            "texts": [text.text for text in last.texts],
            "marks": [text.mark for text in last.texts],
        },
        "probes": {
            "steps": [one.step for one in probes],
            "asked": _asked(record.settings),
            "first": probes[0].answers if probes else [],
            "last": probes[-1].answers if probes else [],
        },
        "film": [
            {
                "step": one.step,
                "texts": [text.text for text in one.texts],
                "ended": [text.ended for text in one.texts],
                "note": one.note,
            }
            for one in store.film(row.id)
        ],
        "plugins": [dataclasses.asdict(use) for use in record.plugins],
        "data_sha256": record.data,
        "text_sha256": record.text_sha256,
    }


def _parents(store: Store, row: RunRow) -> list[dict[str, Any]]:
    """The ancestors of a run, the nearest first, each with the step of the fork."""
    found: list[dict[str, Any]] = []
    while row.parent is not None and len(found) < _GENERATIONS:
        known = {"id": row.parent, "step": row.fork_step, "name": "", "there": False}
        found.append(known)
        try:
            row = store.row(row.parent)
        except StoreError:  # deleted, or it stayed on another machine
            break
        known.update(name=row.name, there=True)
    return found


def _asked(settings: str) -> dict[str, Any] | None:
    """The probe set in a record; None if there is none, or none that can be asked."""
    with contextlib.suppress(ProbeError):
        return ProbeSet.from_dict(recorded_parts(settings).get("probes")).to_dict()
    return None


# ---------------------------------------------------------------- in words


def _lines(about: dict[str, Any]) -> Iterator[Row]:
    yield f"Run {about['id']}", about["name"]
    yield "  note", about["note"] or "–"
    yield "  uid", about["uid"]
    yield "  state", f"{about['state']}, at step {about['at']:,} of {about['steps']:,}"
    if about["owner"]:
        yield "  open in", about["owner"]
    yield "  begun", _when(about["created"])
    yield "  last touched", _when(about["touched"])
    yield from _lineage(about)
    yield "Settings", ""
    yield "  data set", about["dataset"]
    for field in (
        "tokenizer", "engine", "schedule", "seed", "optimizer", "learning_rate", "batch_size",
    ):  # fmt: skip
        yield f"  {field.replace('_', ' ')}", str(about[field])
    yield "  model", about["model"]
    yield f"Unlike {about['compared_with']}", "" if about["different"] else "nothing"
    for one in about["different"]:
        before, now = (value_words(one["field"], one[name]) for name in ("before", "now"))
        yield f"  {one['field']}", f"{before} → {now}"
    for one in about["edits"]:
        if one["field"] not in WEIGHTS:
            said = f"{_value(one['value'])} from step {one['step']:,} on, by hand"
            yield f"  {one['field']}", said
        elif one["words"]:
            yield f"  after step {one['step']:,}", one["words"]
    yield from _series(about["series"], about["states"])
    if about["film"]:
        steps = [one["step"] for one in about["film"]]
        said = f"{many(len(steps), 'row')}, from step {steps[0]:,} to {steps[-1]:,}: --film shows"
        yield "  film", f"{said} them"
    yield from _texts(about)
    yield "Made with", ""
    for use in about["plugins"]:
        yield f"  {use['kind']} {use['name']}", " ".join(
            filter(None, (use["version"], f"sha256 {use['sha256'][:12]}" if use["sha256"] else ""))
        ) or "–"  # fmt: skip
    yield "  documents", f"sha256 {about['data_sha256'][:12]}"


def _lineage(about: dict[str, Any]) -> Iterator[Row]:
    label = "  forked from"
    for parent in about["parents"]:
        name = f" ({parent['name']})" if parent["name"] else ""
        step = "" if parent["step"] is None else f" after step {parent['step']:,}"
        gone = "" if parent["there"] else ", which is not here any more"
        yield label, f"run {parent['id']}{name}{step}{gone}"
        label = "    and that"
    if about["children"]:
        yield "  forks of it", ", ".join(map(str, about["children"]))


def _series(series: dict[str, Any], states: Sequence[int]) -> Iterator[Row]:
    yield "Record", ""
    if not series["steps"]:
        yield "  steps", "none"
        return
    last = series["first_step"] + series["steps"] - 1
    yield "  steps", f"{series['first_step']:,} to {last:,}, {series['tokens']:,} tokens"
    yield (
        "  loss",
        (
            f"{series['first_loss']:.4f} → {series['last_loss']:.4f}"
            + ("" if series["lowest_loss"] is None else f", lowest {series['lowest_loss']:.4f}")
        ),
    )
    if series["held_out"]:
        step, loss = series["held_out"][-1]
        error = plus_minus(series["held_out_error"], 4)
        bits = series["bits_per_character"]
        said = "" if bits is None else f": {bits:.3f} bits a character"
        yield "  held out", f"{loss:.4f}{error} nats a token after step {step:,}{said}"
    for label, count in series["metrics"].items():
        yield f"  {label}", many(count, "value")
    yield "  trained for", f"{series['seconds']:.1f} s"
    yield "  states kept", many(len(states), "state")


def _texts(about: dict[str, Any]) -> Iterator[Row]:
    samples, probes = about["samples"], about["probes"]
    if samples:
        yield f"Samples after step {samples['step']:,}", ""
        for text, mark in zip(samples["texts"], samples["marks"], strict=True):
            yield "", printable(in_a_line(text)) + marked(mark)
    if probes["steps"]:
        prompts = (probes["asked"] or {}).get("prompts", [])
        yield f"Probes after step {probes['steps'][-1]:,}", ""
        for place, texts in enumerate(probes["last"]):
            prompt = prompts[place] if place < len(prompts) else ""
            yield f"  '{in_a_line(prompt)}'", in_a_line(" | ".join(texts)) or "–"


def _when(seconds: float) -> str:
    try:
        stamp = time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):  # the clock was far off
        return "at a time that no calendar has"
    past = age(time.time() - seconds)
    return f"{stamp} ({past if past == 'now' else past + ' ago'})"


def _value(value: Any) -> str:
    return "–" if value is None else str(value)
