"""Runs a command: prepares the streams, prints a LabError, and returns an exit code in any case.

The codes are 0: done; 1: a failure, explained on standard error; 2: wrong usage; 130: interrupted.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator

import click

from microgpt.terminal import guard, printable
from playground.cli.failures import fail, fail_with
from playground.lab.protocol.failures import LabError

COMPLETING = "_MICROGPT_PLAY_COMPLETE"
"""The variable by which click knows that a shell completes a word."""
_SUSPECT = "A plugin may be to blame: --no-plugins leaves all of them out."


class OutputLost(Exception):
    """Standard output or standard error cannot be written to; `args[0]` is the OSError.

    This class is no OSError, because click ends the program with 1 for a closed pipe.
    """


@contextlib.contextmanager
def output_errors() -> Iterator[None]:
    """Raise OutputLost for an OSError that names no file.

    Such an error comes from writing to the terminal, a pipe or a full disk. An error that names a
    file is put into words where it happens.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise OutputLost(error) from error
        raise


def prepare_streams() -> None:
    """Make the standard streams safe to write to.

    A stream that the caller closed (`>&-`) is None in Python; the null device replaces it. A
    character that the encoding of a stream lacks is written in plain letters, or as a code.
    What others wrote is shown on a terminal, and never obeyed: see microgpt.terminal.
    """
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            if codecs.lookup(stream.encoding).name == "utf-8":
                stream.reconfigure(errors="backslashreplace")  # for halves of a pair
            else:
                from microgpt.plain import prepare  # brings all of microgpt

                prepare(stream)
    guard()


def run(command: click.Command) -> int:
    """Parse the command line and run the command; returns the exit code."""
    prepare_streams()
    if COMPLETING in os.environ:
        from playground.cli.completion import begin

        begin()
    if os.environ.get("NO_COLOR") == "":
        del os.environ["NO_COLOR"]  # by its rule it counts unless it is empty; Textual counts it
    try:
        with output_errors():
            code = _call(command)
            sys.stdout.flush()
        return _unharmed() or code
    except click.UsageError as error:
        with contextlib.suppress(OSError):  # the message may repeat an argument, line ends and all
            click.UsageError(printable(error.format_message()), error.ctx).show()
        return error.exit_code
    except click.ClickException as error:
        return fail(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        return 130
    except ValueError:
        if _unharmed():  # writing to a closed stream raises a ValueError
            return 1
        raise
    except SystemExit as error:
        if COMPLETING in os.environ:  # click answers a shell that completes a word
            raise
        return fail(f"Something tried to end the program ({error}). {_SUSPECT}")
    except OutputLost as lost:
        return _unharmed() or _explain(lost.args[0])
    except OSError as error:
        return fail(f"The system refused: {error.strerror}: {error.filename}.")
    finally:
        _let_go()


def _unharmed() -> int:
    """0 if the standard streams are what they were; else 1, and a sentence says what is not."""
    streams = sys.modules.get("playground.hooks.streams")
    harm = streams.tampered() if streams is not None else ""
    return fail(f"{harm[:1].upper()}{harm[1:]}.") if harm else 0


def _call(command: click.Command) -> int:
    """Call the command, and print the LabError that ends it; returns the exit code."""
    try:
        code = command.main(prog_name="microgpt-play", standalone_mode=False)
    except LabError as error:
        return fail_with(error.failure)
    except Exception as error:
        from playground.hooks.errors import PluginError

        if not isinstance(error, PluginError):
            raise
        from playground.lab.run.guard import failure_of

        return fail_with(failure_of(error))
    return code if isinstance(code, int) else 0


def _explain(error: OSError) -> int:
    if error.errno == errno.EPIPE:
        return 0  # the reader has closed the pipe, as `| head` does
    with contextlib.suppress(OSError):  # standard error itself may be full
        text = f"microgpt-play: The output could not be written: {error.strerror or error}."
        sys.stderr.write(text + "\n")
    return 1


def _let_go() -> None:
    """Point a stream that cannot be flushed at the null device: Python flushes again at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
