"""The commands of `microgpt-play plugins ...`, with their options and help. The code of a command
is imported when the command is called."""

from __future__ import annotations

from pathlib import Path

import click

from playground.cli.help import CONTEXT, PATH, Group, Seconds, option
from playground.cli.options import plugin_file, plugin_options
from playground.hooks.sources import PluginSources

NEW_KINDS = (
    "strategy", "tokenizer", "dataset", "metric", "schedule", "panel", "exporter", "engine",
    "lesson", "writer",
)  # fmt: skip


@click.group(cls=Group, context_settings=CONTEXT, invoke_without_command=True)
@click.pass_context
def plugins(ctx: click.Context) -> int:
    """List plugins, examine them, begin one of your own."""
    return 0 if ctx.invoked_subcommand else int(ctx.invoke(plugins_list))


@plugins.command("list", context_settings=CONTEXT, short_help="List them; import nothing.")
@option("--json", "as_json", is_flag=True, help="As JSON.")
@plugin_options
def plugins_list(sources: PluginSources, as_json: bool) -> int:
    """List plugins by what they say of themselves; none is imported.

    Ends with exit code 1 if one of them will not be used; `plugins doctor` says more.
    """
    from playground.cli.plugins.list import list_plugins

    return list_plugins(sources, as_json=as_json)


@plugins.command("doctor", context_settings=CONTEXT, short_help="Load each, say what is wrong.")
@option("--contract", is_flag=True, help="Hold what they contribute to its contract (slow).")
@option("--seconds", type=Seconds(0.1, 3600), metavar="X",
        help="How long a plugin may take (10; 120 with --contract).")  # fmt: skip
@option("--json", "as_json", is_flag=True, help="As JSON.")
@plugin_options
def plugins_doctor(
    sources: PluginSources, contract: bool, seconds: float | None, as_json: bool
) -> int:
    """Load every plugin in a process of its own, and say what came of it.

    For each: how long its import took, what it contributes through which hooks, clashes, what it
    requires and is missing, and the traceback of what failed. Exit code 1 if anything is wrong.
    """
    from playground.cli.plugins.doctor import doctor

    return doctor(sources, contract=contract, deadline=seconds, as_json=as_json)


@plugins.command("check", context_settings=CONTEXT, short_help="Hold one file to the contracts.")
@click.argument("file", type=PATH)
@option("--seconds", type=Seconds(0.1, 3600), metavar="X",
        help="How long all of it may take (120).")  # fmt: skip
@option("--network", is_flag=True, help="Let data sets download, and writers send (see above).")
@option("--json", "as_json", is_flag=True, help="As JSON.")
def plugins_check(file: Path, seconds: float | None, network: bool, as_json: bool) -> int:
    """Hold all that a plugin FILE contributes to the contract of its kind.

    FILE is a Python file, or the folder of a package. It runs in a process of its own. Every
    promise is listed as kept (✓), broken (✗) or not tested (-); exit code 1 if one is broken.

    Without --network, data sets are prepared as on a machine that is offline, and a writer that
    sends something is asked for no text. With it, a writer sends about eight prompts of the check's
    own, one of 2,000 characters, to where it says, with your key; you may have to pay for them.
    """
    from playground.cli.plugins.doctor import check

    path = Path(plugin_file(file, "FILE"))
    return check(path, deadline=seconds, network=network, as_json=as_json)


@plugins.command("new", context_settings=CONTEXT, short_help="Begin one, from a working example.")
@click.argument("kind", type=click.Choice(NEW_KINDS), metavar="KIND")
@click.argument("name")
@option("--package", is_flag=True, help="A whole distribution, ready to be installed.")
@option("--test", is_flag=True, help="Also a test file for pytest (a package always has one).")
@option("--folder", type=PATH, metavar="DIR",
        help="Where to (your plugin folder; where you are, with --package).")  # fmt: skip
def plugins_new(kind: str, name: str, package: bool, test: bool, folder: Path | None) -> int:
    """Write a small plugin that works, to be changed into your own.

    KIND is strategy, tokenizer, dataset, metric, schedule, panel, exporter, engine, lesson or
    writer. NAME is what it will be called: lower case, words joined by hyphens. Nothing is ever
    overwritten.
    """
    from playground.cli.plugins.new import new

    return new(kind, name, package=package, test=test, folder=folder)


@plugins.command("enable", context_settings=CONTEXT, short_help="Use one (again).")
@click.argument("name")
def plugins_enable(name: str) -> int:
    """Use a plugin again, that was switched off or passed over."""
    from playground.cli.plugins.list import switch

    return switch(name, enabled=True)


@plugins.command("disable", context_settings=CONTEXT, short_help="Do not import one any more.")
@click.argument("name")
def plugins_disable(name: str) -> int:
    """Switch a plugin off: it is not even imported, until `plugins enable`."""
    from playground.cli.plugins.list import switch

    return switch(name, enabled=False)
