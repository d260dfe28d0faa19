"""Markup, codes for the terminal and reversed text wherever there are words."""

from typing import Literal

from playground.api import Contribution, Knob, Knobs, hookimpl

EVIL = "[b]bold[/b] [link=http://x]here[/link] [/] \x1b[31mred\x1b[2J \u202egnol \n\r\t new\x07 $(x) %s {0}"


class Words(Knobs):
    amount: float = Knob(1.0, ge=0, le=2, label=EVIL, unit=EVIL, help=EVIL)
    choice: Literal["[b]one", "[/]two"] = Knob("[b]one", label=EVIL, help=EVIL)


class Marked:
    def __init__(self, knobs):
        pass

    def transform(self, logits, context):
        raise ValueError(EVIL)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="marked", summary=EVIL, factory=Marked, knobs=Words)
    yield Contribution(name=EVIL, summary=EVIL, factory=Marked)
    raise ValueError(EVIL)
