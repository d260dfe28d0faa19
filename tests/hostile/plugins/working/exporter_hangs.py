"""An exporter: hangs."""

from playground.api import Contribution, hookimpl


class Bad:
    def export(self, run, path, progress):
        while True:
            pass


@hookimpl
def microgpt_exporters():
    yield Contribution(name="exporter-hangs", summary="not well", factory=Bad)
