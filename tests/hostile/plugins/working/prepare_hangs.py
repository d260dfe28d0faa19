"""Never ends its preparation."""

from playground.api import Contribution, Provenance, hookimpl


class Bad:
    provenance = Provenance("here", "none")

    def prepare(self, cache, progress):
        while True:
            pass

    def documents(self):
        yield "anna"

    def count(self):
        return None


@hookimpl
def microgpt_datasets():
    yield Contribution(name="prepare-hangs", summary="not well", factory=Bad)
