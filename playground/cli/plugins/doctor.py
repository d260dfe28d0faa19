"""`plugins doctor` and `plugins check`: load each plugin in its own process; say what fails."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from microgpt.terminal import json_text
from playground.catalog import BUILTIN, Problem
from playground.cli.failures import printable
from playground.cli.listing import print_rows
from playground.cli.plugins.list import facts, present_version
from playground.hooks.discovery import Candidate, Finder
from playground.hooks.errors import KIND_WORDS, one_line
from playground.hooks.examine import Examination, Examined
from playground.hooks.sources import PluginSources, found_at

_SIGNS = {"passed": "✓", "failed": "✗", "skipped": "-"}


def doctor(sources: PluginSources, *, contract: bool, deadline: float | None, as_json: bool) -> int:
    """Examine every plugin and print what is found. Exit code 1 if anything is wrong."""
    finder = Finder(sources)
    plugins: dict[str, Candidate | None] = {BUILTIN: None}
    for candidate in finder.find():
        plugins.setdefault(candidate.name, candidate)  # a package may have more entry points
    found = list(plugins.values())
    examinations = [Examination(one, contract=contract, deadline=deadline) for one in found]

    def run(one: Candidate | None, examination: Examination) -> Examined:
        return examination.run() if one is None else _one(one, sources, examination)

    # A plugin that waits costs its deadline, so others have their turn meanwhile.
    with ThreadPoolExecutor(max(2, min(4, os.cpu_count() or 1))) as pool:
        try:
            examined = list(pool.map(run, found, examinations))
        except BaseException:  # the keyboard interrupts: no plugin shall be waited for
            for examination in examinations:
                examination.kill()
            raise
    general: list[Problem] = []
    for problem in finder.problems:
        owner = next((item for item in examined if item.name == problem.plugin), None)
        (owner.problems if owner is not None else general).append(problem)
    _say_clashes(examined)
    trouble = bool(general) or any(item.trouble for item in examined)
    if as_json:
        said = {
            "api": present_version(),
            "plugins": [item.json() for item in examined],
            "problems": [dataclasses.asdict(problem) for problem in general],
            "trouble": trouble,
        }
        click.echo(json_text(said, indent=2))
        return int(trouble)
    for item in examined:
        _print(item)
    for problem in general:
        click.echo(printable(f"! {problem.plugin} ({problem.origin}): {problem.message}"))
    bad = sum(item.trouble for item in examined)
    count = len(examined) - 1
    click.echo(
        f"{count} plugin{'' if count == 1 else 's'} beside the built-ins: "
        + (f"{bad} with trouble." if bad else "all is well." if not general else "see above.")
    )
    return int(trouble)


def _one(first: Candidate, sources: PluginSources, examination: Examination) -> Examined:
    """One plugin: what its metadata says, then what its code does."""
    row, problems = facts(first, sources)
    if row["state"] in ("disabled", "failed"):  # failed: for another version, so never imported
        about = Examined(first.name, first.origin, state=row["state"])
    else:
        about = examination.run()
    about.version, about.api = row["version"], row["api"]
    about.problems = problems + about.problems
    if not first.disabled:
        about.problems += [
            Problem(first.name, first.origin, "import", message) for message in unmet(first)
        ]
    return about


def check(path: Path, *, deadline: float | None, network: bool, as_json: bool) -> int:
    """Hold all that one file contributes to its contracts. Exit code 1 if a promise is broken.

    network: what it contributes may use the network.
    """
    found = found_at(path)
    candidate = Candidate(found.name, found.origin, frozenset(), lambda: None, path=path)
    row, problems = facts(candidate, PluginSources())
    about = Examined(found.name, found.origin)
    if not problems:
        examination = Examination(candidate, contract=True, deadline=deadline, network=network)
        about = examination.run()
    about.api = row["api"]
    about.problems = problems + about.problems
    if as_json:
        click.echo(json_text({**about.json(), "trouble": about.trouble}, indent=2))
        return int(about.trouble)
    _print(about, passed=True)
    count = {word: sum(f["outcome"] == word for f in about.findings) for word in _SIGNS}
    click.echo(
        f"{count['passed']} promises kept, {count['failed']} broken, {count['skipped']} not tested"
        + (f"; {len(about.problems)} other problems." if about.problems else ".")
    )
    return int(about.trouble)


# ---------------------------------------------------------------- what only shows from outside


def _say_clashes(examined: Sequence[Examined]) -> None:
    """Add the names that two plugins contribute to the problems of the second plugin.

    A clash with a built-in is a problem already, because each plugin is loaded beside those.
    """
    builtin = {(item["kind"], item["name"]) for item in examined[0].contributions}
    first: dict[tuple[str, str], Examined] = {}
    for about in examined[1:]:
        for item in about.contributions:
            key = (item["kind"], item["name"])
            owner = first.setdefault(key, about)
            if owner is not about and key not in builtin:
                words = KIND_WORDS[item["kind"]]
                message = (
                    f"the {words} {item['name']!r} also comes from plugin {owner.name!r}"
                    f" ({owner.origin}); say '{owner.name}:{item['name']}' or"
                    f" '{about.name}:{item['name']}'"
                )
                about.problems.append(Problem(about.name, about.origin, "clash", one_line(message)))


def unmet(found: Candidate) -> list[str]:
    """The requirements of an installed package that are absent, or of the wrong version.

    Requirements under a condition are checked only if the library `packaging` is installed.
    """
    try:
        required = found.point.dist.requires if found.point and found.point.dist else None
    except Exception as error:  # damaged metadata
        return [f"what it requires cannot be read ({type(error).__name__})"]
    said = []
    for text in required or ():
        problem = _unmet(text)
        if problem:
            said.append(one_line(f"it requires {text.partition(';')[0].strip()}, {problem}"))
    return said


def _unmet(text: str) -> str:
    """Why a requirement is not met; "" if it is met."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", text)
        return "" if ";" in text or match is None else _version(match[1])[1]
    try:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            return ""
    except (InvalidRequirement, ValueError):
        return "which is no requirement that can be read"
    version, problem = _version(requirement.name)
    if problem:
        return problem
    if not requirement.specifier.contains(version, prereleases=True):
        return f"and version {version} is installed"
    return ""


def _version(name: str) -> tuple[str, str]:
    try:
        return importlib.metadata.version(name), ""
    except importlib.metadata.PackageNotFoundError:
        return "", "which is not installed"
    except Exception as error:  # damaged metadata
        return "", f"whose version cannot be read ({type(error).__name__})"


# ---------------------------------------------------------------- saying it


def _print(about: Examined, passed: bool = False) -> None:
    """Print one plugin, under its name. passed: print the promises that are kept as well."""
    whose = about.origin if about.name == BUILTIN else f"{about.name}, {about.origin}"
    state = {"loaded": f"{1000 * about.seconds:,.1f} ms", "disabled": "switched off"}
    click.echo(printable(f"{whose}: {state.get(about.state, about.state)}"))
    print_rows(list(_facts(about)))
    for problem in about.problems:
        click.echo(printable(f"  ! {problem.message}"))
        if problem.detail:
            for line in problem.detail.rstrip().splitlines():
                click.echo(printable(f"      {line}"))
    for note in about.notes:
        click.echo(printable(f"  - {note}"))
    for finding in about.findings:
        if finding["outcome"] == "failed" or passed:
            _print_finding(finding)


def _facts(about: Examined) -> Iterable[tuple[str, str]]:
    if about.api:
        yield "  interface", about.api.replace("..", " to ")
    if about.hooks:
        yield "  hooks", ", ".join(about.hooks)
    for kind, words in KIND_WORDS.items():
        names = [item["name"] for item in about.contributions if item["kind"] == kind]
        if names:
            yield f"  {words}", ", ".join(names)
    if about.findings:
        kept = sum(finding["outcome"] == "passed" for finding in about.findings)
        yield "  contract", f"{kept} of {len(about.findings)} promises kept"


def _print_finding(finding: dict[str, Any]) -> None:
    sign = _SIGNS.get(finding["outcome"], "?")
    says = finding.get("message") or finding.get("promise") or ""
    name = " ".join(filter(None, (finding["name"], finding.get("check", ""))))
    click.echo(printable(f"  {sign} {name}: {says}"))
