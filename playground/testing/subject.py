"""The contribution under test, its knobs in many positions, and how a promise is written down."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from pydantic import ValidationError

from playground.api import Contribution, Control, Knobs, KnobValue, controls
from playground.testing.contract import Check, ContractError, said
from playground.testing.watching import check_global_random, check_quiet, global_random_kept

CHOICES = 20
"""How many choices of a knob are tried, one at a time."""
COMBINATIONS = 4
"""How many random combinations of all knobs are tried."""


@dataclass(frozen=True, slots=True)
class Setting:
    """All knobs of a contribution in one position."""

    words: str
    """For messages: "with the defaults", "with top_k=256"."""
    knobs: Knobs | None


class Subject:
    """A contribution, and what every check needs of it."""

    def __init__(
        self, contribution: Contribution[Any], smoke: bool = False, network: bool = False
    ) -> None:
        """smoke: be content with fewer settings and smaller inputs. network: allow prepare to
        download."""
        self.contribution = contribution
        self.smoke = smoke
        self.network = network
        self.memo: dict[str, Any] = {}
        """What one check has computed and others need, by a name of their choice."""

    @property
    def name(self) -> str:
        """The contribution's own."""
        return self.contribution.name

    def make(self, setting: Setting | None = None) -> Any:
        """A fresh object; with the defaults, if nothing else is said."""
        knobs = (setting or self.settings[0]).knobs
        return self.contribution.factory() if knobs is None else self.contribution.factory(knobs)

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """What the screen draws."""
        return controls(self.contribution.knobs)

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The defaults; the ends, the neutral value and the choices of each knob with the others
        at their defaults; a few random combinations. What the knobs themselves refuse is left
        out. In the smoke test: the defaults, and the ends of each knob.
        """
        model = self.contribution.knobs
        if model is None:
            return (Setting("without knobs", None),)
        made = [Setting("with the defaults", model())]
        for options in self._options():
            setting = self.setting(options)
            if setting is not None and all(setting.knobs != other.knobs for other in made):
                made.append(setting)
        return tuple(made)

    def setting(self, options: Mapping[str, KnobValue]) -> Setting | None:
        """These knobs, the others at their defaults; None if they are refused."""
        if self.contribution.knobs is None:
            return None
        words = "with " + ", ".join(f"{name}={value!r}" for name, value in options.items())
        try:
            return Setting(words, self.contribution.knobs.model_validate(dict(options)))
        except ValidationError:
            return None

    @cached_property
    def neutral(self) -> Setting | None:
        """Every knob at its neutral value; None if one has none, or if there are none."""
        if not self.controls or any(control.neutral is None for control in self.controls):
            return None
        return self.setting({control.name: control.neutral for control in self.controls})

    def _options(self) -> Iterator[dict[str, KnobValue]]:
        for control in self.controls:
            for value in _positions(control, ends_only=self.smoke):
                yield {control.name: value}
        if self.smoke or len(self.controls) < 2:
            return
        rng = random.Random(2017)
        for _ in range(COMBINATIONS):
            yield {
                control.name: _anywhere(control, rng)
                for control in self.controls
                if control.kind != "text"
            }


def _positions(control: Control, ends_only: bool) -> Iterator[KnobValue]:
    low, high, step = control.minimum, control.maximum, control.step
    if control.kind == "slider" and low is not None and high is not None:
        # A step inside, too: of an open range (gt, lt), the end itself is refused.
        inner = () if ends_only or step is None else (low + step, high - step)
        for end in (low, high, *inner):
            yield round(end) if control.integer else end
    elif control.kind == "switch":
        yield from (False, True)
    elif control.kind == "choice":
        yield from control.choices[:CHOICES]
    if control.neutral is not None and not ends_only:
        yield control.neutral


def _anywhere(control: Control, rng: random.Random) -> KnobValue:
    low, high = control.minimum, control.maximum
    if control.kind == "slider" and low is not None and high is not None:
        if control.log and low > 0:
            value = low * math.exp(math.log(high / low) * rng.random())
        else:
            value = low + (high - low) * rng.random()
        return round(value) if control.integer else value
    if control.kind == "switch":
        return rng.random() < 0.5
    return rng.choice(control.choices) if control.choices else control.default


# ---------------------------------------------------------------- promises


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise of every contribution of a kind: a `Check`, once there is a contribution."""

    name: str
    description: str
    test: Callable[[Subject], str | None]
    essential: bool = False
    smoke: bool = False


def clause(
    name: str, description: str, *, essential: bool = False, smoke: bool = False
) -> Callable[[Callable[[Subject], str | None]], Clause]:
    """Make a Clause of the function below. It raises ContractError without a `promised`, which
    is the description; or returns why there is nothing to test."""

    def made(test: Callable[[Subject], str | None]) -> Clause:
        return Clause(name, description, test, essential, smoke)

    return made


def checks(clauses: Iterable[Clause], subject: Subject) -> tuple[Check, ...]:
    """What a subject is held to; of a smoke subject, the clauses for it only."""
    return tuple(
        Check(
            item.name,
            item.description,
            partial(_run, item.test, subject),
            subject.name,
            item.essential,
            item.smoke,
        )
        for item in clauses
        if item.smoke or not subject.smoke
    )


def _run(test: Callable[[Subject], str | None], subject: Subject) -> str | None:
    # Checks run beside training, too; and none may hide from the next that the stream was moved.
    with global_random_kept():
        return test(subject)


def made_with_every_setting(
    words: str, methods: tuple[str, ...], either: tuple[str, ...] = ()
) -> Clause:
    """The clause that comes first. methods: all that the object must have; either: exactly one
    of these besides."""

    @clause(
        "is-made",
        f"the factory makes {words} for every setting of the knobs",
        essential=True,
        smoke=True,
    )
    def is_made(subject: Subject) -> None:
        for setting in subject.settings:
            try:
                made = subject.make(setting)
            except ImportError as error:
                raise ContractError(
                    said(error),
                    "install what it imports, to have it tested",
                ) from error
            except Exception as error:
                raise ContractError(
                    f"{said(error)} ({setting.words})",
                    "let the factory take every value that the knobs allow, or narrow the knobs",
                ) from error
            _check_methods(made, setting, methods, either)

    return is_made


def _check_methods(
    made: object, setting: Setting, methods: tuple[str, ...], either: tuple[str, ...]
) -> None:
    what = f"a {type(made).__name__} ({setting.words})"
    for method in methods:
        if not callable(getattr(made, method, None)):
            raise ContractError(
                f"{what} without the method {method!r}",
                "write it as playground.api describes",
            )
    has = [method for method in either if callable(getattr(made, method, None))]
    if either and len(has) != 1:
        both = " and ".join(map(repr, has or either))
        raise ContractError(
            f"{what} with {'both ' if has else 'neither of '}{both}",
            "write one of the two; for both, contribute two objects",
        )


def manners(use: Callable[[Subject], object], advice: str) -> tuple[Clause, Clause]:
    """Two clauses for all kinds. use: calls every method. advice: where randomness belongs."""

    @clause(
        "global-random-state",
        "the global random streams (random's, and numpy.random's if it is loaded) stay as they are",
        smoke=True,
    )
    def global_random_state(subject: Subject) -> None:
        check_global_random(partial(_tried, use, subject), advice)

    @clause("quiet", "nothing is written to standard output or standard error", smoke=True)
    def quiet(subject: Subject) -> None:
        check_quiet(partial(_tried, use, subject))

    return global_random_state, quiet


def _tried(use: Callable[[Subject], object], subject: Subject) -> None:
    with suppress(Exception):  # which is for other checks to tell
        use(subject)
