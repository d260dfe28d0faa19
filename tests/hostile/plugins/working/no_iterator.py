"""Gives a number of documents."""

from playground.api import Contribution, Provenance, hookimpl


class Bad:
    provenance = Provenance("here", "none")

    def prepare(self, cache, progress):
        pass

    def documents(self):
        return 7

    def count(self):
        return None


@hookimpl
def microgpt_datasets():
    yield Contribution(name="no-iterator", summary="not well", factory=Bad)
