"""Sampling strategies with one fault each."""

# ruff: noqa: ARG002 - the protocols give more than each of these needs

from __future__ import annotations

import math
import random

from microgpt import sampling
from playground.api import Knob, Knobs


class PowerKnobs(Knobs):
    power: float = Knob(2.0, ge=0.5, le=10, step=0.5, neutral=1.0)


class Cold:
    """The base of most of the others, without a fault: logits times a power."""

    def __init__(self, knobs: PowerKnobs) -> None:
        self.power = knobs.power

    def transform(self, logits, context):
        return [logit * self.power for logit in logits]


class CannotBeStrong(Cold):
    def __init__(self, knobs: PowerKnobs) -> None:
        super().__init__(knobs)
        if knobs.power > 9:
            raise ValueError("too strong")


class NoMethod:
    pass


class TransformsAndPicks(Cold):
    def pick(self, probs, context):
        return 0


class NeedsATextAfterBos(Cold):
    def transform(self, logits, context):
        last = context.tokens[1:][-1]
        return [x - (token == last) for token, x in enumerate(super().transform(logits, context))]


class Overflows(Cold):
    def transform(self, logits, context):
        exps = [math.exp(logit) for logit in logits]
        return [math.log(e) if e else -math.inf for e in exps]


class LeavesBosOut(Cold):
    def transform(self, logits, context):
        return super().transform(logits, context)[:-1] or [0.0, 0.0]


class GivesBooleans(Cold):
    def transform(self, logits, context):
        return [logit > -math.inf for logit in logits]


class SubtractsInfinity(Cold):
    """-inf - -inf is NaN: the mean of masked logits."""

    def transform(self, logits, context):
        smallest = min(logits)
        return [logit - smallest for logit in logits]


class BarsWhatIsThere(Cold):
    """Rules out the tokens of the text, even if no other is left."""

    def transform(self, logits, context):
        barred = set(context.tokens)
        return [-math.inf if token in barred else x for token, x in enumerate(logits)]


class BringsBack(Cold):
    def transform(self, logits, context):
        return [max(logit, -1e4) if context.step else logit for logit in logits]


class SortsInPlace(Cold):
    def transform(self, logits, context):
        if isinstance(logits, list):
            logits[0] -= 1.0
        return super().transform(logits, context)


class CountsItsCalls(Cold):
    calls = 0

    def transform(self, logits, context):
        self.calls += 1
        return [x - 0.1 * self.calls * (i == 0) for i, x in enumerate(logits)]


class DrawsFromAnywhere(Cold):
    """Puts the global stream back, but draws from it."""

    def transform(self, logits, context):
        state = random.getstate()
        noise = random.random()
        random.setstate(state)
        return [x - noise * (i == 0) for i, x in enumerate(logits)]


class SeedsTheWorld(Cold):
    def transform(self, logits, context):
        random.seed(1)
        return super().transform(logits, context)


class Talks(Cold):
    def transform(self, logits, context):
        print("cold")
        return super().transform(logits, context)


class NeverNeutral(Cold):
    def transform(self, logits, context):
        return [x * (self.power + 0.01) for x in logits]


class Draw:
    """A strategy that picks, without a fault."""

    def pick(self, probs, context):
        return sampling.draw(probs, context.rng)


class PicksAnything(Draw):
    def pick(self, probs, context):
        return context.rng.randrange(len(probs))


class PicksOneTooFar(Draw):
    def pick(self, probs, context):
        return super().pick(probs, context) + 1


class PicksAProbability(Draw):
    def pick(self, probs, context):
        return max(probs)


class PicksByItsOwnChance(Draw):
    def __init__(self):
        self.rng = random.Random(1)

    def pick(self, probs, context):
        return sampling.draw(probs, self.rng)


class ClearsTheProbabilities(Draw):
    def pick(self, probs, context):
        token = super().pick(probs, context)
        if isinstance(probs, list):
            probs.clear()
        return token
