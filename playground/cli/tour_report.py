"""`microgpt-play tour --report`: what a learner did so far, from the journal on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from microgpt.terminal import json_text
from playground.catalog import Catalog
from playground.cli.failures import printable, say
from playground.cli.listing import Row, print_rows
from playground.hooks.sources import PluginSources
from playground.lab.store.journal import SURE, Answer, Journal, LessonRecord
from playground.words import many


def print_report(sources: PluginSources, lesson: str, *, as_json: bool) -> int:
    """Print the report; returns the exit code. lesson: the one that it is about, as a person names
    it; "" for all. Raises click.BadParameter."""
    from playground.cli.choices import refused_as
    from playground.cli.loading import load

    journal = Journal.load()
    registry = load(sources)
    if journal.trouble:
        say(f"! {journal.trouble}")
    if journal.passed_over:
        lines = many(journal.passed_over, "line")
        say(f"! {journal.path}: {lines} passed over, damaged or of a newer version.")
    if lesson and lesson not in journal.lessons:  # one that is here no more keeps its answers
        with refused_as("LESSON"):
            lesson = registry.entry("lesson", lesson).qualified
    report = _report(registry.catalog(), journal, lesson)
    if as_json:
        click.echo(json_text(report, indent=2))
    else:
        _print(report)
        if journal.lessons:
            click.echo(f"\nKept in {printable(str(journal.path))}")
    return 1 if journal.trouble else 0


def _report(catalog: Catalog, journal: Journal, only: str) -> dict[str, Any]:
    """All figures, or those of one lesson, by its qualified name. A question counts as it was
    answered the first time that it was asked."""
    there = {entry.qualified: catalog.shortest(entry) for entry in catalog.of("lesson")}
    names = {**there, **{name: name for name in journal.lessons if name not in there}}
    names = {name: shown for name, shown in names.items() if only in ("", name)}
    answers = [one for name in names for one in journal.of(name).answers.values()]
    return {
        "lessons": [
            {"lesson": shown, **_lesson(journal.of(name))} for name, shown in names.items()
        ],
        **_figures(answers),
        "sure": [
            {"sure": words, **_figures(one for one in answers if one.sure == number)}
            for number, words in SURE.items()
        ],
        "journal": str(journal.path) if journal.path else None,
    }


def _lesson(record: LessonRecord) -> dict[str, Any]:
    state = "new"
    if record.finished:
        state = "finished"
    elif record.place is not None:
        state = "begun"
    elif record.skipped:
        state = "skipped"
    return {
        "state": state,
        "step": record.place.index + 1 if record.place is not None else None,
        "steps": record.steps or None,
        **_figures(record.answers.values()),
    }


def _figures(answers: Iterable[Answer]) -> dict[str, Any]:
    found = list(answers)
    first = sum(one.first_try for one in found)
    return {
        "questions": len(found),
        "first_try": first,
        "first_try_share": round(first / len(found), 4) if found else None,
        "tries": sum(one.tries for one in found),
        "shown": sum(one.shown for one in found),
    }


def _print(report: dict[str, Any]) -> None:
    rows: list[Row] = []
    for one in report["lessons"]:
        words = str(one["state"])
        if one["state"] == "begun":
            words = f"at step {one['step']} of {one['steps']}"
        if one["questions"]:
            words += f", {_share(one)} at the first try"
        if one["shown"]:
            words += f", {many(one['shown'], 'answer')} shown"
        rows.append((one["lesson"], words))
    print_rows(rows)
    if report["questions"]:
        click.echo("")
        click.echo(f"{_share(report)} right at the first try.")
        for one in report["sure"]:
            if one["questions"]:
                click.echo(f"  when {one['sure']}: {_share(one)}")


def _share(figures: dict[str, Any]) -> str:
    return f"{figures['first_try']} of {many(figures['questions'], 'question')}"
