"""The step at which a run's losses part from those of microgpt.py, because texts are held out.

microgpt.py holds nothing out: it goes round and round all documents, in the order in which the seed
shuffles them. A run without the documents that it holds out meets the same ones at first.
"""

from __future__ import annotations

from collections.abc import Sequence

from microgpt.config import PARTS
from playground.catalog import BUILTIN
from playground.lab.protocol.run import Notice
from playground.lab.run.data import Encoder
from playground.lab.spec import Choice, RunSpec

_LIKE_MICROGPT = RunSpec()


def first_other(
    texts: Sequence[str], train: Sequence[str], encoder: Encoder, documents: int
) -> int | None:
    """The 0-based place, among the first `documents` that are trained on, of the first one that
    microgpt.py does not have there; None if there is none.

    texts: all documents, as the seed shuffles them. train: those that are trained on, in their
    order. Two documents are the same if the model sees the same tokens of them.
    """
    everything, some = len(texts), len(train)
    # Two sequences of these periods that agree for so long agree for ever (Fine and Wilf, 1965).
    for place in range(min(documents, everything + some)):
        theirs, ours = texts[place % everything], train[place % some]
        if theirs != ours and _seen(encoder, theirs) != _seen(encoder, ours):
            return place
    return None


def _seen(encoder: Encoder, text: str) -> list[int]:
    return encoder.document(text)[: encoder.block_size + 1]


def parting(
    spec: RunSpec, texts: Sequence[str], train: Sequence[str], encoder: Encoder
) -> tuple[Notice, ...]:
    """What a person should know who compares the losses with those of microgpt.py, or of
    `python -m microgpt`. Nothing if the run does not end with other losses for its hold-out alone:
    other settings, which microgpt.py does not have, make other losses from the first step on."""
    if not _comparable(spec):
        return ()
    place = first_other(texts, train, encoder, spec.steps * spec.batch_size)
    if place is None:
        return ()
    step = place // spec.batch_size + 1
    text = (
        f"from step {step:,} on the losses are not those of microgpt.py, which holds nothing out "
        "and so meets other texts there; --holdout 0 gives the same losses"
    )
    brief = f"as microgpt.py to step {step - 1:,}" if step > 1 else "unlike microgpt.py"
    return (Notice(text, brief=brief, note=True),)


def _comparable(spec: RunSpec) -> bool:
    """True if nothing but the hold-out makes other losses than microgpt.py's."""
    adam = {"learning_rate": spec.optimizer.learning_rate}
    return (
        _is(spec.tokenizer, "char")
        and _is(spec.schedule, "linear")
        and spec.model.parts == PARTS
        and spec.optimizer == _LIKE_MICROGPT.optimizer.model_copy(update=adam)
        and (
            _is(spec.dataset, "names")
            or (
                _is(spec.dataset, "text-file")
                and spec.dataset.options.get("split", "lines") == "lines"
            )
        )
    )


def _is(choice: Choice, name: str) -> bool:
    return choice.name in (name, f"{BUILTIN}:{name}")
