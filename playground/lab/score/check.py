"""A run against a baseline: probes, score and samples, judged by what may change.

Both models read the same texts, and draw with the same dice. So each text is compared with itself,
and a change that is luck alone is not called a regression: docs/check-run.md tells the rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from playground.lab.probe_answers import ProbeChange, compare
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet
from playground.lab.run.guard import plugin_failures
from playground.lab.run.probes import Prober
from playground.lab.run.saved_model import SavedModel
from playground.lab.score.calibration import calibration_change, calibration_error
from playground.lab.score.copying import joined
from playground.lab.score.interval import Bootstrap, Figure
from playground.lab.score.pieces import Piece, unseen
from playground.lab.score.predictions import Prediction, predict_all
from playground.lab.score.score import (
    Subject,
    copies,
    heldout_pieces,
    most_tokens,
    repeated,
    training_pieces,
    valid_ones,
)
from playground.lab.score.work import Work
from playground.words import many

Verdict = Literal[
    "equal", "better", "within", "not told apart", "worse", "changed", "not compared", "not judged"
]
"""Of one figure. `worse`, `changed` and `not compared` fail."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """How much worse each figure may be; None for any amount."""

    bits: float | None = 0.02
    """Bits a character more, or a token where characters cannot be compared."""
    calibration: float | None = 0.02
    """Expected calibration error more, 0..1."""
    recited: float | None = 0.05
    """Share of the samples that is recited more, 0..1; `duplicates` likewise."""
    duplicates: float | None = 0.05
    valid: float | None = 0.05
    """Share of the samples that is valid less, 0..1."""
    samples: float | None = None
    """Share of the samples that are other texts than the baseline's, 0..1."""
    probes: float | None = None
    """Share of the prompts whose answers are others than the baseline's, 0..1."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of the baseline and of the run."""

    figure: str
    option: str
    """The field of Allowed that judges it; "" for none."""
    baseline: float | None
    run: float | None
    change: Figure | None
    """The run's less the baseline's; None if they cannot be compared."""
    allowed: float | None
    verdict: Verdict
    why: str = ""
    """Why they cannot be compared, a clause."""
    diverged: bool = False
    """True if one of the models has no numbers any more, which nothing that is allowed lets
    pass."""

    @property
    def fails(self) -> bool:
        """True if a script must not go on."""
        if self.verdict == "not compared":
            return self.diverged or self.allowed is not None
        return self.verdict in ("worse", "changed")

    def as_dict(self) -> dict[str, Any]:
        change = None if self.change is None else self.change.as_dict()
        return {**asdict(self), "change": change, "fails": self.fails}


@dataclass(frozen=True, slots=True)
class Entrant:
    """One of the two that are compared."""

    model: SavedModel
    subject: Subject


def check(
    baseline: Entrant, run: Entrant, probes: ProbeSet, allowed: Allowed
) -> Work[dict[str, Any]]:
    """All that is compared, as JSON has it; `passed` says whether the run is within what is
    allowed. Raises LabError, PluginError."""
    figures, texts = yield from _held_out(baseline.subject, run.subject, allowed)
    one, other = baseline.subject, run.subject
    if one.samples or other.samples:
        figures += yield from _samples(one, other, allowed)
    yield Progress("asking the probes", 0, 0)
    changes, troubles = _probed(baseline.model, run.model, probes)
    if changes:
        figures.append(_of_probes(changes, troubles, allowed.probes))
    failing = [one for one in figures if one.fails]
    pairs = zip(one.samples, other.samples, strict=False)
    return {
        "passed": not failing,
        "figures": [one.as_dict() for one in figures],
        "heldout": texts,
        "settings": _settings(baseline.model, run.model),
        "samples": [
            {"baseline": one.text, "run": other.text, "same": one.text == other.text}
            for one, other in pairs
        ],
        "probes": [
            {
                "prompt": one.prompt,
                "baseline": list(one.before),
                "run": list(one.after),
                "changed": one.changed,
                "asked": one.comparable,
            }
            for one in changes
        ],
        "troubles": troubles,
    }


def judged(
    figure: str,
    option: str,
    allowed: float | None,
    baseline: float,
    run: float,
    change: Figure,
    less_is_worse: bool = False,
) -> Compared:
    """The verdict on a change: worse only if it is more than allowed, and more than luck."""
    worse = -change.value if less_is_worse else change.value
    told_apart = change.low > 0 or change.high < 0
    found = Compared(figure, option, baseline, run, change, allowed, "equal")
    alone = not math.isfinite(change.high)
    if change.value == 0 and (alone or change.low == change.high):
        return found
    if allowed is None:
        return replace(found, verdict="not judged")
    if alone:
        return replace(
            found, verdict="not compared", why="of one text alone nobody knows what is luck"
        )
    if worse <= allowed:
        return replace(found, verdict="better" if told_apart and worse < 0 else "within")
    return replace(found, verdict="worse" if told_apart else "not told apart")


def _not_compared(figure: str, option: str, allowed: float | None, why: str) -> Compared:
    return Compared(figure, option, None, None, None, allowed, "not compared", why)


# ---------------------------------------------------------------- held-out texts


def _held_out(
    baseline: Subject, run: Subject, allowed: Allowed
) -> Work[tuple[list[Compared], dict[str, Any]]]:
    """(the figures; which texts they are of)."""
    most = min(most_tokens(baseline), most_tokens(run))
    its = yield from heldout_pieces(baseline, most)
    own = yield from heldout_pieces(run, most)
    by_key = {piece.key: piece for piece in own}
    shared = [piece for piece in its if piece.key in by_key]
    common = yield from unseen(shared, baseline.train, baseline.encoder)
    theirs = [by_key[piece.key] for piece in common]
    new = {piece.key for piece in (yield from unseen(theirs, run.train, run.encoder))}
    common = [piece for piece in common if piece.key in new]
    texts = {"baseline": len(its), "run": len(own), "shared": len(shared), "judged": len(common)}
    faithful = all(piece.faithful for piece in (*its, *own))
    why = "" if common else _why_no_texts(baseline, run, bool(shared), faithful)
    if why:
        return [
            _not_compared("bits a character", "bits", allowed.bits, why),
            _not_compared("calibration error", "calibration", allowed.calibration, why),
        ], texts
    pairs = [(piece, by_key[piece.key]) for piece in common]
    read = []
    for subject, pieces in ((baseline, [a for a, _ in pairs]), (run, [b for _, b in pairs])):
        documents = [piece.targets for piece in pieces]
        read.append((yield from predict_all(subject.decoder, subject.encoder.bos_id, documents)))
    yield Progress("measuring the intervals", 0, 0)
    return _losses(pairs, read[0], read[1], allowed), texts


def _why_no_texts(baseline: Subject, run: Subject, shared: bool, faithful: bool) -> str:
    """Why no held-out text can be compared. shared: True if some are held out by both. faithful:
    True if the tokens give back the texts."""
    if not baseline.heldout and not run.heldout:
        return "no text is held out by either: train with --holdout 0.1"
    if not baseline.heldout or not run.heldout:
        whose = "run" if baseline.heldout else "baseline"
        return f"the {whose} holds out no text: train it with --holdout 0.1"
    if not shared and not faithful:
        return "the tokens do not give back the texts, so that no text is read alike"
    if not shared:
        return "no text is held out by both, and read alike: other data, hold-out, seed or context"
    return "every text that both hold out stands in the training texts of one of them"


def _losses(
    pairs: Sequence[tuple[Piece, Piece]],
    baseline: Sequence[Sequence[Prediction]],
    run: Sequence[Sequence[Prediction]],
    allowed: Allowed,
) -> list[Compared]:
    nats = [[math.fsum(one.loss for one in some) for some in read] for read in (baseline, run)]
    for whose, its in zip(("baseline", "run"), nats, strict=True):
        if not all(map(math.isfinite, its)):
            why = f"the losses of the {whose} are not finite (inf, nan): it has diverged"
            lost = _not_compared("bits a character", "bits", allowed.bits, why)
            return [replace(lost, diverged=True)]
    bootstrap = Bootstrap(len(pairs))
    tokens = [float(len(one.targets)) for one, _ in pairs]
    same = all(one.targets == other.targets for one, other in pairs)
    faithful = all(one.faithful and other.faithful for one, other in pairs)
    found: list[Compared] = []

    def ratio(name: str, option: str, most: float | None, below: list[float], of: float) -> None:
        one, other = (bootstrap.ratio([each / of for each in its], below).value for its in nats)
        paired = [(b - a) / of for a, b in zip(*nats, strict=True)]
        found.append(judged(name, option, most, one, other, bootstrap.ratio(paired, below)))

    if faithful:
        characters = [float(one.characters) for one, _ in pairs]
        ratio("bits a character", "bits", allowed.bits, characters, math.log(2))
    elif same:
        ratio("bits a token", "bits", allowed.bits, tokens, math.log(2))
    else:
        why = "the tokenizers differ, and the tokens do not give back the texts"
        found.append(_not_compared("bits a character", "bits", allowed.bits, why))
    if same:
        ratio("nats a token", "", None, tokens, 1.0)
    else:
        found.append(_not_compared("nats a token", "", None, "the tokenizers differ"))
    if same:
        errors = [calibration_error(read, bootstrap).value for read in (baseline, run)]
        change = calibration_change(baseline, run, bootstrap)
        found.append(
            judged(
                "calibration error", "calibration", allowed.calibration, errors[0], errors[1],
                change,
            )
        )  # fmt: skip
    else:
        found.append(_not_compared("calibration error", "", None, "the tokenizers differ"))
    return found


# ---------------------------------------------------------------- samples


def _samples(baseline: Subject, run: Subject, allowed: Allowed) -> Work[list[Compared]]:
    flags: list[dict[str, list[bool]]] = []
    for subject in (baseline, run):
        training = yield from training_pieces(subject)
        known = joined([piece.text for piece in training])
        stage = "looking for the samples in the training texts"
        found = yield from copies(subject.samples, known, stage)
        flags.append({"recited": [one.recited for one in found]})
        flags[-1]["duplicates"] = repeated(subject.samples)
        if subject.rule is not None:
            flags[-1]["valid"] = valid_ones(subject.rule, subject.samples)
    bootstrap = Bootstrap(len(baseline.samples))
    limits = asdict(allowed)
    made = []
    names = {
        "recited": "recited samples", "duplicates": "repeated samples", "valid": "valid samples",
    }  # fmt: skip
    for option, name in names.items():
        if option in flags[0]:
            one, other = ([float(each) for each in its[option]] for its in flags)
            paired = [b - a for a, b in zip(one, other, strict=True)]
            change = bootstrap.mean(paired)
            values = bootstrap.mean(one).value, bootstrap.mean(other).value
            made.append(judged(name, option, limits[option], *values, change, option == "valid"))
    pairs = zip(baseline.samples, run.samples, strict=True)
    others = sum(one.text != other.text for one, other in pairs) / len(baseline.samples)
    made.append(_changed("other samples", "samples", others, allowed.samples))
    return made


def _changed(figure: str, option: str, share: float, allowed: float | None) -> Compared:
    """The verdict on texts that changed. The dice are the same, so nothing of it is luck."""
    verdict: Verdict = "equal"
    if share:
        verdict = "not judged" if allowed is None else "within" if share <= allowed else "changed"
    change = Figure(share, share, share)
    return Compared(figure, option, 0.0, share, change, allowed, verdict)


# ---------------------------------------------------------------- probes


def _probed(
    baseline: SavedModel, run: SavedModel, probes: ProbeSet
) -> tuple[tuple[ProbeChange, ...], list[str]]:
    """(the answers of both; which prompts cannot be asked, and why)."""
    if not probes.prompts:
        return (), []
    answers: list[ProbeAnswers] = []
    troubles: list[str] = []
    for whose, model in (("baseline", baseline), ("run", run)):
        prober = Prober(model.sampler)
        with plugin_failures():
            prober.set(probes)
            found = prober.probe(model.step)
        troubles += [f"the {whose} cannot be asked {one}" for one in prober.skipped]
        if prober.trouble is not None:
            raise LabError(prober.trouble)
        answers.append(found or ProbeAnswers(model.step, ()))
    return compare(answers[0], answers[1], probes.prompts), troubles


def _of_probes(
    changes: Sequence[ProbeChange], troubles: Sequence[str], allowed: float | None
) -> Compared:
    name = "other answers"
    if troubles:
        return _not_compared(name, "probes", allowed, troubles[0])
    return _changed(name, "probes", sum(one.changed for one in changes) / len(changes), allowed)


# ---------------------------------------------------------------- settings


def _settings(baseline: SavedModel, run: SavedModel) -> list[dict[str, Any]]:
    """The settings in which the two runs differ."""
    one, other = (_flat(model.spec.model_dump()) for model in (baseline, run))
    one["step"], other["step"] = baseline.step, run.step
    return [
        {"setting": name, "baseline": one.get(name), "run": other.get(name)}
        for name in [*one, *(name for name in other if name not in one)]
        if one.get(name) != other.get(name)
    ]


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found


def summary(figures: Sequence[Mapping[str, Any]], baseline: str, run: str) -> str:
    """The verdict in one sentence. figures: from `check`; baseline, run: what a person calls
    them."""
    failing = [one for one in figures if one["fails"]]
    run = f"{run[:1].upper()}{run[1:]}"
    if failing:
        named = "; ".join(
            [_named(one) for one in failing if not one["why"]] + not_compared(failing)
        )
        return f"{run} is not within what is allowed against {baseline}: {named}."
    changed = [one for one in figures if one["verdict"] != "equal"]
    if not changed:
        return f"{run} and {baseline} are equal in {many(len(figures), 'figure')}."
    said = f"{run} is within what is allowed against {baseline}."
    unsure = [one for one in figures if one["verdict"] == "not told apart"]
    if unsure:
        named = "; ".join(_named(one) for one in unsure)
        said += f" More than allowed, but not told apart from luck: {named}."
    return said


def not_compared(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is not compared, and why, a clause for each reason. figures: from `check`."""
    reasons: dict[str, list[str]] = {}
    for one in figures:
        if one["why"]:
            reasons.setdefault(one["why"], []).append(one["figure"])
    return [f"{' and '.join(names)} not compared: {why}" for why, names in reasons.items()]


def _named(one: Mapping[str, Any]) -> str:
    if one["verdict"] == "changed":
        return f"{one['figure']} {one['run']:.0%}, allowed {one['allowed']:.0%}"
    return f"{one['figure']} {one['change']['value']:+.3f}, allowed {one['allowed']:.3f}"
