"""The chain of sampling strategies: logits in, the next token out.

The transforms work in the user's order, then softmax, then the one strategy that picks, wherever it
stands in the chain, or else a draw from the context's random stream.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import random
from collections.abc import Sequence
from itertools import islice
from typing import Any

from microgpt.sampling import draw, softmax
from playground.api import PickStrategy, SampleContext, TransformStrategy
from playground.hooks import plain
from playground.hooks.errors import PluginError, excerpt, plugin_call

_TRUSTED = "playground.hooks.builtins."


class ChainError(ValueError):
    """Strategies that cannot stand in one chain."""


class LogitsError(ArithmeticError):
    """The model's logits are not finite, so no token can be chosen: its weights have diverged."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Link:
    name: str
    strategy: Any
    trusted: bool
    """True for a built-in strategy: tests prove its results, so they are not checked at every
    token."""


class Chain:
    """Strategies at work. A chain keeps no state, and is cheap to make anew when a knob moves."""

    def __init__(self, links: Sequence[tuple[str, object]]) -> None:
        """links: (qualified name, strategy) in the user's order. Raises ChainError."""
        self._transforms: list[_Link] = []
        self._pick: _Link | None = None
        self._links: list[_Link] = []
        for name, strategy in links:
            link = _Link(name, strategy, type(strategy).__module__.startswith(_TRUSTED))
            if isinstance(strategy, TransformStrategy):
                self._transforms.append(link)
            elif not isinstance(strategy, PickStrategy):
                raise ChainError(f"{name} has neither 'transform' nor 'pick'")
            elif self._pick is not None:
                raise ChainError(
                    f"{self._pick.name} and {name} both pick the token, and only one can; "
                    "take one of them out of the chain"
                )
            else:
                self._pick = link
            self._links.append(link)

    @property
    def picks(self) -> str:
        """The name of the link that picks; "" if the token is drawn."""
        return self._pick.name if self._pick else ""

    def apply(self, logits: Sequence[float], context: SampleContext) -> list[float]:
        """The logits (vocab_size) after all transforms.

        Raises LogitsError if the model's logits are not finite, and PluginError, which names the
        strategy, if one fails or breaks its contract.
        """
        values = _checked_input(logits)
        for link in self._transforms:
            values = _transformed(link, values, context)
        return values

    def choose(self, logits: Sequence[float], context: SampleContext) -> int:
        """The id of the next token."""
        return self.choose_with_chance(logits, context)[0]

    def choose_with_chance(
        self, logits: Sequence[float], context: SampleContext
    ) -> tuple[int, float]:
        """(the id of the next token, its probability after all transforms)."""
        probs = softmax(self.apply(logits, context))
        link = self._pick
        if link is None:
            token = draw(probs, context.rng)
        elif link.trusted:
            token = link.strategy.pick(probs, context)
        else:
            with _named(link):
                token = _guarded_pick(link, probs, context)
        return token, probs[token]

    def probabilities(
        self, logits: Sequence[float], context: SampleContext
    ) -> tuple[list[float], list[float]]:
        """The next token's probabilities before and after the transforms, for the screen.

        The choice of a strategy that picks is not foreseen. The random stream of the context does
        not advance, so that looking changes no sample.
        """
        before = softmax(_checked_input(logits))
        if not self._transforms:
            return before, list(before)
        return before, softmax(self.apply(logits, self._looking(context)))

    def stages(self, logits: Sequence[float], context: SampleContext) -> list[list[float] | None]:
        """The next token's probabilities after each link, in the order in which they were given;
        None for the link that picks, whose choice is not foreseen. Otherwise as `probabilities`.
        """
        context, values = self._looking(context), _checked_input(logits)
        found: list[list[float] | None] = []
        for link in self._links:
            if link is self._pick:
                found.append(None)
            else:
                values = _transformed(link, values, context)
                found.append(softmax(values))
        return found

    def _looking(self, context: SampleContext) -> SampleContext:
        """The context with a copy of its random stream, if a strategy might draw from that."""
        if all(link.trusted for link in self._transforms):
            return context
        rng = random.Random()
        rng.setstate(context.rng.getstate())
        return dataclasses.replace(context, rng=rng)


def _checked_input(logits: Sequence[float]) -> list[float]:
    values = list(logits)
    if not values:
        raise LogitsError("there are no logits to choose from")
    if not math.isfinite(sum(values)):  # one quick pass, which an allowed -inf fails, too
        if any(map(math.isnan, values)) or math.inf in values:
            raise LogitsError(
                "the model's logits are not finite: its weights have diverged; "
                "go back, or start again with a lower learning rate"
            )
        if max(values) == -math.inf:
            raise LogitsError("the model rules out every token: its weights have diverged")
    return values


class _named:
    """Adds to a PluginError which strategy it is about."""

    __slots__ = ("_link",)

    def __init__(self, link: _Link) -> None:
        self._link = link

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if type(error) is PluginError:
            error.contribution = f"strategy:{self._link.name}"


def _transformed(link: _Link, values: list[float], context: SampleContext) -> list[float]:
    """The logits after one transform."""
    if link.trusted:
        trusted: list[float] = link.strategy.transform(values, context)
        return trusted
    with _named(link):
        return _guarded_transform(link, values, context)


def _guarded_transform(link: _Link, values: list[float], context: SampleContext) -> list[float]:
    # A tuple, so that a strategy which changes its argument fails.
    with plugin_call(link.name.partition(":")[0], f"in transform of {link.name}", values):
        given = link.strategy.transform(tuple(values), context)
        # At most one too many: the result may be a generator that never ends.
        result = list(islice(given, len(values) + 1))
        if not set(map(type, result)) <= {float}:
            result = [_as_float(value) for value in result]
    wrong = _wrong(result, len(values))
    if wrong:
        raise _broken(link, "transform", wrong)
    return result


def _as_float(value: Any) -> float:
    if plain.is_a(value, (bool, str, bytes)):
        raise TypeError(f"a logit is {excerpt(value)}, not a number")
    return float(value)


def _wrong(result: list[float], size: int) -> str:
    """What is wrong with what a transform returned; "" if nothing."""
    if len(result) > size:
        return f"it returned more than {size} logits for {size} tokens"
    if len(result) < size:
        return f"it returned {len(result)} logits for {size} tokens"
    if math.isfinite(sum(result)):
        return ""
    nan = next((i for i, value in enumerate(result) if math.isnan(value)), None)
    if nan is not None:
        return f"the logit of token {nan} is NaN"
    if math.inf in result:
        return f"the logit of token {result.index(math.inf)} is +inf"
    if max(result, default=-math.inf) == -math.inf:
        return "it rules out every token: all logits are -inf"
    return ""


def _guarded_pick(link: _Link, probs: list[float], context: SampleContext) -> int:
    with plugin_call(link.name.partition(":")[0], f"in pick of {link.name}", probs):
        given = link.strategy.pick(tuple(probs), context)
        if type(given) is bool:
            raise TypeError(f"a token id is expected, not {given}")
        token = operator.index(given)
    if not 0 <= token < len(probs):
        raise _broken(link, "pick", f"it chose token {token} of {len(probs)}")
    return token


def _broken(link: _Link, method: str, wrong: str) -> PluginError:
    return PluginError(link.name.partition(":")[0], f"in {method} of {link.name}", wrong)
