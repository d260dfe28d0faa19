"""The command line: it parses words and starts one of the layers below."""

from __future__ import annotations


def main() -> None:
    """Entry point of `microgpt-play`."""
    from playground.cli.commands import run

    run()
