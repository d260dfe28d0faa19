"""The command line in a terminal of its own: `python -m playground.cli.served`, with the words of a
command.

The process is the first of its session, and its standard input is a terminal that is nobody's yet:
the process takes it as its own, so that it is told of a new size, and hung up when the terminal is
gone.
"""

from __future__ import annotations

import os


def main() -> None:
    """Take the terminal, then run the command; exits with its code."""
    os.close(os.open(os.ttyname(0), os.O_RDWR))
    from playground.cli import main as command

    command()


if __name__ == "__main__":
    main()
