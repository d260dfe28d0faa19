"""`plugins new`: writes a small plugin that works, for a person to change."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import cast

import click

from microgpt.shell import shell_word
from playground.catalog import Kind
from playground.cli.failures import fail, printable
from playground.cli.options import absolute, sources
from playground.cli.plugins.list import present_version
from playground.hooks.discovery import Finder
from playground.hooks.errors import KIND_WORDS
from playground.hooks.gallery import install
from playground.hooks.sources import PluginSources
from playground.lab.paths import plugin_folder

MAX_NAME = 40
_USES: dict[str, str] = {
    "strategy": "press c and add it to the chain",
    "tokenizer": "press t and choose it",
    "dataset": "press d and choose it",
    "metric": "press m and choose it",
    "schedule": "press h and choose it as the schedule",
    "panel": "choose it among the panels",
    "exporter": "press x and choose it",
    "engine": "press e and choose it",
    "lesson": "in the playground, T lists it",
    "writer": "press O and choose it",
}
"""How to use a contribution in the playground, by its kind."""


def new(kind: str, name: str, *, package: bool, test: bool, folder: Path | None) -> int:
    """Write the files, and print where they are and what to do next; returns the exit code. Raises
    click.BadParameter."""
    _check_name(cast(Kind, kind), name)
    base = Path(absolute(folder)) if folder is not None else Path.cwd() if package else None
    base = base if base is not None else plugin_folder()
    wanted = _package(kind, name) if package else _single(kind, name, test)
    root = base / f"microgpt-play-{name}" if package else base
    try:
        if package and root.exists():
            return fail(
                f"{str(root)!r} is there already. Nothing was written: choose another name."
            )
        for path in wanted:
            if (root / path).exists() or (root / path).is_symlink():
                return fail(f"{str(root / path)!r} is there already. Nothing was written.")
        for path, text in wanted.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:  # "x" fails where a file is
                file.write(text)
    except OSError as error:
        return fail(f"{str(root)!r} cannot be written to: {error.strerror}. Try --folder.")
    for path in wanted:
        click.echo(f"wrote {printable(str(root / path))}")
    _say_next(kind, name, root, package, in_folder=root == plugin_folder())
    return 0


def _say_next(kind: str, name: str, root: Path, package: bool, in_folder: bool) -> None:
    click.echo("\nNext:")
    if package:
        click.echo(f"  {install(str(root), editable=True)}")
        if importlib.util.find_spec("pytest") is None:
            click.echo(f"  {install('pytest')}")
        click.echo(f"  {shell_word(sys.executable)} -m pytest {shell_word(root)}")
        click.echo("  microgpt-play plugins doctor")
        return
    file = shell_word(root / f"{name}.py")
    click.echo(f"  microgpt-play plugins check {file}")
    play = f"microgpt-play tour {name}" if kind == "lesson" else "microgpt-play"
    if in_folder:
        click.echo(f"  {play}            # it is loaded by itself: {_USES[kind]}")
    else:
        click.echo(f"  {play} --plugin {file}            # {_USES[kind]}")


# ---------------------------------------------------------------- names


def _check_name(kind: Kind, name: str) -> None:
    shown = repr(printable(name)[:MAX_NAME])
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name, re.ASCII) or len(name) > MAX_NAME:
        suggestion = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:MAX_NAME]
        hint = f" '{suggestion}' would do." if suggestion else ""
        raise click.BadParameter(
            f"{shown} must be lower-case letters and digits, words joined by single hyphens, at"
            f" most {MAX_NAME} in all.{hint}",
            param_hint="NAME",
        )
    if keyword.iskeyword(name) or name in ("builtin", "test", "tests"):
        raise click.BadParameter(
            f"{shown} has a meaning of its own. Choose another.", param_hint="NAME"
        )
    from playground.hooks.manager import load

    there = load(PluginSources(entry_points=False)).catalog().of(kind)
    if any(entry.name == name for entry in there):
        raise click.BadParameter(
            f"there is a built-in {KIND_WORDS[kind]} {shown}. Choose another.", param_hint="NAME"
        )
    for found in Finder(sources()).find():
        if found.aliases & {name, f"microgpt-play-{name}"}:
            raise click.BadParameter(
                f"there is a plugin {shown} already ({found.origin}). Choose another.",
                param_hint="NAME",
            )


def _class(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


# ---------------------------------------------------------------- files


def _single(kind: str, name: str, test: bool) -> dict[str, str]:
    """Path in the folder -> text. The test lies in a subfolder, which is no plugin."""
    module = name.replace("-", "_")
    wanted = {f"{name}.py": template(kind, name)}
    if test:
        wanted[f"tests/test_{module}.py"] = _fill("test_file", file=f"{name}.py", module=module)
    return wanted


def _package(kind: str, name: str) -> dict[str, str]:
    module = "microgpt_play_" + name.replace("-", "_")
    words = KIND_WORDS[cast(Kind, kind)]
    facts = {
        "name": name,
        "module": module,
        "distribution": f"microgpt-play-{name}",
        "words": ("An " if words[0] in "aeiou" else "A ") + words,
        "api": str(present_version()),
    }
    return {
        "pyproject.toml": _fill("pyproject", **facts),
        "README.md": _fill("readme", **facts),
        f"src/{module}/__init__.py": template(kind, name),
        "tests/test_contract.py": _fill("test_package", **facts),
    }


def template(kind: str, name: str) -> str:
    """The source of a plugin that contributes one thing of a kind."""
    return _fill(
        kind,
        **{
            "name": name,
            "Class": _class(name),
            "title": name.replace("-", " ").capitalize(),
            "api": str(present_version()),
        },
    )


def _fill(template: str, **facts: str) -> str:
    folder = files("playground.cli") / "templates"
    text = (folder / f"{template}.txt").read_text(encoding="utf-8")
    for key, value in facts.items():
        text = text.replace("{{" + key + "}}", value)
    return text
