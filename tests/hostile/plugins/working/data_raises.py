"""Raises after three documents."""

from playground.api import Contribution, Provenance, hookimpl


class Bad:
    provenance = Provenance("here", "none")

    def prepare(self, cache, progress):
        pass

    def documents(self):
        yield from ["a", "b", "c"]
        raise OSError("the disk is gone")

    def count(self):
        return None


@hookimpl
def microgpt_datasets():
    yield Contribution(name="data-raises", summary="not well", factory=Bad)
