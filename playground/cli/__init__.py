"""The command line: it parses words and starts one of the layers below."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of `microgpt-play`."""
    try:
        from playground.cli.commands import cli
        from playground.cli.running import run

        code = run(cli)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
