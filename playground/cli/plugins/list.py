"""`plugins list`, `enable` and `disable`: the commands that import no plugin."""

from __future__ import annotations

import ast
import dataclasses
from typing import Any

import click

from microgpt.terminal import json_text
from playground.catalog import BUILTIN, Problem
from playground.cli.failures import fail, say, warn
from playground.cli.listing import print_rows
from playground.hooks import api_version, switched_off
from playground.hooks.discovery import Candidate, Finder, close_to
from playground.hooks.errors import excerpt, one_line
from playground.hooks.quarantine import Quarantine, crashed
from playground.hooks.sources import BUILT_IN, PluginSources, expanded
from playground.lab.paths import config_file, loading_folder

STATES = {"disabled": " (switched off)", "crashed": " (passed over)", "failed": " (failed)"}


def list_plugins(sources: PluginSources, *, as_json: bool) -> int:
    """Print every plugin with what it says of itself. Exit code 1 if one cannot be used."""
    finder = Finder(sources)
    candidates = finder.find()
    problems = finder.problems
    rows = [{"name": BUILTIN, "origin": BUILT_IN, "state": "found", "version": "", "api": "",
             "summary": "what the playground itself brings along"}]  # fmt: skip
    for found in candidates:
        row, more = facts(found, sources)
        problems += more
        if row["name"] != rows[-1]["name"]:  # the entry points of one package are one plugin
            rows.append(row)
    if as_json:
        said = [dataclasses.asdict(problem) for problem in problems]
        click.echo(json_text({"plugins": rows, "problems": said}, indent=2))
    else:
        shown = []
        for row in rows:
            whose = row["origin"] if row["name"] == BUILTIN else f"{row['name']}, {row['origin']}"
            shown.append((whose + STATES.get(row["state"], ""), ""))
            if row["summary"]:
                shown.append(("", row["summary"]))
        print_rows(shown)
    warn(problems)
    return 1 if problems else 0


def facts(found: Candidate, sources: PluginSources) -> tuple[dict[str, str], list[Problem]]:
    """(what a plugin says of itself, what is wrong with it), found without importing the plugin."""
    problems: list[Problem] = []
    state, api = "disabled" if found.disabled else "found", ""
    try:
        wanted = found.versions()
        api = "" if wanted is None else "..".join(map(str, dict.fromkeys(wanted)))
        if wanted is not None and not found.disabled:
            api_version.check(wanted, present_version())
    except api_version.VersionError as error:
        if not found.disabled:
            state = "failed"
            message = one_line(str(error))
            problems.append(Problem(found.name, found.origin, "version", message))
    if sources.loading and state == "found":
        kept = Quarantine(expanded(sources.loading))
        kept.look_back()
        if kept.crashed(found.key, found.stamp()):
            state = "crashed"
            problems.append(Problem(found.name, found.origin, "crash", crashed(found.name)))
    version, summary = _words(found)
    row = {"name": found.name, "origin": found.origin, "state": state, "version": version,
           "api": api, "summary": summary}  # fmt: skip
    return row, problems


def present_version() -> int:
    """The version of the plugin interface."""
    from playground.api.contribution import API_VERSION

    return API_VERSION


def _words(found: Candidate) -> tuple[str, str]:
    """(version, summary): from a package's metadata, or ("", summary) from a file's docstring."""
    try:
        if found.point is not None and found.point.dist is not None:
            metadata: Any = found.point.dist.metadata
            return one_line(found.point.dist.version), one_line(metadata["Summary"] or "")
        if found.path is not None:
            words = ast.get_docstring(ast.parse(api_version.head_of(found.path))) or ""
            return "", one_line(words.partition("\n")[0])
    except Exception:  # damaged metadata, or no Python: `plugins doctor` tells
        pass
    return "", ""


def switch(name: str, *, enabled: bool) -> int:
    """Switch a plugin on or off, from the next start on; returns the exit code."""
    from playground.cli.options import sources

    found = [item for item in Finder(sources()).find() if name in item.aliases]
    word = "on" if enabled else "off"
    if name == BUILTIN:
        return fail("the built-ins cannot be switched on or off.")
    try:
        if enabled:
            kept = Quarantine(loading_folder())
            kept.look_back()
            names = {name}.union(*(item.aliases for item in found))
            done = [switched_off.set_enabled(config_file(), each, True) for each in sorted(names)]
            done += [kept.pardon_named(each) for each in sorted(names)]
            done += [kept.pardon(item.key) for item in found]
            if not found and not any(done):
                return _unknown(name)
        elif found:
            done = [switched_off.set_enabled(config_file(), found[0].name, False)]
        else:
            return _unknown(name)
    except switched_off.SettingsError as error:
        return fail(str(error))
    shown = found[0].name if found else name
    if any(done):
        say(f"The plugin {shown} is {word} from the next start on.")
    else:
        say(f"The plugin {shown} is {word} already.")
    return 0


def _unknown(name: str) -> int:
    from playground.cli.options import sources

    known = sorted({item.name for item in Finder(sources()).find()})
    return fail(f"there is no plugin {excerpt(name)}{close_to(name, known)}")
