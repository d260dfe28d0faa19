"""Lesson 2, Surprise: the loss of a token, of a text, and of texts that are never trained on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from itertools import pairwise

from playground.api import Choose, Do, Lesson, LessonFacts, Number, Tell
from playground.hooks.builtins.lessons.data import (
    blind,
    heldout,
    mean,
    moved_on,
    nats,
    next_text,
    number,
    quoted,
    reached,
    target,
    vocabulary,
)

STEPS = 200
"""Training steps after which the model has learnt something."""
_CHOICES = 5
_NAME = 12
_APART = 0.1
"""Nats between two lines that can be told apart."""
_RECENT = 50
"""Steps that stand for the present loss where nothing is held out."""


# ---------------------------------------------------------------- the answers


def tiles(facts: LessonFacts) -> list[tuple[str, float]]:
    """Each token of the text on screen, with its surprise; before the first step, those of the
    text that comes."""
    if facts.token_losses:
        return list(zip(facts.document, facts.token_losses, strict=False))
    seen = facts.anatomy(None)
    return list(zip(seen.targets, seen.anatomy.losses, strict=True))


def worst(facts: LessonFacts) -> tuple[str, float]:
    """The token of the text on screen that surprised the model most, and its surprise."""
    return max(tiles(facts), key=lambda one: one[1])


def chance(facts: LessonFacts) -> float:
    """The probability behind the surprise that was kept."""
    return math.exp(-number(facts, "surprise"))


def text_loss(facts: LessonFacts) -> float:
    """The mean surprise over the text on screen."""
    return mean([loss for _, loss in tiles(facts)])


def as_many(facts: LessonFacts) -> float:
    """As many equally likely tokens are as surprising as the loss that was kept."""
    return math.exp(number(facts, "loss"))


def first_loss(facts: LessonFacts) -> float:
    """The loss of the first step."""
    return facts.losses[0]


def lines(facts: LessonFacts) -> dict[str, float]:
    """Lines of the chart near which a loss can lie, in nats, by name; those that can be told from
    each other, and what is far above them all."""
    found: dict[str, float] = {}
    for name in ("uniform", "unigram", "bigram"):
        nats_ = facts.baselines[name]
        if all(abs(nats_ - other) >= _APART for other in found.values()):
            found[name] = nats_
    return found | {"": 2 * max(found.values()) + _APART}


def nearest_line(facts: LessonFacts) -> int:
    """Which of the lines the loss of the first step is nearest to."""
    away = [abs(first_loss(facts) - line) for line in lines(facts).values()]
    return away.index(min(away))


def loss_by(facts: LessonFacts, step: int) -> float:
    """The held-out loss that was measured last up to a step; where nothing is held out, the mean
    loss of the steps before."""
    known = [loss for at, loss in facts.heldout if at <= step]
    if known:
        return known[-1]
    return mean(facts.losses[max(0, step - _RECENT) : step]) or blind(facts)


def now(facts: LessonFacts) -> float:
    """The same at this moment."""
    return loss_by(facts, facts.step)


def among(facts: LessonFacts) -> float:
    """Among as many equally likely tokens the model guesses once it is trained so far."""
    return math.exp(loss_by(facts, target(facts, STEPS)))


def likelier(facts: LessonFacts) -> float:
    """How many times as likely a token of mean surprise has become."""
    return math.exp(number(facts, "start") - number(facts, "end"))


def start(facts: LessonFacts) -> float:
    """The held-out loss before the first step; where nothing is held out, the first loss."""
    known = heldout(facts)
    return facts.losses[0] if known is None else facts.heldout[0][1]


def candidates(facts: LessonFacts) -> str:
    """Some tokens of the text that comes next, as JSON: [[token, its surprise] ...], the most
    surprising among them."""
    seen = facts.anatomy(next_text(facts))
    most: dict[str, float] = {}
    for one, loss in zip(seen.targets, seen.anatomy.losses, strict=True):
        name = quoted(one, _NAME)
        most[name] = max(loss, most.get(name, 0.0))
    others = (quoted(one, _NAME) for one in facts.vocabulary)
    while len(most) < 2:  # a text of a single token: beside those that are not there
        most[next(one for one in others if one not in most)] = 0.0
    best = max(most, key=lambda one: most[one])
    first = [one for one in most if one != best][: _CHOICES - 1]
    shown = [one for one in most if one == best or one in first]
    return json.dumps([[one, most[one]] for one in shown])


def _candidates(facts: LessonFacts) -> list[tuple[str, float]]:
    return [(name, loss) for name, loss in json.loads(str(facts.remembered["candidates"]))]


def most_surprising(facts: LessonFacts) -> int:
    """Which of the candidates surprises the model most."""
    losses = [loss for _, loss in _candidates(facts)]
    return losses.index(max(losses))


def jumps(facts: LessonFacts) -> tuple[float, float]:
    """The mean change from one value to the next: of the loss of a step, and of the held-out loss;
    where nothing is held out, of the moving average."""
    slow = [loss for _, loss in facts.heldout]
    if not slow:
        average = facts.losses[0] if facts.losses else 0.0
        for loss in facts.losses:
            average = 0.95 * average + 0.05 * loss
            slow.append(average)
    return _jump(facts.losses), _jump(slow)


def _jump(values: Iterable[float]) -> float:
    return mean([abs(a - b) for a, b in pairwise(values)])


def jumpier(facts: LessonFacts) -> int:
    """Which of the two jumps more."""
    fast, slow = jumps(facts)
    return int(slow > fast)


# ---------------------------------------------------------------- the words


def _measured(facts: LessonFacts) -> str:
    return "held-out loss" if facts.heldout else f"mean loss of the last {_RECENT} steps"


def _other(facts: LessonFacts) -> str:
    return "the held-out loss ◆" if facts.heldout else "ema, the moving average"


def _line_names(facts: LessonFacts) -> list[str]:
    return [name or "far above them" for name in lines(facts)]


def _first_why(facts: LessonFacts) -> str:
    return (
        f"The first step costs {first_loss(facts):.3f}. The weights are random and small, so the "
        f"model guesses blindly among {vocabulary(facts):,} tokens, and that costs ln "
        f"{vocabulary(facts):,} = {blind(facts):.3f}."
    )


def _tile_question(facts: LessonFacts) -> str:
    return (
        f"{quoted(str(facts.remembered['token']), _NAME)} surprised the model by "
        f"{number(facts, 'surprise'):.2f} nats, the most in this text. Which probability had it "
        "given that token?"
    )


def _tile_why(facts: LessonFacts) -> str:
    return (
        f"−ln p = {number(facts, 'surprise'):.2f}, so p = e^−{number(facts, 'surprise'):.2f} = "
        f"{chance(facts):.4f}. A blind guess gives each token {1 / vocabulary(facts):.4f}."
    )


def _as_many_question(facts: LessonFacts) -> str:
    return (
        f"The loss of this text is {number(facts, 'loss'):.2f} nats, the mean of its tiles. A "
        "blind guess among how many equally likely tokens would be as surprised?"
    )


def _as_many_why(facts: LessonFacts) -> str:
    return (
        f"A guess among n costs ln n, so n = e^{number(facts, 'loss'):.2f} = {as_many(facts):.1f}. "
        "That is the perplexity of the text: the loss in a unit that one can picture."
    )


def _heldout_told(facts: LessonFacts) -> str:
    if not facts.heldout:
        return (
            "The loss of a step is that of one text, which the step then learns from. This run "
            "holds no texts back to be tested on, so what stands for the model's state here is "
            "the mean of many steps."
        )
    return (
        "The loss of a step is that of one text, which the step then learns from. The held-out "
        "loss, ◆, is the mean over texts that the model is never trained on. So it says what "
        "the model has learnt of the language, and not of these texts."
    )


def _among_question(facts: LessonFacts) -> str:
    return (
        f"The {_measured(facts)} is {now(facts):.2f} now: a guess among {math.exp(now(facts)):.1f} "
        f"equally likely tokens. Among how many will it be at step {target(facts, STEPS):,}?"
    )


def _among_why(facts: LessonFacts) -> str:
    at = target(facts, STEPS)
    return (
        f"{loss_by(facts, at):.3f} nats, and e^{loss_by(facts, at):.3f} = {among(facts):.1f}. "
        f"Counting pairs reaches {math.exp(facts.baselines['bigram']):.1f}."
    )


def _next_question(facts: LessonFacts) -> str:
    return (
        f"The text that comes next is {quoted(next_text(facts))}. Which of its tokens surprises "
        "the model most, as it stands?"
    )


def _next_why(facts: LessonFacts) -> str:
    told = ", ".join(f"{name} {nats(loss)}" for name, loss in _candidates(facts))
    return (
        f"In nats: {told}. At its beginning a text can go on in many ways; later the tokens before "
        "narrow it down, or mislead."
    )


def _jumps_why(facts: LessonFacts) -> str:
    fast, slow = jumps(facts)
    told = (
        "Each step has another text, easy or hard. Judge a run by a mean over many texts, never "
        "by one step."
        if fast >= slow
        else "The texts of this run are so alike that the way down is more than their differences."
    )
    return (
        f"The loss of a step changes by {fast:.3f} nats on average, {_other(facts)} by {slow:.3f}. "
        f"{told}"
    )


def _heart(facts: LessonFacts) -> str:
    if facts.heldout:
        return (
            "A model can learn its texts by heart. The losses of its steps then keep falling and "
            "look splendid; the held-out loss stops, and rises. That is why it is looked at: of "
            "the two, it alone cannot be learnt by heart."
        )
    return (
        "A model can learn its texts by heart, and the losses of its steps cannot show it. Texts "
        "that are held out can: their loss then rises. h holds a share of the texts out, in a run "
        "of your own."
    )


def _likelier_question(facts: LessonFacts) -> str:
    return (
        f"The {_measured(facts)} went from {number(facts, 'start'):.3f} to "
        f"{number(facts, 'end'):.3f} nats. How many times as likely has the model made a token of "
        "mean surprise?"
    )


def _likelier_why(facts: LessonFacts) -> str:
    gained = number(facts, "start") - number(facts, "end")
    return (
        f"e^{gained:.3f} = {likelier(facts):.2f}. A difference of losses is a factor of "
        "probabilities: 0.1 nats are about 10 percent, whatever the loss is."
    )


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Surprise",
        [
            Tell(
                "The model gives each token that could come next a probability p. How much the one "
                "that does come surprises it is −ln p, in nats: 0 if it was sure of it, and more "
                "the less it expected it. The loss is the mean over tokens.",
                at="loss",
            ),
            Choose(
                "The model has learnt nothing yet, and its weights are random numbers. Near which "
                "line of the chart will the loss of its first step lie?",
                choices=_line_names,
                answer=nearest_line,
                task="s does one training step.",
                when=lambda facts: facts.step >= 1,
                why=_first_why,
                at="loss",
            ),
            Number(
                _tile_question,
                answer=chance,
                within=0.1,
                margin=0.002,
                hint="the surprise is −ln p, so p is e to the power of −surprise",
                why=_tile_why,
                keep={
                    "token": lambda facts: worst(facts)[0],
                    "surprise": lambda facts: worst(facts)[1],
                },
                at="dataset",
            ),
            Number(
                _as_many_question,
                answer=as_many,
                within=0.05,
                unit="tokens",
                hint="a guess among n costs ln n, so n is e to the power of the loss",
                why=_as_many_why,
                keep={"loss": text_loss},
                at="dataset",
            ),
            Tell(_heldout_told, at="loss"),
            Number(
                _among_question,
                answer=among,
                within=0.25,
                unit="tokens",
                hint="fewer than now; the lines in Loss say what counting reaches",
                task=lambda facts: (
                    f"Train to step {target(facts, STEPS):,}: space trains, + goes faster."
                ),
                when=lambda facts: reached(facts, STEPS),
                why=_among_why,
                at="loss",
            ),
            Number(
                _likelier_question,
                answer=likelier,
                within=0.08,
                unit="times",
                hint="e to the power of the difference of the two losses",
                why=_likelier_why,
                keep={"start": start, "end": now},
                at="loss",
            ),
            Choose(
                _next_question,
                choices=lambda facts: [name for name, _ in _candidates(facts)],
                answer=most_surprising,
                hints=lambda facts: [
                    f"that one costs {nats(loss)} nats" for _, loss in _candidates(facts)
                ],
                why=_next_why,
                keep={"candidates": candidates},
                at="dataset",
            ),
            Do(
                "Let the model read that text, and see the surprise stand below each token.",
                done=moved_on,
                help="s does one training step; Data set shows the text that it read.",
                at="dataset",
            ),
            Choose(
                "Loss shows both of these as they were measured, one value after the other. Which "
                "changes more from one value to the next?",
                choices=lambda facts: ["the loss of a step", _other(facts)],
                answer=jumpier,
                hints=("", "it is a mean over many texts"),
                why=_jumps_why,
                at="loss",
            ),
            Tell(_heart, at="loss"),
            Do(
                "See the model's surprise at a text of your own: type one in the microscope.",
                done=lambda facts: any(one.text for one in facts.looks),
                help="i looks inside, / takes a text, enter reads it; above it stands what each "
                "token was given. esc leads back.",
                at="inside",
            ),
            Tell(
                "To do on a text of your own, after the lesson: d opens it. Compare the held-out "
                "loss, as e^loss, with the number of its tokens: by how much has the model "
                "narrowed down its guess?",
                at="dataset",
            ),
        ],
        minutes=7,
        run={"eval_every": 50},
        hardest=3,
    )
