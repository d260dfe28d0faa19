"""It contributes without end."""

from playground.api import Contribution, hookimpl


@hookimpl
def microgpt_metrics():
    count = 0
    while True:
        count += 1
        yield Contribution(name=f"endless-{count}", summary="", factory=object)
