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
from playground.lab.score.copying import Copied, copied, joined, nearest
from playground.lab.score.interval import Bootstrap, Figure, wilson
from playground.lab.score.pieces import Piece, piece_of, unseen
from playground.lab.score.predictions import Prediction, predict_all
from playground.lab.score.verdict import verdict
from playground.lab.score.work import Work, finished
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
SHOWN = 20
"""Samples that are listed with their nearest training document."""


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


def score(subject: Subject, tell: Callable[[Progress], None] = lambda _: None) -> dict[str, Any]:
    """As `scoring`, in one go. tell: called with what is being done."""
    return finished(scoring(subject), tell)


def scoring(subject: Subject) -> Work[dict[str, Any]]:
    """Every figure, as JSON has it. Raises LabError for a model whose losses are not finite, and
    for a rule that cannot be used; PluginError."""
    training = yield from training_pieces(subject)
    heldout = yield from heldout_pieces(subject, most_tokens(subject))
    held, bits, unit, differences = yield from _held_out(subject, training, heldout)
    of_samples, whole, recited, reference = yield from _samples(subject, training, heldout)
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


def training_pieces(subject: Subject) -> Work[list[Piece]]:
    """The training pieces that are counted, compressed and searched: the first ones."""
    found: list[Piece] = []
    characters = 0
    for number, text in enumerate(subject.train):
        yield Progress("reading the training texts", number, len(subject.train))
        piece = piece_of(text, subject.encoder)
        found.append(piece)
        characters += piece.characters
        if characters >= TRAINING:
            break
    return found


def most_tokens(subject: Subject) -> int:
    """The held-out tokens that this model can afford to read."""
    return min(MOST_TOKENS, AFFORDED // subject.parameters)


def heldout_pieces(subject: Subject, most: int) -> Work[list[Piece]]:
    """The held-out pieces that are read: the first ones, up to so many tokens, LEAST at least."""
    found: list[Piece] = []
    tokens = 0
    for text in subject.heldout:
        yield Progress("reading the held-out texts", len(found), len(subject.heldout))
        piece = piece_of(text, subject.encoder)
        tokens += len(piece.targets)
        if len(found) >= LEAST and tokens > most:
            break
        found.append(piece)
    return found


def check_finite(nats: Sequence[float]) -> None:
    """Raise LabError unless all of these losses are finite."""
    if not all(map(math.isfinite, nats)):
        raise LabError(
            Failure(
                "The model cannot be scored",
                "Its losses are not finite (inf, nan): it has diverged, or gives a text no chance. "
                "Go back to a step before that, or train with a smaller learning rate.",
                kind="diverged",
            )
        )


# ---------------------------------------------------------------- held-out texts


def _held_out(
    subject: Subject, training: Sequence[Piece], chosen: Sequence[Piece]
) -> Work[tuple[dict[str, Any], Figure | None, str, dict[str, Figure]]]:
    """(as JSON has it; what the model needs; of which unit; how much more than each count)."""
    pieces = yield from unseen(chosen, subject.train, subject.encoder)
    held: dict[str, Any] = {
        "documents": len(subject.heldout),
        "looked_at": len(chosen),
        "left_out": len(chosen) - len(pieces),
        "unseen": len(pieces),
    }
    if not pieces:
        return held, None, "", {}
    documents = [piece.targets for piece in pieces]
    predictions = yield from predict_all(subject.decoder, subject.encoder.bos_id, documents)
    nats = [math.fsum(one.loss for one in some) for some in predictions]
    check_finite(nats)
    counted = yield from nats_of_each(
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
    against: dict[str, Any] = {}
    differences: dict[str, Figure] = {}
    for number, (name, its) in enumerate(counted.items()):
        yield Progress("measuring the intervals", number, len(counted) + 2)
        less = differences[name] = bits([a - b for a, b in zip(nats, its, strict=True)])
        against[name] = {
            "bits": bits(its).as_dict(),
            "difference": less.as_dict(),
            "told_apart": less.low > 0 or less.high < 0,
        }
    yield Progress("measuring the intervals", len(counted), len(counted) + 2)
    calibration = _calibration(predictions, bootstrap)
    yield Progress("measuring the intervals", len(counted) + 1, len(counted) + 2)
    worst = {
        "worst_tokens": _listed(worst_tokens(documents, predictions), subject.encoder),
        "worst_contexts": _listed(
            worst_contexts(documents, predictions, subject.encoder.bos_id), subject.encoder
        ),
    }
    compressed = (yield from _compressed(training, pieces)) if comparable else {}
    held |= {
        "tokens": int(sum(tokens)),
        "characters": int(sum(characters)),
        "nats_per_token": loss.as_dict(),
        "bits_per_character": own.as_dict() if comparable else None,
        "effective_choices": loss.mapped(_exp).as_dict(),
        "unit": unit,
        "bits": own.as_dict(),
        "against": against,
        "compressors": compressed,
        "calibration": calibration,
        **worst,
    }
    return held, own, unit, differences


def _exp(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf


def _compressed(
    training: Sequence[Piece], pieces: Sequence[Piece]
) -> Work[dict[str, dict[str, float]]]:
    known = "".join(piece.written for piece in training)
    size = -(-len(pieces) // compressors.GROUPS)
    groups = [pieces[first : first + size] for first in range(0, len(pieces), size)]
    texts = ["".join(piece.written for piece in group) for group in groups]
    characters = [float(sum(piece.characters for piece in group)) for group in groups]
    bootstrap = Bootstrap(len(groups))
    found = {}
    for name in compressors.COMPRESSORS:
        bits = yield from compressors.bits_of_groups(name, known, texts)
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
    subject: Subject, training: Sequence[Piece], chosen: Sequence[Piece]
) -> Work[tuple[dict[str, Any], Figure | None, Figure | None, Figure | None]]:
    """(as JSON has it; the share of training documents; the share that is recited; the same share
    of held-out texts)."""
    texts, count = subject.samples, len(subject.samples)
    if not count:
        return {"count": 0}, None, None, None
    known = joined([piece.text for piece in training])
    found = yield from copies(texts, known, "looking for the samples in the training texts")
    compared = [Sampled(piece.text, piece.whole) for piece in chosen[:count]]
    others = yield from copies(compared, known, "looking for held-out texts, to compare")
    documents = [piece.text for piece in training]
    near = []
    for number, one in enumerate(texts):
        yield Progress("looking for the nearest training text", number, count)
        near.append(nearest(one.text, documents))
    valid = None if subject.rule is None else valid_ones(subject.rule, texts)
    whole = wilson(sum(one.whole for one in found), count)
    recited, of_found = _copied(found)
    reference, of_others = _copied(others) if others else (None, None)
    bootstrap = Bootstrap(count)
    return (
        {
            "count": count,
            "new": wilson(sum(not one.recited for one in found), count).as_dict(),
            "in_training": whole.as_dict(),
            **of_found,
            "edit_distance": bootstrap.mean([float(one.distance) for one in near]).as_dict(),
            "relative_distance": bootstrap.mean([one.relative for one in near]).as_dict(),
            "duplicates": wilson(sum(repeated(texts)), count).as_dict(),
            "valid": None if valid is None else wilson(sum(valid), count).as_dict(),
            "heldout": of_others,
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


def copies(texts: Sequence[Sampled], known: str, stage: str) -> Work[list[Copied]]:
    """What each text shares with the training documents. known: from `joined`."""
    found = []
    for number, one in enumerate(texts):
        yield Progress(stage, number, len(texts))
        found.append(copied(one.text, one.complete, known))
    return found


def _copied(found: Sequence[Copied]) -> tuple[Figure, dict[str, Any]]:
    """(the share of recited texts; that, and how much of the texts is copied, as JSON has it)."""
    recited = wilson(sum(one.recited for one in found), len(found))
    bootstrap = Bootstrap(len(found))
    covered = bootstrap.ratio(
        [float(one.covered) for one in found], [float(len(one.text)) for one in found]
    )
    longest = bootstrap.mean([float(len(one.longest)) for one in found])
    return recited, {
        "recited": recited.as_dict(),
        "covered": covered.as_dict(),
        "longest_run": longest.as_dict(),
    }


def repeated(texts: Sequence[Sampled]) -> list[bool]:
    """True for each text that is equal to an earlier one."""
    met: set[str] = set()
    found = []
    for one in texts:
        found.append(one.text in met)
        met.add(one.text)
    return found


def check_rule(rule: str) -> None:
    """Raise LabError for a rule that is no regular expression."""
    valid_ones(rule, ())


def valid_ones(rule: str, texts: Sequence[Sampled]) -> list[bool]:
    """True for each text that the rule allows. Raises LabError for a rule that cannot be used."""
    try:
        made = Rule(rule)
        return [made.share([one.text]) == 1.0 for one in texts]
    except RuleError as error:
        said = str(error)
        begin = "T" + said[1:] if said.startswith("the rule ") else f"It {said}"
        raise LabError(
            Failure("The rule cannot be used", f"{begin}.", problems={"rule": said})
        ) from error
