"""Is empty."""

from playground.api import Contribution, Provenance, hookimpl


class Bad:
    provenance = Provenance("here", "none")

    def prepare(self, cache, progress):
        pass

    def documents(self):
        return iter(())

    def count(self):
        return None


@hookimpl
def microgpt_datasets():
    yield Contribution(name="empty-set", summary="not well", factory=Bad)
