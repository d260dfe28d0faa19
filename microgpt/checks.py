"""The checks of every engine before it computes, so that all report errors in the same words."""

from __future__ import annotations

from collections.abc import Sequence

from microgpt.config import ModelConfig
from microgpt.parameters import parameter_count


def inputs_and_targets(
    document: Sequence[int], config: ModelConfig
) -> tuple[Sequence[int], Sequence[int]]:
    """The ids that the model reads and those it should predict: min(block_size, len - 1) each.

    Source: microgpt.py, `n = min(block_size, len(tokens) - 1)`.
    Raises ValueError for fewer than two tokens or an id out of range.
    """
    n = min(config.block_size, len(document) - 1)
    if n < 1:
        raise ValueError(
            f"a document needs at least two tokens, one to read and one to predict; "
            f"this one has {len(document)}"
        )
    used = document[: n + 1]
    if min(used) < 0 or max(used) >= config.vocab_size:
        wrong = next(token for token in used if not 0 <= token < config.vocab_size)
        raise ValueError(_out_of_range(wrong, config))
    return used[:-1], used[1:]


def check_token(token: int, position: int, config: ModelConfig) -> None:
    """Raise the errors of Decoder.push: IndexError past the block, ValueError for a wrong id."""
    if position >= config.block_size:
        raise IndexError(
            f"the context is full: the model looks at {config.block_size} tokens (block_size)"
        )
    if not 0 <= token < config.vocab_size:
        raise ValueError(_out_of_range(token, config))


def check_length(values: Sequence[float], config: ModelConfig) -> None:
    """Raise ValueError unless there is one number for each parameter."""
    expected = parameter_count(config)
    if len(values) != expected:
        raise ValueError(f"the model has {expected} parameters, but {len(values)} numbers came")


def check_second_moment(values: Sequence[float]) -> None:
    """Raise ValueError for a negative number, which no mean of squares is: Adam takes the root."""
    if min(values) < 0:
        raise ValueError(f"the second moment cannot be negative, but {min(values)} came")


def documents_a_step(documents: int, steps: int) -> int:
    """How many of the documents each of the steps of `BulkEngine.train` takes; 1 if there are
    neither. Raises ValueError if they cannot be shared out evenly."""
    if not steps and not documents:
        return 1
    if not steps or documents % steps:
        raise ValueError(f"{documents} documents cannot be shared out evenly among {steps} steps")
    if not documents:
        raise ValueError("a batch needs at least one document")
    return documents // steps


def _out_of_range(token: int, config: ModelConfig) -> str:
    return f"token id {token} is outside the vocabulary, 0 ... {config.vocab_size - 1}"
