"""The score of a model: every figure of docs/score.md, as plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from microgpt.engine import Decoder
from playground.hooks.builtins.rules import Rule, RuleError
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.run.data import Encoder
from playground.lab.score import compressors
from playground.lab.score.calibration import calibration_error, reliability
from playground.lab.score.competitors import nats_of_each
from playground.lab.score.copying import Copied, copied, duplicates, joined, nearest
from playground.lab.score.interval import Bootstrap, Figure, wilson
from playground.lab.score.pieces import Piece, piece_of, unseen
from playground.lab.score.predictions import Prediction, predict_all
from playground.lab.score.verdict import verdict
from playground.lab.score.worst import Costly, worst_contexts, worst_tokens

AFFORDED = 2**26
"""Predicted tokens times parameters that the held-out texts may cost."""
LEAST = 32
"""Held-out documents that are read at least, where there are so many."""
MOST_TOKENS = 2**16
"""Held-out tokens that are read at most."""
TRAINING = 2**20
"""Characters of training text that are counted, compressed and searched at most. The documents are
taken in the order in which the run learns from them."""
SHOWN = 5
"""Samples that are shown with their nearest training document."""

Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Sampled:
    """A text of the model."""

    text: str
    complete: bool
    """False if the text was cut at the end of the context."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, and the documents of its run."""

    decoder: Callable[[], Decoder]
    """Makes a fresh decoder over the model's weights."""
    encoder: Encoder
    parameters: int
    train: Sequence[str]
    """In the order in which the run learns from them."""
    heldout: Sequence[str]
    samples: Sequence[Sampled]
    """By the model's own probabilities (temperature 1, no filter)."""
    rule: str | None = None
    """The regular expression that a valid text matches; None if the run has no rule."""


def score(subject: Subject, tell: Tell = lambda _: None) -> dict[str, Any]:
    """Every figure, as JSON has it. Raises LabError for a model whose losses are not finite."""
    training = _training(subject, tell)
    heldout = _chosen(subject, tell)
    held, bits, unit, differences = _held_out(subject, training, heldout, tell)
    of_samples, whole, recited, reference = _samples(subject, training, heldout, tell)
    return {
        "verdict": verdict(bits, unit, differences, whole, recited, reference),
        "heldout": held,
        "samples": of_samples,
        "training": {
            "documents": len(subject.train),
            "looked_at": len(training),
            "characters": sum(piece.characters for piece in training),
        },
    }


def _training(subject: Subject, tell: Tell) -> list[Piece]:
    found: list[Piece] = []
    characters = 0
    for number, text in enumerate(subject.train):
        tell(Progress("reading the training texts", number, len(subject.train)))
        piece = piece_of(text, subject.encoder)
        found.append(piece)
        characters += piece.characters
        if characters >= TRAINING:
            break
    return found


def _chosen(subject: Subject, tell: Tell) -> list[Piece]:
    """The held-out pieces that are read: the first ones, as many as are afforded."""
    most = min(MOST_TOKENS, AFFORDED // subject.parameters)
    found: list[Piece] = []
    tokens = 0
    for text in subject.heldout:
        tell(Progress("reading the held-out texts", len(found), len(subject.heldout)))
        piece = piece_of(text, subject.encoder)
        tokens += len(piece.targets)
        if len(found) >= LEAST and tokens > most:
            break
        found.append(piece)
    return found


# ---------------------------------------------------------------- held-out texts


def _held_out(
    subject: Subject, training: Sequence[Piece], chosen: Sequence[Piece], tell: Tell
) -> tuple[dict[str, Any], Figure | None, str, dict[str, Figure]]:
    """(as JSON has it; what the model needs; of which unit; how much more than each count)."""
    count = len(subject.train)

    def looking(done: int) -> None:
        tell(Progress("looking for held-out texts in the training texts", done, count))

    pieces = unseen(chosen, subject.train, looking) if chosen else []
    held: dict[str, Any] = {
        "documents": len(subject.heldout),
        "looked_at": len(chosen),
        "left_out": len(chosen) - len(pieces),
        "unseen": len(pieces),
    }
    if not pieces:
        return held, None, "", {}

    def reading(done: int) -> None:
        tell(Progress("measuring the held-out loss", done, len(pieces)))

    documents = [piece.targets for piece in pieces]
    predictions = predict_all(subject.decoder, subject.encoder.bos_id, documents, reading)
    nats = [math.fsum(one.loss for one in some) for some in predictions]
    if not all(map(math.isfinite, nats)):
        raise LabError(
            Failure(
                "The model cannot be scored",
                "Its losses are not finite (inf, nan): it has diverged, or gives a text no chance.",
            )
        )
    tell(Progress("counting", 0, 0))
    counted = nats_of_each(
        [piece.targets for piece in training], documents, subject.encoder.vocab_size
    )
    bootstrap = Bootstrap(len(pieces))
    tokens = [float(len(targets)) for targets in documents]
    characters = [float(piece.characters) for piece in pieces]
    comparable = all(piece.faithful for piece in pieces)
    below, unit = (characters, "bits a character") if comparable else (tokens, "bits a token")

    def bits(of: Sequence[float]) -> Figure:
        return bootstrap.ratio([one / math.log(2) for one in of], below)

    own = bits(nats)
    loss = bootstrap.ratio(nats, tokens)
    differences = {
        name: bits([a - b for a, b in zip(nats, its, strict=True)]) for name, its in counted.items()
    }
    held |= {
        "tokens": int(sum(tokens)),
        "characters": int(sum(characters)),
        "nats_per_token": loss.as_dict(),
        "bits_per_character": own.as_dict() if comparable else None,
        "effective_choices": loss.mapped(_exp).as_dict(),
        "unit": unit,
        "against": {
            name: {
                "bits": bits(its).as_dict(),
                "difference": differences[name].as_dict(),
                "told_apart": differences[name].low > 0 or differences[name].high < 0,
            }
            for name, its in counted.items()
        },
        "compressors": _compressed(training, pieces, tell) if comparable else {},
        "calibration": _calibration(predictions, bootstrap),
        "worst_tokens": _listed(worst_tokens(documents, predictions), subject.encoder),
        "worst_contexts": _listed(
            worst_contexts(documents, predictions, subject.encoder.bos_id), subject.encoder
        ),
    }
    return held, own, unit, differences


def _exp(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf


def _compressed(
    training: Sequence[Piece], pieces: Sequence[Piece], tell: Tell
) -> dict[str, dict[str, float]]:
    known = "".join(piece.written for piece in training)
    size = -(-len(pieces) // compressors.GROUPS)
    groups = [pieces[first : first + size] for first in range(0, len(pieces), size)]
    texts = ["".join(piece.written for piece in group) for group in groups]
    characters = [float(sum(piece.characters for piece in group)) for group in groups]
    bootstrap = Bootstrap(len(groups))
    found = {}
    for number, (name, compress) in enumerate(compressors.COMPRESSORS.items()):
        tell(Progress(f"compressing with {name}", number, len(compressors.COMPRESSORS)))
        bits = compressors.bits_of_groups(compress, known, texts)
        found[name] = bootstrap.ratio(bits, characters).as_dict()
    return found


def _calibration(
    predictions: Sequence[Sequence[Prediction]], bootstrap: Bootstrap
) -> dict[str, Any]:
    everything = [one for some in predictions for one in some]
    return {
        "error": calibration_error(predictions, bootstrap).as_dict(),
        "right": wilson(sum(one.right for one in everything), len(everything)).as_dict(),
        "bins": [
            {
                "from": one.low,
                "to": one.high,
                "tokens": one.count,
                "confidence": one.confidence,
                "right": one.right.as_dict(),
            }
            for one in reliability(everything)
        ],
    }


def _listed(found: Sequence[Costly], encoder: Encoder) -> list[dict[str, Any]]:
    return [
        {
            "tokens": [encoder.display(token) for token in one.tokens],
            "count": one.count,
            "nats": one.loss.as_dict(),
            "share": one.share,
        }
        for one in found
    ]


# ---------------------------------------------------------------- samples


def _samples(
    subject: Subject, training: Sequence[Piece], chosen: Sequence[Piece], tell: Tell
) -> tuple[dict[str, Any], Figure | None, Figure | None, Figure | None]:
    """(as JSON has it; the share of training documents; the share that is recited; the same share
    of held-out texts)."""
    texts, count = subject.samples, len(subject.samples)
    if not count:
        return {"count": 0}, None, None, None
    known = joined([piece.text for piece in training])
    found: list[Copied] = []
    for number, one in enumerate(texts):
        tell(Progress("looking for the samples in the training texts", number, count))
        found.append(copied(one.text, one.complete, known))
    others: list[Copied] = []
    for number, piece in enumerate(chosen[:count]):
        tell(Progress("looking for held-out texts, to compare", number, min(count, len(chosen))))
        others.append(copied(piece.text, piece.whole, known))
    documents = [piece.text for piece in training]
    near = []
    for number, one in enumerate(texts):
        tell(Progress("looking for the nearest training text", number, count))
        near.append(nearest(one.text, documents))
    whole = wilson(sum(one.whole for one in found), count)
    recited = wilson(sum(one.recited for one in found), count)
    reference = wilson(sum(one.recited for one in others), len(others)) if others else None
    bootstrap = Bootstrap(count)
    ones = [1.0] * count
    return (
        {
            "count": count,
            "new": wilson(sum(not one.recited for one in found), count).as_dict(),
            "in_training": whole.as_dict(),
            "recited": recited.as_dict(),
            "covered": bootstrap.ratio(
                [float(one.covered) for one in found], [float(len(one.text)) for one in found]
            ).as_dict(),
            "longest_run": bootstrap.ratio(
                [float(len(one.longest)) for one in found], ones
            ).as_dict(),
            "edit_distance": bootstrap.ratio([float(one.distance) for one in near], ones).as_dict(),
            "relative_distance": bootstrap.ratio([one.relative for one in near], ones).as_dict(),
            "duplicates": wilson(duplicates([one.text for one in texts]), count).as_dict(),
            "valid": _valid(subject.rule, texts),
            "heldout": _reference(others, reference),
            "texts": [
                {
                    "text": one.text,
                    "longest_run": its.longest,
                    "recited": its.recited,
                    "nearest": close.document,
                    "distance": close.distance,
                }
                for one, its, close in zip(texts, found, near, strict=True)
            ][:SHOWN],
        },
        whole,
        recited,
        reference,
    )


def _reference(others: Sequence[Copied], recited: Figure | None) -> dict[str, Any] | None:
    """The same figures of held-out texts, which no model wrote."""
    if recited is None:
        return None
    bootstrap = Bootstrap(len(others))
    longest = bootstrap.ratio([float(len(one.longest)) for one in others], [1.0] * len(others))
    covered = bootstrap.ratio(
        [float(one.covered) for one in others], [float(len(one.text)) for one in others]
    )
    return {
        "recited": recited.as_dict(),
        "covered": covered.as_dict(),
        "longest_run": longest.as_dict(),
    }


def _valid(rule: str | None, texts: Sequence[Sampled]) -> dict[str, float] | None:
    """The share that the rule allows. Raises LabError for a rule that takes too long."""
    if rule is None:
        return None
    try:
        share = Rule(rule).share([one.text for one in texts])
    except RuleError as error:
        raise LabError(Failure("The rule cannot be used", f"{error}.")) from error
    return wilson(round((share or 0.0) * len(texts)), len(texts)).as_dict()
