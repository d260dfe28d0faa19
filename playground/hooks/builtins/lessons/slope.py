"""Lesson 4, Slope: what one weight does to the loss, by nudging it and by the model's own gradient,
and the gradient check."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Sequence

from microgpt.anatomy import dissect
from microgpt.config import OptimizerConfig
from microgpt.gradient_check import check_gradient
from microgpt.vector_engine import VectorEngine
from playground.api import Choose, Do, Lesson, LessonFacts, Number, Tell
from playground.hooks.builtins.lessons.data import (
    looked,
    mean,
    moved_on,
    next_rate,
    next_text,
    number,
    offset,
    quoted,
    rows_of,
    wte_name,
)

NUDGE = 0.01
NUDGES = (1.0, 1e-3, 1e-14)
"""Nudges to choose from: far too large, small, and lost in rounding."""
_NUDGE_WORDS = ("1", "0.001", "0.00000000000001")
_TEXT = 16
_TENTH = 0.1


# ---------------------------------------------------------------- the answers


def loss(facts: LessonFacts, text: str, weights: Sequence[float]) -> float:
    """The mean loss of a text with these weights, in nats a token."""
    return mean(dissect(facts.config, weights, facts.encode(text)).losses)


def steepest(facts: LessonFacts) -> str:
    """The number of wte with the largest gradient of the text that comes next, as "row,column"; the
    row of BOS is left aside where another token is read."""
    rows = rows_of(facts, facts.gradient(next_text(facts)), "wte")
    read = [row for row in range(len(rows)) if row != facts.bos and any(rows[row])]
    cells = [(row, column) for row in read or [facts.bos] for column in range(len(rows[row]))]
    row, column = max(cells, key=lambda cell: abs(rows[cell[0]][cell[1]]))
    return f"{row},{column}"


def cell(facts: LessonFacts) -> tuple[int, int]:
    """(row, column) of the kept number of wte."""
    row, _, column = str(facts.remembered["cell"]).partition(",")
    return int(row), int(column)


def weight(facts: LessonFacts) -> int:
    """The place of the kept number of wte among all weights."""
    row, column = cell(facts)
    return offset(facts, "wte") + row * facts.shapes["wte"][1] + column


def nudged(facts: LessonFacts, by: float) -> float:
    """The loss of the kept text with the kept weight nudged."""
    weights = facts.read("weights")
    weights[weight(facts)] += by
    return loss(facts, str(facts.remembered["text"]), weights)


def by_nudging(facts: LessonFacts) -> float:
    """The slope, from the two losses that were told."""
    return (number(facts, "after") - number(facts, "before")) / NUDGE


def by_gradient(facts: LessonFacts) -> float:
    """The model's own gradient of the kept weight, for the kept text."""
    return number(facts, "gradient")


def gradient(facts: LessonFacts) -> float:
    """The same, computed at this moment."""
    return facts.gradient(str(facts.remembered["text"]))[weight(facts)]


def apart(facts: LessonFacts) -> int:
    """How far the slope by nudging is from the gradient: 0 not at all, 1 less than a tenth of it,
    2 more."""
    off = abs(by_nudging(facts) - by_gradient(facts))
    return int(off > 0) + int(off >= _TENTH * abs(by_gradient(facts)) > 0)


def direction(facts: LessonFacts) -> int:
    """Which way the step moves the weight: 0 it grows, 1 it shrinks, 2 it stays."""
    slope = number(facts, "slope")
    return 2 if slope == 0 else int(slope > 0)


def best_nudge(facts: LessonFacts) -> int:
    """With which nudge the slope comes nearest to the gradient."""
    found = _errors(facts)
    return found.index(min(found))


def errors(facts: LessonFacts) -> str:
    """How far the slope by each nudge to either side is from the gradient, as JSON."""
    exact = gradient(facts)
    slopes = [(nudged(facts, nudge) - nudged(facts, -nudge)) / (2 * nudge) for nudge in NUDGES]
    return json.dumps([abs(slope - exact) for slope in slopes])


def _errors(facts: LessonFacts) -> list[float]:
    found: list[float] = json.loads(str(facts.remembered["errors"]))
    return found


def length(facts: LessonFacts) -> float:
    """The length of the gradient of the text that comes next."""
    return math.hypot(*facts.gradient(next_text(facts)))


def foretold(facts: LessonFacts) -> float:
    """What the step adds to the loss of its text, to first order: -learning rate times the
    gradient's length, squared."""
    return -number(facts, "rate") * number(facts, "length") ** 2


def actual(facts: LessonFacts) -> float:
    """What the step that comes next adds to the loss of its text."""
    text, weights = next_text(facts), facts.read("weights")
    moved = array(
        "d", [w - next_rate(facts) * g for w, g in zip(weights, facts.gradient(text), strict=True)]
    )
    return loss(facts, text, moved) - loss(facts, text, weights)


def ratio(facts: LessonFacts) -> float:
    """What the gradient check finds for the text that comes next."""
    engine = VectorEngine(facts.config, OptimizerConfig(), facts.read("weights"))
    return check_gradient(engine, [facts.encode(next_text(facts))]).ratio


def wrong_ratio(facts: LessonFacts) -> float:
    """What it finds if every gradient is twice as large: what is foretold doubles, and what is
    measured does not."""
    return 2 * number(facts, "ratio")


# ---------------------------------------------------------------- the words


def _weights(facts: LessonFacts) -> str:
    count = sum(rows * columns for rows, columns in facts.shapes.values())
    return (
        f"This model is a function of {count:,} weights: give it a text, and out comes a loss. To "
        "train it one must know of each weight whether the loss would fall if it grew, and how "
        "fast. That is a slope. The plain way to a slope is to try."
    )


def _name(facts: LessonFacts) -> str:
    return wte_name(facts, *cell(facts))


def _nudge_question(facts: LessonFacts) -> str:
    text = quoted(str(facts.remembered["text"]), _TEXT)
    return (
        f"The loss of {text} is {number(facts, 'before'):.6f} nats. With {NUDGE} added to the "
        f"weight {_name(facts)} it is {number(facts, 'after'):.6f}. What is the slope, in nats per "
        "unit of the weight?"
    )


def _nudge_why(facts: LessonFacts) -> str:
    rise = number(facts, "after") - number(facts, "before")
    return (
        f"The rise by the nudge: {rise:+.6f} / {NUDGE} = {by_nudging(facts):+.4f}. Two passes "
        "through the model for one weight; all weights would take a pass each. Training needs all "
        "of them at every step."
    )


def _gradient_question(facts: LessonFacts) -> str:
    return (
        f"The nudge gave {by_nudging(facts):+.4f}. How far from that is the model's own gradient "
        f"of {_name(facts)} for the same text, made by backward and without a nudge?"
    )


def _gradient_why(facts: LessonFacts) -> str:
    off = abs(by_nudging(facts) - by_gradient(facts))
    return (
        f"The gradient is {by_gradient(facts):+.5f}, the slope itself. What is left between the "
        f"two, {off:.2g}, is the nudge's: the loss is no straight line, and the slope changes on "
        "the way. backward gives this number for all weights in one go."
    )


def _direction_question(facts: LessonFacts) -> str:
    return (
        f"The next text is {quoted(next_text(facts), _TEXT)}, and {_name(facts)} has the gradient "
        f"{number(facts, 'slope'):+.4f} there. What does the next step of SGD do to that weight?"
    )


def _direction_why(facts: LessonFacts) -> str:
    by = -number(facts, "rate") * number(facts, "slope")
    return (
        f"The step moves it by −{number(facts, 'rate'):.4g} · {number(facts, 'slope'):+.4f} = "
        f"{by:+.4f}. A positive gradient says that the loss grows with the weight, so the weight "
        "shrinks. A step always goes against the slope."
    )


def _foretold_question(facts: LessonFacts) -> str:
    return (
        f"The gradient of the next text is {number(facts, 'length'):.3f} long (the root of the sum "
        f"of all squares), the learning rate {number(facts, 'rate'):.4g}. What does it foretell "
        "that the step adds to the loss?"
    )


def _foretold_why(facts: LessonFacts) -> str:
    done = number(facts, "actual")
    return (
        f"Each weight moves by −η g and so adds g · (−η g); all of them {foretold(facts):+.4f}. "
        f"That is the straight line. Really done, the step adds {done:+.4f}: the rest, "
        f"{done - foretold(facts):+.4f}, is curvature."
    )


def _check_why(facts: LessonFacts) -> str:
    return (
        f"The check finds {number(facts, 'ratio'):.6f}. Foretold by the gradient and measured by "
        "nudging are one number if the gradient is right. View 8 does this check for the engine at "
        "work, at each step that you look at."
    )


def _wrong_why(facts: LessonFacts) -> str:
    return (
        f"The check finds {wrong_ratio(facts):.6f}. SGD would take steps twice as long. Adam "
        "divides each gradient by its usual size, and would learn as ever: that a loss falls "
        "proves little."
    )


def _nudges_why(facts: LessonFacts) -> str:
    errors = ", ".join(
        f"{error:.1g} with {word}" for error, word in zip(_errors(facts), _NUDGE_WORDS, strict=True)
    )
    return (
        f"Away from the gradient: {errors}. A large nudge goes round a bend of the loss; with a "
        "tiny one the two losses differ by less than a float can hold, and rounding is left."
    )


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Slope",
        [
            Tell(
                _weights,
                at="parameters",
                keep={
                    "text": next_text,
                    "cell": steepest,
                },
            ),
            Number(
                _nudge_question,
                answer=by_nudging,
                within=0.05,
                margin=0.0005,
                hint="the rise of the loss, divided by the nudge; mind its sign",
                why=_nudge_why,
                keep={
                    "before": lambda facts: nudged(facts, 0.0),
                    "after": lambda facts: nudged(facts, NUDGE),
                    "gradient": gradient,
                },
                at="parameters",
            ),
            Choose(
                _gradient_question,
                choices=("not at all", "by less than a tenth of it", "by more than that"),
                answer=apart,
                hints=(
                    "the nudge has a length, and the loss bends on the way",
                    "both measure the same slope, though one of them from a little way off",
                    "both measure the same slope",
                ),
                why=_gradient_why,
                at="parameters",
            ),
            Do(
                "Nudge a weight yourself: C opens the number under the cursor of Parameters, and "
                "tries another value. Nothing is changed before you press enter.",
                done=lambda facts: bool(facts.trials),
                help="3 goes to Parameters, C opens the number, digits type another one. esc "
                "leaves all as it was; 0 leads back here.",
                at="parameters",
            ),
            Choose(
                lambda facts: (
                    "The slope by nudging to either side is (L(w + h) − L(w − h)) / 2h. "
                    f"For {_name(facts)}: which nudge h brings it nearest to the gradient?"
                ),
                choices=_NUDGE_WORDS,
                answer=best_nudge,
                hints=(
                    "the loss bends on so long a way",
                    "",
                    "a float holds about 16 digits",
                ),
                why=_nudges_why,
                keep={"errors": errors},
                at="parameters",
            ),
            Choose(
                _direction_question,
                choices=("it grows", "it shrinks", "it stays"),
                answer=direction,
                hints=lambda facts: [f"the gradient is {number(facts, 'slope'):+.4f}"] * 3,
                task="s does the step.",
                when=moved_on,
                why=_direction_why,
                keep={
                    "slope": lambda facts: facts.gradient(next_text(facts))[weight(facts)],
                    "rate": next_rate,
                },
                at="parameters",
            ),
            Number(
                _foretold_question,
                answer=foretold,
                within=0.08,
                margin=0.0005,
                unit="nats",
                hint="−learning rate · length · length",
                why=_foretold_why,
                keep={"length": length, "rate": next_rate, "actual": actual},
                at="loss",
            ),
            Tell(
                "The gradient check does all of this at once. It takes a random direction in the "
                "space of all weights, and divides the slope that the gradient foretells there by "
                "the slope that nudging measures.",
                at="loss",
            ),
            Number(
                "What will the check find for this model, if its gradients are right?",
                answer=lambda facts: number(facts, "ratio"),
                keep={"ratio": ratio},
                within=0.01,
                hint="foretold divided by measured",
                why=_check_why,
            ),
            Number(
                "Somebody writes an engine whose gradients are all twice as large as they should "
                "be. What does the check find then?",
                answer=wrong_ratio,
                within=0.01,
                hint="foretold divided by measured; nudging knows nothing of the mistake",
                why=_wrong_why,
            ),
            Do(
                "See the check in the microscope, on the last step of this run, and what was "
                "foretold of its loss beside what became of it.",
                done=lambda facts: looked(facts, "step") and facts.step >= 1,
                help="s does a step if none was done. i looks inside, 8 shows the step; esc leads "
                "back.",
                at="step",
            ),
            Tell(
                "To do on a text of your own, after the lesson: with SGD, h sets a learning rate "
                "of 3. View 8 then shows by how much the first step misses what its gradient "
                "foretold.",
                at="keys",
            ),
        ],
        minutes=8,
        run={"optimizer.name": "sgd", "optimizer.learning_rate": 0.3},
        hardest=6,
    )
