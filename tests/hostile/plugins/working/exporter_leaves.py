"""An exporter: leaves."""

from playground.api import Contribution, hookimpl


class Bad:
    def export(self, run, path, progress):
        raise SystemExit("out of it")


@hookimpl
def microgpt_exporters():
    yield Contribution(name="exporter-leaves", summary="not well", factory=Bad)
