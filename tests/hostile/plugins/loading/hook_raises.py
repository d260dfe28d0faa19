"""Its hook raises."""

from playground.api import Contribution, hookimpl


@hookimpl
def microgpt_sampling_strategies():
    raise LookupError("nothing there")
