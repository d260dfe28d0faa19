"""Gives nothing in the place of a document."""

from playground.api import Contribution, Provenance, hookimpl


class Bad:
    provenance = Provenance("here", "none")

    def prepare(self, cache, progress):
        pass

    def documents(self):
        yield None

    def count(self):
        return None


@hookimpl
def microgpt_datasets():
    yield Contribution(name="yields-none", summary="not well", factory=Bad)
