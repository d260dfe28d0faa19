"""What must be minded in comparing two runs."""

from __future__ import annotations

from collections.abc import Sequence

from playground.lab.forking import Setting
from playground.lab.race.state import SideState

_ORDER = ("seed", "dataset", "batch_size", "holdout")
"""With another one of these, the documents of a step are others."""
_HELD_OUT = ("seed", "dataset", "holdout")


def remarks(left: SideState, right: SideState, settings: Sequence[Setting]) -> tuple[str, ...]:
    """A sentence each; none where a lower loss simply is a better one."""
    parts = {setting.field.partition(".")[0] for setting in settings}
    found = []
    one, other = left.info, right.info
    if one is not None and other is not None and one.vocabulary != other.vocabulary:
        found.append(
            "Their tokens differ, and the losses are nats a token: compare what they write, not "
            "the numbers."
        )
    elif parts & {*_ORDER}:
        found.append(
            "They learn from other documents at each step: compare averages, not single steps."
        )
    if "tokenizer" not in parts and parts & {*_HELD_OUT}:
        found.append("Their held-out documents differ too.")
    return tuple(found)
