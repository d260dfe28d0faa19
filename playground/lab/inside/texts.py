"""Texts that a person typed, as the tokens that the model reads."""

from __future__ import annotations

from playground.api import UnknownTextError
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.run.data import Encoder
from playground.lab.run.sampling import quoted


def typed(encoder: Encoder, text: str, block_size: int) -> list[int]:
    """The ids of a typed text, with BOS at both ends, no more than the model reads and predicts.
    Raises LabError for a text that the model does not know, PluginError."""
    try:
        ids = encoder.prompt(text) if text else []
    except UnknownTextError as error:
        raise LabError(
            Failure(
                "The text cannot be read",
                f"The model does not know {quoted(error.character)}: its vocabulary has no such "
                "token.",
            )
        ) from error
    bos = encoder.bos_id
    return [bos, *ids, bos][: block_size + 1]
