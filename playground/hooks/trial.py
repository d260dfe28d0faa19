"""The process in which a saved plugin is tried: `python -m playground.hooks.trial`.

A plugin may loop for ever, or end the process, and then only this process is lost. It reads
one JSON line {"path": ..., "size": ...} and as many bytes of source (size null: a package, read
from disk), answers "ready" when it begins, and then with one JSON line, a list of problems.
What the plugin prints goes nowhere. Standard error is for its whereabouts, if it takes long.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import json
import os
import sys

SUSPICIOUS = 1.5
"""Seconds after which it is written down where the plugin's code stands."""


def main() -> None:
    """Serve one trial, and end."""
    heading = json.loads(sys.stdin.buffer.readline())
    size = heading["size"]
    source = None if size is None else sys.stdin.buffer.read(size)
    answers, traces = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(2), "w")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)

    import playground.testing  # noqa: F401 - now, so that it is not counted as the plugin's time
    from playground.hooks.reload import tried

    answers.write("ready\n")
    answers.flush()
    faulthandler.dump_traceback_later(SUSPICIOUS, file=traces)
    problems = [dataclasses.asdict(problem) for problem in tried(heading["path"], source)]
    answers.write(json.dumps(problems) + "\n")
    answers.flush()
    os._exit(0)  # a plugin's threads are not waited for


if __name__ == "__main__":
    main()
