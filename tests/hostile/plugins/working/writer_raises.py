"""A writer: raises."""

from playground.api import Contribution, hookimpl


class Bad:
    def outlet(self):
        return None

    def write(self, prompt, tell):
        raise LookupError("out of it")


@hookimpl
def microgpt_writers():
    yield Contribution(name="writer-raises", summary="not well", factory=Bad)
