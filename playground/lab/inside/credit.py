"""View 4: the exact parts of one logit."""

from __future__ import annotations

import math
from collections.abc import Callable

from microgpt import kernels
from microgpt.anatomy import Anatomy, Part, attribution
from playground.lab.inside.compared import compared_with
from playground.lab.protocol.inside import MEAN, CreditPart, CreditReading, Look

MOST = 400
"""Parts that are sent to the screen."""


def credit(
    look: Look, anatomy: Anatomy, display: Callable[[int], str], most: int = MOST
) -> CreditReading:
    """The parts of the explained logit at the chosen position, the largest in size first; those
    beyond `most` in one sum."""
    assert look.token is not None
    against = compared_with(look, anatomy)
    parts = attribution(anatomy, look.position, look.token, against)
    logits = anatomy.logits[look.position]
    logit, other = logits[look.token], ""
    if look.against == MEAN:
        logit -= kernels.dot(anatomy.probs[look.position], logits)
        other = "the mean"
    elif look.against is not None:
        logit -= logits[look.against]
        other = display(look.against)
    return CreditReading(
        parts=tuple(_named(part, look.position, anatomy, display) for part in parts[:most]),
        rest=math.fsum(part.value for part in parts[most:]),
        rest_count=max(0, len(parts) - most),
        total=sum(part.value for part in parts),
        logit=logit,
        token=display(look.token),
        token_id=look.token,
        against=other,
    )


def _named(
    part: Part, position: int, anatomy: Anatomy, display: Callable[[int], str]
) -> CreditPart:
    if part.kind == "wte":
        name = f"token {display(anatomy.tokens[position])!r}"
    elif part.kind == "wpe":
        name = f"position {position}"
    elif part.kind == "head":
        token = display(anatomy.tokens[part.source])
        name = f"layer {part.layer} head {part.index} from {part.source} {token!r}"
    else:
        name = f"layer {part.layer} neuron {part.index}"
    return CreditPart(part.kind, name, part.value, part.layer, part.index, part.source)
