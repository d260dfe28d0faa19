"""It changes all that the process shares."""

import builtins
import os
import signal
import sys
import warnings

from playground.api import Contribution, hookimpl

os.chdir("/")
os.environ["MICROGPT_PLAY_HOME"] = "/nowhere"
os.environ.pop("PATH", None)
sys.path[:] = []
sys.argv[:] = []
sys.stdout = sys.stderr = None
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if hasattr(signal, "SIGALRM"):
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.setrecursionlimit(60)
sys.excepthook = None
sys.settrace(lambda *rest: None)
warnings.simplefilter("error")


class Same:
    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="mover", summary="it works", factory=Same)
