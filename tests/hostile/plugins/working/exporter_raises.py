"""An exporter: raises."""

from playground.api import Contribution, hookimpl


class Bad:
    def export(self, run, path, progress):
        raise LookupError("out of it")


@hookimpl
def microgpt_exporters():
    yield Contribution(name="exporter-raises", summary="not well", factory=Bad)
