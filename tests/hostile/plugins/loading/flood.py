"""It prints ten thousand lines, to both streams, with codes for the terminal."""

import os
import sys
from playground.api import Contribution, hookimpl

for number in range(5000):
    print("SCRIBBLE \x1b[2J\x1b[31m", number)
    print("SCRIBBLE \x1b]0;title\x07", number, file=sys.stderr)
os.write(1, b"SCRIBBLE\x1b[?1049l past the stream\n")
os.write(2, b"SCRIBBLE past the stream\n")
os.system("echo SCRIBBLE of a child")


class Same:
    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    print("SCRIBBLE of a hook", flush=True)
    yield Contribution(name="flood", summary="it works", factory=Same)
