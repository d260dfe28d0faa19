"""Its factory imports what is not there, unsaid."""

from playground.api import Contribution, hookimpl


def make():
    import no_such_library


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="factory-imports", summary="not well", factory=make)
