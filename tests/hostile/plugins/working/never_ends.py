"""Gives documents without end."""

from playground.api import Contribution, Provenance, hookimpl


class Bad:
    provenance = Provenance("here", "none")

    def prepare(self, cache, progress):
        pass

    def documents(self):
        while True:
            yield "anna"

    def count(self):
        return None


@hookimpl
def microgpt_datasets():
    yield Contribution(name="never-ends", summary="not well", factory=Bad)
