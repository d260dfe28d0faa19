"""It would never let the process end."""

import atexit
import threading

from playground.api import Contribution, hookimpl

atexit.register(threading.Event().wait)


class Same:
    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="at-exit", summary="it works", factory=Same)
