"""The model of a checkpoint with the documents of its run, ready to be scored."""

from __future__ import annotations

import random
from collections.abc import Callable

from playground.hooks.chain import LogitsError
from playground.hooks.registry import Registry
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.run.guard import Activity
from playground.lab.run.saved_model import SavedModel
from playground.lab.run.setup import DataChangedError, PreparedRun, prepare_run
from playground.lab.score.score import Sampled, Subject, check_rule
from playground.lab.score.work import Work
from playground.lab.spec import RunSpec

CHAIN = (Link("temperature", {"temperature": 1.0}),)
"""The model's own probabilities."""
OTHER_TEXTS = Failure(
    "The model cannot be scored on these texts",
    "They are not those that the run learnt from, so nobody knows which of them the model has "
    "seen. Put the text back as it was, or score the recorded run, which keeps a copy.",
)


def prepared_of(
    checkpoint: Checkpoint,
    spec: RunSpec,
    registry: Registry,
    activity: Activity,
    tell: Callable[[Progress], None],
    text: bytes | None = None,
) -> PreparedRun:
    """The documents that a model learnt from, and those that were held out.

    spec: the checkpoint's, with the path at which its text lies now. text: what the run learnt
    from, if that is known, for the text in the file. Raises LabError, also where the documents are
    not those that the model learnt from: nobody knows then which of them it has seen.
    """
    try:
        prepared = prepare_run(spec, registry, checkpoint, tell, activity, text)
    except DataChangedError as error:
        raise LabError(OTHER_TEXTS) from error
    check_texts(prepared)
    return prepared


def check_texts(prepared: PreparedRun) -> None:
    """Raise LabError if the documents are not those that the run learnt from."""
    if not prepared.same_data:
        raise LabError(OTHER_TEXTS)


def subject_of(
    model: SavedModel, prepared: PreparedRun, *, samples: int, seed: int, rule: str | None = None
) -> Work[Subject]:
    """The model with texts of its own.

    samples: how many, 0 or more. seed: text n has the random numbers of seed and n alone, so that
    two models draw with the same dice. rule: what a valid text matches; None without one. Raises
    LabError for a model whose weights are no numbers any more, PluginError.
    """
    if rule is not None:
        check_rule(rule)
    model.sampler.set(Sampling(CHAIN))
    found: list[Sampled] = []
    while len(found) < samples:
        yield Progress("sampling", len(found), samples)
        rng = random.Random(f"{seed}:{len(found)}")
        try:
            text, complete, _ = model.sampler.write((), model.step, rng)
        except LogitsError as error:
            raise LabError(
                Failure("The model cannot be scored", f"{error}.", kind="diverged")
            ) from error
        found.append(Sampled(text, complete))
    return Subject(
        decoder=model.engine.decoder,
        encoder=prepared.encoder,
        parameters=prepared.info.parameter_count,
        train=prepared.train,
        heldout=prepared.heldout_texts,
        samples=found,
        rule=rule,
    )
