"""Miscounts."""

from playground.api import Contribution, Provenance, hookimpl


class Bad:
    provenance = Provenance("here", "none")

    def prepare(self, cache, progress):
        pass

    def documents(self):
        yield from ["anna", "bo", "cy"] * 20

    def count(self):
        return -5


@hookimpl
def microgpt_datasets():
    yield Contribution(name="count-lies", summary="not well", factory=Bad)
