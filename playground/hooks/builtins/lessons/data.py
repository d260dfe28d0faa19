"""What several lessons read out of the run's data, and how they say it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from microgpt.terminal import printable
from playground.api import LessonFacts
from playground.hooks.builtins.bigrams import Pairs, count_pairs
from playground.widths import cell_len, set_cell_size
from playground.words import many as counted

_NAME = 12
_TEXT = 24


def pairs(facts: LessonFacts) -> Pairs:
    """How often each token followed each other one in the training documents."""
    return count_pairs(facts.documents, facts.encode)


def quoted(text: str, most: int = _TEXT) -> str:
    """A text in quotes, printable, in `most` columns at most."""
    shown = printable(text)
    return (
        f"“{shown if cell_len(shown) <= most else set_cell_size(shown, most - 1).rstrip() + '…'}”"
    )


def token(facts: LessonFacts, number: int) -> str:
    """A token in quotes, by its id."""
    known = number < len(facts.vocabulary)
    return quoted(facts.vocabulary[number] if known else f"#{number}", _NAME)


def vocabulary(facts: LessonFacts) -> int:
    """How many tokens there are: each has a row in wte."""
    return facts.shapes["wte"][0]


def blind(facts: LessonFacts) -> float:
    """The loss of a blind guess among all tokens, in nats."""
    return math.log(vocabulary(facts))


def measured_on(facts: LessonFacts) -> str:
    """What the baselines are measured on, in words."""
    return "held-out texts" if facts.heldout else "training texts"


def heldout(facts: LessonFacts) -> float | None:
    """The last held-out loss, in nats a token; None if nothing is held out."""
    return facts.heldout[-1][1] if facts.heldout else None


def target(facts: LessonFacts, more: int) -> int:
    """The step that is `more` steps after the present step of the lesson began; the last step of
    the run if that comes first."""
    return min(facts.steps, facts.began + more)


def reached(facts: LessonFacts, more: int) -> bool:
    """True if the run has made so many more steps, or has no more to make."""
    return facts.step >= target(facts, more)


def mean(values: Sequence[float]) -> float:
    """The mean; 0 of no values."""
    return math.fsum(values) / len(values) if values else 0.0


def chosen(facts: LessonFacts, name: str) -> bool:
    """True if the contributed panel of this name is on screen."""
    return facts.panel.rpartition(":")[2] == name


def number(facts: LessonFacts, name: str) -> float:
    """A number that an earlier step, or the beginning of this one, has kept."""
    return float(facts.remembered[name])


def times(count: int) -> str:
    """ "once", "7 times"."""
    return "once" if count == 1 else counted(count, "time")


def steps(count: int) -> str:
    """ "1 step", "300 steps"."""
    return counted(count, "step")


def next_text(facts: LessonFacts) -> str:
    """The training document that the next step learns from; the first one of its batch."""
    return facts.documents[facts.step * int(facts.spec["batch_size"]) % len(facts.documents)]


def next_rate(facts: LessonFacts) -> float:
    """The learning rate of the next step, by the linear schedule."""
    rate = float(facts.spec["optimizer"]["learning_rate"])
    return rate * max(0.0, 1 - facts.step / facts.steps)


def offset(facts: LessonFacts, matrix: str) -> int:
    """Where the numbers of a matrix begin among all weights."""
    at = 0
    for name, (rows, columns) in facts.shapes.items():
        if name == matrix:
            return at
        at += rows * columns
    raise KeyError(matrix)


def rows_of(facts: LessonFacts, values: Sequence[float], matrix: str) -> list[Sequence[float]]:
    """The rows of one matrix, of all weights or all gradients."""
    start, (rows, columns) = offset(facts, matrix), facts.shapes[matrix]
    return [values[start + row * columns :][:columns] for row in range(rows)]


def wte_name(facts: LessonFacts, row: int, column: int) -> str:
    """A number of wte as the microscope names it, "wte['e'][3]"."""
    return f"wte['{token(facts, row)[1:-1]}'][{column}]"


def moved_on(facts: LessonFacts) -> bool:
    """True if a training step was made since this step of the lesson began, or none is left."""
    return facts.step > facts.began or facts.step >= facts.steps


def looked(facts: LessonFacts, view: str) -> bool:
    """True if the learner looked at this view of the microscope."""
    return any(one.view == view for one in facts.looks)


def nats(value: float) -> str:
    """A loss in three digits at most: "3.30", "0.0004"."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.1g}"
