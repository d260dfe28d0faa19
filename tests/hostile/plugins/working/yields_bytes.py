"""Gives bytes."""

from playground.api import Contribution, Provenance, hookimpl


class Bad:
    provenance = Provenance("here", "none")

    def prepare(self, cache, progress):
        pass

    def documents(self):
        yield "anna"
        yield b"anna"

    def count(self):
        return None


@hookimpl
def microgpt_datasets():
    yield Contribution(name="yields-bytes", summary="not well", factory=Bad)
