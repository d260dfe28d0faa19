"""Gives blank documents."""

from playground.api import Contribution, Provenance, hookimpl


class Bad:
    provenance = Provenance("here", "none")

    def prepare(self, cache, progress):
        pass

    def documents(self):
        yield from ["", " ", "\n"]

    def count(self):
        return None


@hookimpl
def microgpt_datasets():
    yield Contribution(name="blank-set", summary="not well", factory=Bad)
