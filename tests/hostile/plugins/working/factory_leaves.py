"""Its factory leaves the program."""

from playground.api import Contribution, hookimpl


def make():
    raise SystemExit("out of the factory")


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="factory-leaves", summary="not well", factory=make)
