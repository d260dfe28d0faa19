"""It starts a thread that never ends, and is waited for."""

import threading

from playground.api import Contribution, hookimpl

threading.Thread(target=threading.Event().wait).start()


class Same:
    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="thread", summary="it works", factory=Same)
