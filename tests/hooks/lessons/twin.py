"""The run of a lesson once more, in this process, beside the one in a terminal.

Runs are the same bit for bit, so a twin that stands at the same training step knows what the
lesson says there. The answers are those of the lesson's own test, which computes them another way
than the lesson does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from playground.hooks.registry import Registry
from playground.lab.protocol.lessons import Given, GuideStep, Judged
from tests.hooks.lessons import (
    keys,
    keys_6_10,
    test_adam,
    test_attention,
    test_autograd,
    test_count,
    test_heads,
    test_network,
    test_positions,
    test_slope,
    test_speak,
    test_surprise,
)
from tests.hooks.lessons.by_hand import held_out
from tests.hooks.lessons.learner import Action, Learner, Truth, open_lesson, train

TAKEN: Mapping[str, tuple[Mapping[int, Action], Mapping[int, Truth]]] = {
    "count": (test_count.ACTIONS, test_count.TRUTHS),
    "surprise": (test_surprise.ACTIONS, test_surprise.TRUTHS),
    "network": (test_network.ACTIONS, test_network.TRUTHS),
    "slope": (test_slope.ACTIONS, test_slope.TRUTHS),
    "autograd": (test_autograd.ACTIONS, test_autograd.TRUTHS),
    "positions": (test_positions.ACTIONS, test_positions.TRUTHS),
    "attention": (test_attention.ACTIONS, test_attention.TRUTHS),
    "heads": (test_heads.ACTIONS, test_heads.TRUTHS),
    "adam": (test_adam.ACTIONS, test_adam.TRUTHS),
    "speak": (test_speak.ACTIONS, test_speak.TRUTHS),
}
"""By lesson: what its test does at a step, and how it computes the answers."""
KEYS: Mapping[str, Mapping[int, list[str | int]]] = {**keys.KEYS, **keys_6_10.KEYS}
"""By lesson: the keys of each task."""


class Twin(Learner):
    """The lesson `name` on a run with these settings, by dotted name with "__" for the dot."""

    def __init__(self, registry: Registry, name: str, **settings: Any) -> None:
        super().__init__(open_lesson(registry, name, **settings), name, *TAKEN[name])
        self.shown: GuideStep

    @property
    def length(self) -> int:
        """How many steps the lesson has."""
        return len(self.card.steps)

    @property
    def keys(self) -> Mapping[int, list[str | int]]:
        """The tasks as keys."""
        otherwise = {} if held_out(self.session) else keys_6_10.NOTHING_HELD_OUT
        return {**KEYS[self.name], **otherwise.get(self.name, {})}

    @property
    def letter(self) -> str:
        """A letter, or a digit, that the model knows."""
        return next(one for one in self.session.info.vocabulary if len(one) == 1 and one.isalnum())

    def come_to(self, index: int, training_step: int) -> GuideStep:
        """The step of the lesson, where the run stands at this training step."""
        if training_step < self.session.step:
            self.session.go_to(training_step)
        train(training_step)(self.session)
        self.place = replace(self.place, index=index, began=None)
        self.shown = self.ask()
        self.check_words(self.shown)
        return self.shown

    def act(self) -> None:
        """Do the task of this step."""
        if (action := self.actions.get(self.place.index)) is not None:
            self.session = action(self.session) or self.session
            self.shown = self.ask()

    def truth(self) -> Given:
        """The right answer. Where the run is to show it, the task is done first."""
        if self.shown.waits:
            self.act()
        truth: Any = self.truths[self.place.index](self.session, self.shown)
        return self.shown.choices.index(truth) if isinstance(truth, str) else truth

    def take(self, truth: Given) -> Judged:
        """Have the answer judged, and remember it."""
        judged: Judged = self.session.teacher.judge(self.place, truth)
        self.place = judged.place
        return judged
