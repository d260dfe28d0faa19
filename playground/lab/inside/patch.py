"""Reads two texts, and finds which activation carries the difference between their answers."""

from __future__ import annotations

from array import array

from microgpt.anatomy import Anatomy, dissect
from microgpt.config import ModelConfig
from microgpt.patching import logit_difference, patches, stage_names
from playground.lab.inside.look import likeliest
from playground.lab.inside.surgery import Work
from playground.lab.inside.texts import typed
from playground.lab.protocol.commands import Patch
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.surgery import Patching
from playground.lab.run.data import Encoder


def patching(
    config: ModelConfig,
    encoder: Encoder,
    weights: array[float],
    patch: Patch,
    step: int,
    epoch: int,
) -> Work[Patching]:
    """What each activation of the clean text carries. weights: flat, those of `step`.

    Raises LabError for texts that the model does not know, for those of different lengths, and for
    two answers that are the same; PluginError.
    """
    runs = [
        dissect(config, weights, typed(encoder, text, config.block_size))
        for text in (patch.clean, patch.corrupt)
    ]
    clean, corrupt = runs
    if len(clean.tokens) != len(corrupt.tokens):
        raise LabError(
            Failure(
                "The texts are not of the same length",
                f"The model reads {len(clean.tokens) - 1:,} tokens of the one and "
                f"{len(corrupt.tokens) - 1:,} of the other. Take two texts that differ in some "
                "letters and have as many.",
            )
        )
    answer, other = (
        _answer(run, asked) for run, asked in zip(runs, (patch.answer, patch.other), strict=True)
    )
    if answer == other:
        raise LabError(
            Failure(
                "Both texts have the same answer",
                f"The model goes on with {encoder.display(answer)!r} after both, so that there is "
                "no difference to carry. Take two texts that lead elsewhere, or name the answers.",
            )
        )
    names, count = stage_names(corrupt), len(corrupt.tokens)
    found: list[list[float]] = [[] for _ in names]
    for stage, position, difference in patches(clean, corrupt, answer, other):
        found[stage].append(difference)
        yield stage * count + position + 1, len(names) * count
    return Patching(
        step,
        epoch,
        tuple(map(encoder.display, clean.tokens)),
        tuple(map(encoder.display, corrupt.tokens)),
        (answer, encoder.display(answer)),
        (other, encoder.display(other)),
        names,
        logit_difference(clean, answer, other),
        logit_difference(corrupt, answer, other),
        tuple(map(tuple, found)),
    )


def _answer(run: Anatomy, asked: int | None) -> int:
    """The token that was asked for, or else the likeliest one after the text. Raises LabError."""
    vocabulary = run.config.vocab_size
    if asked is None:
        return likeliest(run.probs[-1])
    if not 0 <= asked < vocabulary:
        raise LabError(
            Failure(
                "There is no such token",
                f"The tokens of this model are 0 to {vocabulary - 1:,}, and {asked} was asked for.",
            )
        )
    return asked
