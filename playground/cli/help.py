"""Commands of click whose help has sections, and groups that list commands in a chosen order."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from playground.cli.exit import output_errors
from playground.words import read_number

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
KNOBS = "KNOBS are KNOB=VALUE,KNOB=VALUE ...; see what there is with {commands}."

_INT, _FLOAT = type(click.INT), type(click.FLOAT)
PATH = click.Path(path_type=Path, readable=False)
"""Any path. A file that cannot be read is no wrong usage; the code that reads it tells why."""


class Seconds(click.FloatRange):
    """A number of seconds in a range. NaN, which passes the comparisons of a range, is refused."""

    name = "number of seconds"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is no {self.name}.", param, ctx)
        return number


class Tolerance(Seconds):
    """A number in a range, or "any", which stands for any amount and is inf."""

    name = "tolerance"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        return math.inf if value == "any" else super().convert(value, param, ctx)


class _Option(click.Option):
    """An option that knows the section of the help it belongs to."""

    def __init__(self, *args: Any, section: str = "Options", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """As click has it, but a number that `read_number` refuses is refused with its advice."""
        any_amount = isinstance(self.type, Tolerance) and value == "any"
        if isinstance(value, str) and isinstance(self.type, (_INT, _FLOAT)) and not any_amount:
            try:
                read_number(value, whole=isinstance(self.type, _INT))
            except ValueError as error:
                said = f"{value!r} is not a valid {self.type.name}{error}."
                raise click.BadParameter(said, ctx, self) from None
        return super().type_cast_value(ctx, value)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The flags and the help alone, because the help names ranges and defaults in words."""
        record = super().get_help_record(ctx)
        return record and (record[0], self.help or "")


def option(*names: str, section: str = "Options", **kwargs: Any) -> Callable[[Any], Any]:
    """click.option, in a section of the help."""
    return click.option(*names, cls=_Option, section=section, **kwargs)


class Command(click.Command):
    """A command whose help has sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                sections.setdefault(getattr(param, "section", "Options"), []).append(record)
        # All sections share one column; the section that every command has comes last.
        longest = max(len(names) for rows in sections.values() for names, _ in rows)
        sections["Options"] = sections.pop("Options", [])
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(names.ljust(min(longest, 30)), text) for names, text in rows])


class Group(click.Group):
    """A group that lists its commands in the order they were declared."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)


class PlayOrCommand(Group):
    """A group that plays where no command is named: `microgpt-play names.txt` plays, and
    `microgpt-play train names.txt` trains."""

    group_class = Group

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with output_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with output_errors():
            return super().invoke(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and (args[0] in self.commands or args[0] in ("-h", "--help", "--version")):
            return super().parse_args(ctx, args)
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)  # a shell completes the first word
        if args and not args[0].startswith("-") and not ctx.resilient_parsing:
            self._meant(ctx, args[0])
        return super().parse_args(ctx, ["play", *args])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What the first word may be: a command, or what `play` takes without its name."""
        found = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            there = {item.value for item in found}
            options = self.commands["play"].shell_complete(ctx, incomplete)
            return found + [item for item in options if item.value not in there]
        # Shells forget what came before an item that means any file.
        return [CompletionItem(incomplete, type="file"), *found]

    def _meant(self, ctx: click.Context, word: str) -> None:
        """Raise click.UsageError if the word is no file and looks like a misspelt command."""
        close = difflib.get_close_matches(word.lower(), self.commands, n=1, cutoff=0.7)
        if close and not Path(word).exists():
            raise click.UsageError(
                f"There is no command and no file '{word}'. Did you mean '{close[0]}'?", ctx
            )

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] [FILE]")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", prefix="       ")
