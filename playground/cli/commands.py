"""Every command, its words and its help. What a command does is imported when it is called.

Help and errors never import Textual; starting the playground starts its worker first, so that
the worker and the screen load side by side.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from playground.cli.options import changes, make_spec, plugin_options, run_options, sources

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class PlayOrCommand(click.Group):
    """`microgpt-play names.txt` plays; `microgpt-play train names.txt` trains."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and (args[0] in self.commands or args[0] in ("-h", "--help", "--version")):
            return super().parse_args(ctx, args)
        return super().parse_args(ctx, ["play", *args])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[FILE] [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", prefix="       ")


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"microgpt-play {version('microgpt-play')}, Python {sys.version.split()[0]}")
        ctx.exit()


@click.group(cls=PlayOrCommand, context_settings=CONTEXT)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version,
              help="Show the version and exit.")  # fmt: skip
def cli() -> None:
    """Watch, steer and take apart a GPT while it learns.

    Without a command it opens the playground: on 32,469 given names, on a text FILE of your
    own, or on a saved model (.safetensors). `microgpt-play play --help` lists its options.
    """


@cli.command(context_settings=CONTEXT)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@run_options
@plugin_options
@click.option("--theme", metavar="NAME", help="Colours: microgpt-dark, microgpt-light, nord, ...")
def play(
    file: Path | None,
    plugins: tuple[Path, ...],
    no_plugins: bool,
    without: tuple[str, ...],
    theme: str | None,
    **values: Any,
) -> None:
    """Open the playground (also without the word "play")."""
    from playground.cli.play import open_playground

    where = sources(plugins, no_plugins, without)
    said = changes(None if _is_checkpoint(file) else file, values)
    checkpoint = file if _is_checkpoint(file) else None
    sys.exit(open_playground(said, where, checkpoint=checkpoint, theme=theme))


@cli.command(context_settings=CONTEXT)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@run_options
@plugin_options
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write the model to PATH (.safetensors) at the end, or when interrupted.",
)
@click.option(
    "--samples",
    type=click.IntRange(0, 10_000),
    default=20,
    show_default=True,
    help="Texts to sample at the end.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(0, min_open=True),
    default=0.5,
    show_default=True,
    help="Of those samples.",
)
@click.option("--json", "as_json", is_flag=True,
              help="One JSON object a line: each step, then the samples.")  # fmt: skip
def train(
    file: Path | None,
    plugins: tuple[Path, ...],
    no_plugins: bool,
    without: tuple[str, ...],
    save: Path | None,
    samples: int,
    temperature: float,
    as_json: bool,
    **values: Any,
) -> None:
    """Train without a screen.

    On FILE, on the embedded names, or on from a saved run (a .safetensors FILE).
    """
    from playground.cli.train import train_run

    where = sources(plugins, no_plugins, without)
    checkpoint = file if _is_checkpoint(file) else None
    said = changes(None if checkpoint else file, values)
    if checkpoint is not None and said:
        raise click.UsageError("A saved run brings its own settings: leave the options out.")
    spec = None if checkpoint is not None else make_spec(said, where)
    sys.exit(
        train_run(
            spec,
            where,
            checkpoint=checkpoint,
            save=save,
            samples=samples,
            temperature=temperature,
            as_json=as_json,
        )
    )


@cli.command(context_settings=CONTEXT)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, 1_000_000),
    default=20,
    show_default=True,
    help="How many texts.",
)
@click.option("--prompt", default="", help="What every text begins with.")
@click.option(
    "--temperature",
    type=click.FloatRange(0, min_open=True),
    default=None,
    help="Short for --strategy temperature:temperature=... (0.5).",
)
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="NAME[:KNOB=VALUE,...]",
    help="A link of the chain from logits to token, in order (may be repeated).",
)
@click.option("--seed", type=int, default=42, show_default=True, help="The same texts again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@plugin_options
def sample(
    checkpoint: Path,
    count: int,
    prompt: str,
    temperature: float | None,
    strategies: tuple[str, ...],
    seed: int,
    as_json: bool,
    plugins: tuple[Path, ...],
    no_plugins: bool,
    without: tuple[str, ...],
) -> None:
    """Sample text from a saved model.

    CHECKPOINT is a .safetensors file, written by `train --save` or by ctrl+s in the playground.
    """
    from playground.cli.sample import sample_texts

    where = sources(plugins, no_plugins, without)
    sys.exit(
        sample_texts(
            checkpoint,
            where,
            count=count,
            prompt=prompt,
            temperature=temperature,
            strategies=strategies,
            seed=seed,
            as_json=as_json,
        )
    )


def _listing(kind: str, plural: str) -> None:
    @cli.command(plural, context_settings=CONTEXT, help=f"List {plural} and their knobs.")
    @click.option("--json", "as_json", is_flag=True, help="As JSON.")
    @plugin_options
    def listing(
        as_json: bool, plugins: tuple[Path, ...], no_plugins: bool, without: tuple[str, ...]
    ) -> None:
        from playground.cli.listing import list_entries

        where = sources(plugins, no_plugins, without)
        sys.exit(list_entries(kind, where, as_json=as_json))


for _kind, _plural in (
    ("dataset", "datasets"),
    ("tokenizer", "tokenizers"),
    ("strategy", "strategies"),
    ("engine", "engines"),
):
    _listing(_kind, _plural)


@cli.group(context_settings=CONTEXT)
def plugins() -> None:
    """What plugins there are, and what is wrong with them."""


@plugins.command("list", context_settings=CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@plugin_options
def plugins_list(
    as_json: bool, plugins: tuple[Path, ...], no_plugins: bool, without: tuple[str, ...]
) -> None:
    """List plugins, what they contribute, and those that could not be loaded."""
    from playground.cli.listing import list_plugins

    sys.exit(list_plugins(sources(plugins, no_plugins, without), as_json=as_json))


def _is_checkpoint(file: Path | None) -> bool:
    return file is not None and file.suffix == ".safetensors"


def run() -> None:
    """Parse the command line and do it. Exit codes: 0, 1 failure, 2 usage, 130 interrupted."""
    try:
        cli.main(prog_name="microgpt-play", standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read has gone (`| head`): no more output, and no complaint at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
