"""A module whose attributes bite."""

from playground.api import Contribution, hookimpl


def __getattr__(name):
    raise SystemExit(f"asked for {name}")


class Biting:
    @property
    def microgpt_play_impl(self):
        raise SystemExit("looked at")

    def __eq__(self, other):
        raise RuntimeError("compared")

    def __bool__(self):
        raise RuntimeError("asked whether")

    __hash__ = None


microgpt_metrics = Biting()
