"""Lessons with one fault each: factories of `Lesson`."""

from __future__ import annotations

import itertools
import math
import random
import time
from dataclasses import replace

from playground.api import Cell, Choose, Curve, Do, Lesson, Number, Tell

TELL = Tell("The loss says how surprised the model is.", at="loss")
TRAIN = Do(
    "Train for a moment.",
    done=lambda facts: facts.step > facts.began,
    help="space trains",
    keep={"before": lambda facts: facts.furthest},
)
NUMBER = Number(
    "How large is the loss of a model that knows nothing?",
    answer=lambda facts: math.log(len(facts.vocabulary)),
    within=0.05,
    unit="nats",
    hint="All tokens are about equally likely.",
    why=lambda facts: f"It is near ln {len(facts.vocabulary)}.",
    name="guess",
)
CHOOSE = Choose(
    "Which token stands first in the table?",
    choices=lambda facts: facts.vocabulary[:2],
    answer=lambda _: 0,
    hints=["", "No."],
    why=lambda facts: f"You have kept {facts.remembered['before']} and said a number.",
)
CELL = Cell(
    "Which cell is the greatest of wte?",
    rows=lambda facts: [token[:12] for token in facts.vocabulary[:3]],
    columns=lambda _: ["0", "1"],
    answer=lambda facts: {greatest(facts)},
    row_name="token",
    why="It was drawn so.",
)
CURVE = Curve(
    "How will the loss go?",
    xs=lambda _: [1, 2, 10],
    low=lambda _: 0.0,
    high=lambda facts: 2 * math.log(len(facts.vocabulary)),
    answer=lambda facts: [facts.losses[at - 1] for at in (1, 2, 10)],
    within=0.2,
    when=lambda facts: facts.step >= 10,
    why="It goes down.",
)


def greatest(facts):
    """The (row, column) of the greatest of the first weights of wte."""
    weights, width = facts.read("weights"), facts.shapes["wte"][1]
    return max(((row, at) for row in range(3) for at in range(2)),
               key=lambda cell: weights[cell[0] * width + cell[1]])  # fmt: skip


STEPS = (TELL, TRAIN, NUMBER, CHOOSE, CELL, CURVE)
RIGHT = Lesson("Right", STEPS, run={"model.n_layer": 2}, hardest=2)


def right():
    """A lesson without a fault."""
    return RIGHT


def having(*changed, **fields):
    """The right lesson with these steps in the place of the first, and other fields."""
    return replace(RIGHT, steps=(*changed, *STEPS[len(changed) :]), **fields)


# ---------------------------------------------------------------- what it is


def cannot_be_made():
    raise RuntimeError("no lesson today")


def no_lesson():
    return [TELL, TRAIN]


def no_title():
    return having(title=" ")


def one_step():
    return Lesson("Short", [TELL])


def odd_step():
    return having("Just read this.")


def keeps_a_list():
    return having(replace(TELL, keep=["losses"]))


def unknown_setting():
    return having(run={"model.layers": 2})


def impossible_setting():
    return having(run={"model.n_head": 5})


def own_data():
    return having(run={"dataset.name": "names"})


def hardest_is_later():
    return having(hardest=5)


# ---------------------------------------------------------------- what it says


def needs_a_loss():
    return having(Tell(lambda facts: f"The loss is {facts.losses[-1]:.2f}."))


def needs_held_out():
    return having(Tell(lambda facts: f"Held out: {facts.heldout[-1][1]:.2f}."))


def needs_an_e():
    return having(Tell(lambda facts: f"e is token {facts.encode('e')[1]}."))


def tells_a_number():
    return having(Tell(lambda facts: facts.step))


def says_one_for_true():
    return having(TELL, replace(TRAIN, done=lambda facts: facts.step and 1))


def one_choice():
    return having(replace(CHOOSE, choices=lambda facts: facts.vocabulary[3:], why="so"))


def points_fall():
    return having(replace(CURVE, xs=lambda _: [3, 2, 1]))


def forgets_after_going_back():
    def worst(facts):
        return facts.losses[facts.furthest - 1] if facts.furthest else 0.0

    return having(Tell("now", keep={"worst": worst}))


def quotes_the_document():
    return having(Tell(lambda facts: f"It reads {facts.documents[0]}."))


def long_labels():
    return having(
        replace(CELL, rows=lambda facts: ["one token is " + t for t in facts.vocabulary[:3]])
    )


# ---------------------------------------------------------------- answers


def beyond_the_choices():
    return having(replace(CHOOSE, why="so", answer=lambda facts: len(facts.vocabulary) - 3))


def answers_nan():
    return having(replace(NUMBER, answer=lambda _: math.nan))


def outside_of_the_table():
    return having(replace(CELL, answer=lambda facts: {(2, facts.config.n_head - 1)}))


def too_few_values():
    return having(replace(CURVE, answer=lambda facts: facts.losses[:2]))


def stores_the_answer():
    return having(replace(NUMBER, answer=3.3))


# ---------------------------------------------------------------- manners


def done_already():
    return having(TELL, replace(TRAIN, done=lambda facts: facts.step >= facts.began))


def empties_the_losses():
    def text(facts):
        del facts.losses[:]
        return "gone"

    return having(Tell(text))


def counts_its_calls():
    calls = itertools.count()
    return having(Tell(lambda _: f"call {next(calls)}"))


def draws():
    return having(Tell(lambda _: f"{random.random()}"))


def talks():
    return having(Tell(lambda facts: print(facts.step) or "said"))


def slow_condition():
    def done(facts):
        if facts.step == 0:
            time.sleep(0.02)
        return facts.step > facts.began

    return having(TELL, replace(TRAIN, done=done))
