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

from playground.api import (
    Contribution,
    Control,
    ExportError,
    Knobs,
    KnobValue,
    WriterError,
    controls,
)
from playground.testing.contract import Check, ContractError, said
from playground.testing.watching import check_global_random, check_quiet, global_random_kept

CHOICES = 20
"""The most choices of a knob that are tried, one at a time."""
COMBINATIONS = 4
"""The number of random combinations of all knobs that are tried."""


@dataclass(frozen=True, slots=True)
class Setting:
    """All knobs of a contribution in one position."""

    words: str
    """The setting in messages: "with the defaults", "with top_k=256"."""
    knobs: Knobs | None


class Subject:
    """A contribution under test, its settings, and results that checks share."""

    def __init__(
        self, contribution: Contribution[Any], smoke: bool = False, network: bool = False
    ) -> None:
        """smoke: try fewer settings and smaller inputs. network: `prepare` of a data set may
        download, and a writer may be asked over the network."""
        self.contribution = contribution
        self.smoke = smoke
        self.network = network
        self.memo: dict[str, Any] = {}
        """Results of one check that others need, by a name that these checks agree on."""

    @property
    def name(self) -> str:
        """The name of the contribution."""
        return self.contribution.name

    def make(self, setting: Setting | None = None) -> Any:
        """A fresh object with this setting, or with the defaults."""
        knobs = (setting or self.settings[0]).knobs
        return self.contribution.factory() if knobs is None else self.contribution.factory(knobs)

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """The controls that the screen draws for the knobs."""
        return controls(self.contribution.knobs)

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The defaults; the ends, the neutral value and the choices of each knob with the others
        at their defaults; a few random combinations. Settings that the knobs refuse are left
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
        """A setting of these knobs, the others at their defaults; None if the knobs refuse it."""
        if self.contribution.knobs is None:
            return None
        words = "with " + ", ".join(f"{name}={value!r}" for name, value in options.items())
        try:
            return Setting(words, self.contribution.knobs.model_validate(dict(options)))
        except ValidationError:
            return None

    @cached_property
    def neutral(self) -> Setting | None:
        """Every knob at its neutral value; None if a knob has none, or without knobs."""
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
        # A step inside, too, since an open range (gt, lt) refuses the end itself.
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
    """One promise of every contribution of a kind; with one contribution, it makes a `Check`."""

    name: str
    description: str
    test: Callable[[Subject], str | None]
    essential: bool = False
    smoke: bool = False


def clause(
    name: str, description: str, *, essential: bool = False, smoke: bool = False
) -> Callable[[Callable[[Subject], str | None]], Clause]:
    """Make a Clause of the decorated function, which returns None, or why there is nothing to
    test, or raises ContractError without `promised`: the description takes its place."""

    def made(test: Callable[[Subject], str | None]) -> Clause:
        return Clause(name, description, test, essential, smoke)

    return made


def checks(clauses: Iterable[Clause], subject: Subject) -> tuple[Check, ...]:
    """The checks of these clauses on a subject; for a smoke subject, of the smoke clauses only."""
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
    # The random stream is put back: checks also run beside training, and before other checks.
    with global_random_kept():
        return test(subject)


def made_with_every_setting(
    words: str, methods: tuple[str, ...], either: tuple[str, ...] = ()
) -> Clause:
    """The clause that comes first in every contract.

    methods: the object must have all of these. either: the object must have exactly one of these.
    """

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
    """Two clauses of every kind: it leaves the global random streams alone, and prints nothing.

    use: calls every method. advice: where randomness belongs.
    """

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
    with suppress(Exception):  # other checks tell of exceptions
        use(subject)


def check_words(refusal: ExportError | WriterError, where: str) -> None:
    """Raise ContractError unless a refusal says what happened and what to do. where: in brackets,
    behind what was found."""
    for name, value in (("title", refusal.title), ("message", refusal.message)):
        if not isinstance(value, str) or not value.strip():
            kind = type(refusal).__name__
            kind = f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"
            raise ContractError(
                f"{kind} whose {name} is {value!r} {where}",
                "say what happened in the title; why, and what to do, in the message",
            )
