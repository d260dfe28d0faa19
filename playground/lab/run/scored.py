"""The held-out text that a run's held-out loss is measured on, which makes bits a character."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from playground.lab.protocol.run import Scored
from playground.lab.run.data import Encoder


def scored(documents: Sequence[Sequence[int]], encoder: Encoder) -> Scored | None:
    """What the loss of these documents is measured on; None if that has no characters.

    documents: token ids with BOS at both ends. Of each, the first block_size predictions are
    measured, and the end of the document is one of them if the document fits the context. Raises
    PluginError.
    """
    sha, tokens, characters = hashlib.sha256(), 0, 0
    for document in documents:
        targets = document[1 : 1 + encoder.block_size]
        tokens += len(targets)
        ended = len(targets) == len(document) - 1  # the last target is then the end
        text = encoder.decode(targets[:-1] if ended else targets)
        characters += len(text)
        sha.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
    return Scored(tokens, characters, sha.hexdigest()) if characters else None
