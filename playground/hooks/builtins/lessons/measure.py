"""What several lessons need: the text that is open, its gradient, and what a cut costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from microgpt.config import OptimizerConfig
from microgpt.surgery import operate, operations_of
from microgpt.vector_engine import VectorEngine
from playground.api import LessonFacts
from playground.hooks.builtins.lessons.data import quoted

Cost = tuple[float, float]
"""What the loss gains, in nats a token, and its standard error; 0 for an error that is not
known."""

_MEASURED = 32
"""Texts of the data on which a cut is measured where nothing is held out."""
NAMED = 16
"""Columns of a text that a sentence names."""
_SHORT = 8
"""Columns of a token."""


# ---------------------------------------------------------------- words


def token(display: str) -> str:
    """A token in quotes."""
    return quoted(display, _SHORT)


def read_name(facts: LessonFacts) -> str:
    """The text that the run has open, as the model reads it, in quotes."""
    shown = list(facts.document)
    if facts.bos < len(facts.vocabulary) and shown[-1:] == [facts.vocabulary[facts.bos]]:
        shown.pop()
    return quoted("".join(shown), NAMED)


def figure(value: float) -> str:
    """A number of the model, with four significant digits and its sign."""
    return f"{value:+.4g}"


def priced(cost: Cost) -> str:
    """A cost in words: "+0.0123 ± 0.0045 nats a token"."""
    delta, error = cost
    if not math.isfinite(delta):
        return "a loss that is no number"
    return f"{delta:+.4f} ± {error:.4f} nats a token" if error else f"{delta:+.4f} nats a token"


def kept(facts: LessonFacts, name: str) -> float:
    """A number that a step has kept."""
    return cast(float, facts.remembered[name])


def kept_text(facts: LessonFacts, name: str) -> str:
    """A text that a step has kept."""
    return cast(str, facts.remembered[name])


def asked(facts: LessonFacts) -> str:
    """The question as it was when its step began, which has kept it as "question": it tells numbers
    of the run, and the learner may train on before answering."""
    return kept_text(facts, "question")


# ---------------------------------------------------------------- the run


def goal(facts: LessonFacts, steps: int) -> int:
    """A step to train to: `steps`, or the end of a shorter run."""
    return min(steps, facts.steps)


def moved(facts: LessonFacts) -> bool:
    """True once the run stands at another training step than when the lesson's step began."""
    return facts.step != facts.began


def nothing_held_out(facts: LessonFacts) -> bool:
    """True if the run trains on all its texts."""
    return not facts.heldout


def matrix_rows(facts: LessonFacts, name: str, values: Sequence[float]) -> list[Sequence[float]]:
    """The rows of one matrix. values: flat, in the order of `shapes`."""
    at = 0
    for other, (rows, columns) in facts.shapes.items():
        if other == name:
            return [values[at + row * columns : at + (row + 1) * columns] for row in range(rows)]
        at += rows * columns
    raise LookupError(f"the model has no matrix {name}")


def rows_pulled(facts: LessonFacts, name: str) -> list[int]:
    """The rows of a matrix to which the text that is open gives a gradient other than 0."""
    rows = matrix_rows(facts, name, facts.gradient(None))
    return [place for place, row in enumerate(rows) if any(row)]


def documents_from(facts: LessonFacts, first: int, count: int) -> list[list[int]]:
    """The ids of `count` training documents from place `first` on; after the last comes the
    first."""
    texts = facts.documents
    return [facts.encode(texts[(first + k) % len(texts)]) for k in range(count)]


# ---------------------------------------------------------------- what a cut costs


def cut_costs(facts: LessonFacts, cuts: Sequence[str]) -> dict[str, Cost]:
    """What the loss on the first texts of the data gains without each of these parts, as
    "head:0.2", text by text; and its standard error, that of a ratio."""
    before = _losses(facts, "")
    found = {}
    for cut in cuts:
        pairs = zip(before, _losses(facts, cut), strict=True)
        found[cut] = _ratio([sum(b) - sum(a) for a, b in pairs], [len(a) for a in before])
    return found


def plain_loss(facts: LessonFacts) -> Cost:
    """The loss on the same texts, and its standard error."""
    losses = _losses(facts, "")
    return _ratio([sum(one) for one in losses], [len(one) for one in losses])


def lengths_read(facts: LessonFacts, cut: str) -> list[int]:
    """How many tokens are predicted in each text on which a cut is measured, while that part is
    out; cut: "" for the model as it stands."""
    return [len(one) for one in _losses(facts, cut)]


def _losses(facts: LessonFacts, cut: str) -> list[list[float]]:
    weights = operate(facts.config, facts.read("weights"), operations_of(cut, facts.config))
    engine = VectorEngine(facts.config, OptimizerConfig(), weights)
    return engine.losses(documents_from(facts, 0, min(_MEASURED, len(facts.documents))))


def _ratio(sums: Sequence[float], lengths: Sequence[int]) -> Cost:
    tokens, count = sum(lengths), len(sums)
    mean = sum(sums) / tokens
    if count < 2:
        return mean, 0.0
    spread = math.fsum((one - mean * n) ** 2 for one, n in zip(sums, lengths, strict=True))
    return mean, math.sqrt(spread * count / (count - 1)) / tokens


def seen_all(facts: LessonFacts, cuts: Sequence[str]) -> bool:
    """True once each of these cuts was tried alone, or ranked: since the step began, or before on
    the weights as they stand."""
    seen = {one.parts[0] for one in facts.trials if len(one.parts) == 1}
    seen |= {part for part, _, _ in facts.ranked}
    return seen.union(facts.known).issuperset(cuts)


def costs(facts: LessonFacts, cuts: Sequence[str]) -> dict[str, Cost]:
    """What each of these cuts costs, as the learner has seen it: tried alone, or ranked. Where
    nothing is held out nobody has seen it, and it is the cost on the first texts of the data."""
    seen: dict[str, Cost] = {
        part: (delta, error or 0.0) for part, (delta, error) in facts.known.items()
    }
    seen |= {part: (delta, error or 0.0) for part, delta, error in facts.ranked}
    for one in facts.trials:
        if len(one.parts) == 1 and one.delta is not None:
            seen[one.parts[0]] = (one.delta, one.error or 0.0)
    known = {cut: seen[cut] for cut in cuts if cut in seen}
    unknown = [cut for cut in cuts if cut not in known]
    return {**known, **cut_costs(facts, unknown)} if unknown else known


def clear(cost: Cost) -> bool:
    """True if a cost is beyond the noise: at least twice its standard error."""
    delta, error = cost
    return not math.isfinite(delta) or abs(delta) >= 2 * error > 0 or (error == 0 and delta != 0)
