"""The held-out text that a run's held-out loss is measured on: how long it is, which makes bits a
character, and its fingerprints, which tell whether two runs are measured on the same."""

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
    sha, ids, tokens, characters = hashlib.sha256(), hashlib.sha256(), 0, 0
    for document in documents:
        targets = document[1 : 1 + encoder.block_size]
        tokens += len(targets)
        ended = len(targets) == len(document) - 1  # the last target is then the end
        text = encoder.decode(targets[:-1] if ended else targets)
        characters += len(text)
        as_bytes = f"{len(text)}:{text}{'.' if ended else ''}".encode("utf-8", "surrogatepass")
        sha.update(as_bytes)
        # Two vocabularies may number other letters alike, so the ids alone do not tell the tokens.
        ids.update(f"{len(targets)}:{' '.join(map(str, targets))};".encode() + as_bytes)
    if not characters:
        return None
    return Scored(tokens, characters, sha.hexdigest(), ids.hexdigest())
