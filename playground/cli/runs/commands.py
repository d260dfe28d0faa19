"""The commands of `microgpt-play runs ...`, with their options and help. The code of a command is
imported when the command is called."""

from __future__ import annotations

from pathlib import Path

import click

from playground.cli import completion
from playground.cli.help import CONTEXT, PATH, Group, option
from playground.cli.options import plugin_options
from playground.hooks.sources import PluginSources

RUN = "RUN is a number, a name, or the beginning of a uid; `runs list` shows them."
FORMATS = ("run", "csv", "jsonl", "model")

_query = click.argument("query", nargs=-1)
_run = click.argument("run", shell_complete=completion.runs)
_runs = click.argument("run", nargs=-1, required=True, shell_complete=completion.runs)


@click.group(cls=Group, context_settings=CONTEXT, invoke_without_command=True)
@click.pass_context
def runs(ctx: click.Context) -> int:
    """List what was trained, take it elsewhere, tidy up.

    The playground records every run by itself; `a` in it shows the same runs.
    """
    return 0 if ctx.invoked_subcommand else int(ctx.invoke(runs_list))


@runs.command("list", context_settings=CONTEXT, short_help="List them, the newest first.")
@_query
@option("--sort", metavar="FIELD",
        help="By this field, the smallest first; -FIELD: the largest (-created).")  # fmt: skip
@option("--limit", type=click.IntRange(1), metavar="N", help="At most so many.")
@option("--group", metavar="FIELD",
        help="In groups by this setting (lr, seed, engine, data, width, parent ...), each with its "
             "best, mean and spread.")  # fmt: skip
@option("--json", "as_json", is_flag=True,
        help="One JSON object a line and run; with --group, a line and group.")  # fmt: skip
def runs_list(
    query: tuple[str, ...],
    sort: str | None,
    limit: int | None,
    group: str | None,
    as_json: bool,
) -> int:
    """List the runs that fit QUERY, all of them if there is none.

    QUERY is words to be found in name, note or data set, and conditions, as in

    \b
        microgpt-play runs list 'lr>=0.01 dataset=names touched<2d'

    with = != > >= < <= and ~ (contains) between a field and a value. Quote it, or the shell
    takes > for itself. A field that does not exist is refused with the list of those that do.

    loss and held out are nats a token. bits/char is the held-out loss in bits a character, which
    also compares runs with other tokenizers: the nats of all measured tokens, ends of documents
    included, by the characters of the measured text, where an end is no character. Of a document
    that is longer than the context, only its beginning is measured.

    The figures of a group are held-out losses: ± is the standard deviation between its runs. They
    are bits a character where only these can be compared, and left out where neither can be.
    """
    from playground.cli.runs.list import list_runs

    return list_runs(" ".join(query), sort=sort, limit=limit, group=group, as_json=as_json)


@runs.command("tree", context_settings=CONTEXT, short_help="Which was forked from which.")
@_query
def runs_tree(query: tuple[str, ...]) -> int:
    """Show each fork below the run it was forked from, as far as they fit QUERY."""
    from playground.cli.runs.list import show_tree

    return show_tree(" ".join(query))


@runs.command("show", context_settings=CONTEXT, epilog=RUN, short_help="All about one.")
@_run
@option("--film", is_flag=True,
        help="What it wrote every so many steps, with the same dice.")  # fmt: skip
@option("--json", "as_json", is_flag=True, help="As one JSON object.")
def runs_show(run: str, film: bool, as_json: bool) -> int:
    """Show a run's settings and what became of it.

    What is unlike its parent, or unlike the default; where it comes from and what was forked
    from it; edits, losses, samples, answers to probes, the film strip, plugins.
    """
    from playground.cli.runs.show import show_run

    return show_run(run, as_json=as_json, film=film)


@runs.command("command", context_settings=CONTEXT, epilog=RUN, short_help="The one that made it.")
@_run
@plugin_options
def runs_command(run: str, sources: PluginSources) -> int:
    """Print the command that makes a run again.

    It trains with the same settings, and so comes to the same losses. A run that no one command
    makes, as one in which something was set by hand, is taken elsewhere instead: then the command
    is that of `runs export`, and standard error says why.
    """
    from playground.cli.runs.remake import print_command

    return print_command(run, sources)


@runs.command("export", context_settings=CONTEXT, epilog=RUN, short_help="One to a file.")
@_run
@click.argument("path", type=PATH)
@option("--as", "kind", type=click.Choice(FORMATS), section="Output",
        help="run: all of it, for another machine (.microgpt-run); csv or jsonl: what was "
             "measured at each step; model: the weights (.safetensors).")  # fmt: skip
@option("--step", type=click.IntRange(0), metavar="N", section="Output",
        help="The model after N steps (where the run stands).")  # fmt: skip
@option("--force", is_flag=True, section="Output", help="Replace a file that is there.")
@option("--json", "as_json", is_flag=True, section="Output",
        help="Say what was written as one JSON object.")  # fmt: skip
@plugin_options
def runs_export(
    run: str,
    path: Path,
    sources: PluginSources,
    kind: str | None,
    step: int | None,
    force: bool,
    as_json: bool,
) -> int:
    """Write a run, its figures or its model to PATH; its ending says which.

    With - for PATH and --as csv or jsonl the figures are printed.

    A model of a step whose state was not kept is trained there again from an earlier one; it is
    the same to the bit.
    """
    from playground.cli.runs.files import export_run

    return export_run(run, path, sources, kind=kind, step=step, force=force, as_json=as_json)


@runs.command("import", context_settings=CONTEXT, short_help="One from a file.")
@click.argument("file", type=PATH)
@option("--json", "as_json", is_flag=True, help="Say what it became as one JSON object.")
def runs_import(file: Path, as_json: bool) -> int:
    """Take in a run that was exported as .microgpt-run, here or on another machine.

    It goes on from where it stood, bit for bit; the text it learns from came with it. One that
    is here already is imported beside it.
    """
    from playground.cli.runs.files import import_run

    return import_run(file, as_json=as_json)


@runs.command("delete", context_settings=CONTEXT, epilog=RUN, short_help="Put some away.")
@_runs
@option("--yes", is_flag=True, help="Do not ask.")
@option("--json", "as_json", is_flag=True, help="Say which as one JSON object; needs --yes.")
def runs_delete(run: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Delete runs. `runs restore` brings them back, until they are purged."""
    from playground.cli.runs.manage import delete

    return delete(run, yes=yes, as_json=as_json)


@runs.command("restore", context_settings=CONTEXT, epilog=RUN, short_help="Bring some back.")
@_runs
@option("--json", "as_json", is_flag=True, help="Say which as one JSON object.")
def runs_restore(run: tuple[str, ...], as_json: bool) -> int:
    """Bring deleted runs back, as they were."""
    from playground.cli.runs.manage import restore

    return restore(run, as_json=as_json)


@runs.command("rename", context_settings=CONTEXT, epilog=RUN, short_help="Give one a name.")
@_run
@click.argument("name")
def runs_rename(run: str, name: str) -> int:
    """Call a run NAME; "" takes its name away."""
    from playground.cli.runs.manage import rename

    return rename(run, name)


@runs.command("note", context_settings=CONTEXT, epilog=RUN, short_help="Write something to one.")
@_run
@click.argument("text")
def runs_note(run: str, text: str) -> int:
    """Write TEXT to a run, in place of what was written to it before; "" takes that away."""
    from playground.cli.runs.manage import annotate

    return annotate(run, text)


@runs.command("check", context_settings=CONTEXT, short_help="Is the file sound, how large is it?")
@option("--purge", is_flag=True,
        help="Give up for good what was deleted more than a week ago.")  # fmt: skip
@option("--json", "as_json", is_flag=True, help="As one JSON object.")
def runs_check(purge: bool, as_json: bool) -> int:
    """Look through the whole file that the runs are kept in.

    Exit code 1 if anything in it is damaged.
    """
    from playground.cli.runs.manage import check

    return check(purge=purge, as_json=as_json)
