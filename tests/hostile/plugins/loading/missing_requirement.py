"""It needs a library that is not installed, and says so."""

from playground.api import Contribution, hookimpl


def make():
    import no_such_library


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="needs", summary="in want", factory=make, requires=("no_such_library",))
