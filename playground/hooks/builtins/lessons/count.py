"""Lesson 1: which token follows which, by counting."""

from __future__ import annotations

import math

from playground.api import Lesson, LessonFacts, Number, Tell


def knowing_nothing(facts: LessonFacts) -> float:
    """The loss of a blind guess among all tokens, in nats."""
    return math.log(len(facts.vocabulary))


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Count",
        [
            Tell(
                lambda facts: (
                    "A language model has one job: it reads a text and says what comes "
                    f"next. Here a text is cut into tokens, of which there are "
                    f"{len(facts.vocabulary):,}."
                ),
                at="dataset",
            ),
            Number(
                lambda facts: (
                    "You know nothing about the text: each of the "
                    f"{len(facts.vocabulary):,} tokens is as likely as any other. What is the loss "
                    "of your guess, −ln p, in nats?"
                ),
                answer=knowing_nothing,
                within=0.05,
                unit="nats",
                hint="p is 1 divided by the number of tokens",
                why=lambda facts: (
                    f"p is 1/{len(facts.vocabulary):,} at each token, and "
                    f"−ln(1/{len(facts.vocabulary):,}) = {knowing_nothing(facts):.3f}."
                ),
            ),
        ],
        minutes=7,
        run={"model.parts": []},
    )
