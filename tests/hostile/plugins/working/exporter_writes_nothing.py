"""An exporter: writes_nothing."""

from playground.api import Contribution, hookimpl


class Bad:
    def export(self, run, path, progress):
        return None


@hookimpl
def microgpt_exporters():
    yield Contribution(name="exporter-writes-nothing", summary="not well", factory=Bad)
