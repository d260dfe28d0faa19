"""Lesson adam: how far a step moves a weight, and what a learning rate can break."""

from __future__ import annotations

import math

from microgpt.config import OptimizerConfig
from microgpt.vector_engine import VectorEngine
from playground.api import Choose, Do, Lesson, LessonFacts, Number, Tell
from playground.hooks.builtins.lessons import measure
from playground.hooks.builtins.lessons.measure import kept

TRAINED = 50
"""Steps after which the learning rate is made too large."""
LARGER = 10
"""How many times as large."""
AHEAD = 20
"""Steps that are made with it."""
_APART = 100
"""How many times as large the one gradient is as the other, about."""
_SMALLEST = 1e-5
"""A gradient beside which epsilon is nothing."""

# ---------------------------------------------------------------- the first update


def larger_gradient(facts: LessonFacts) -> float:
    """The size of the largest gradient of the text that is open."""
    return max(map(abs, facts.gradient(None)))


def smaller_gradient(facts: LessonFacts) -> float:
    """The size of another one, of those that are about a hundredth of it."""
    found = [abs(one) for one in facts.gradient(None) if abs(one) > _SMALLEST]
    wanted = larger_gradient(facts) / _APART
    return min(found, key=lambda one: abs(math.log(one / wanted)), default=larger_gradient(facts))


def beta1(facts: LessonFacts) -> float:
    return float(facts.spec["optimizer"]["beta1"])


def beta2(facts: LessonFacts) -> float:
    return float(facts.spec["optimizer"]["beta2"])


def adam_updates(facts: LessonFacts, gradients: list[float]) -> list[float]:
    """By how many learning rates Adam moves a weight at each of its first steps, against the
    gradient: m̂ / (√v̂ + ε). gradients: that of each of these steps."""
    b1, b2, eps = beta1(facts), beta2(facts), float(facts.spec["optimizer"]["eps"])
    m = v = 0.0
    moves = []
    for step, g in enumerate(gradients, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        moves.append(m / (1 - b1**step) / (math.sqrt(v / (1 - b2**step)) + eps))
    return moves


def ratio(facts: LessonFacts) -> float:
    """How many times as large the one gradient is."""
    return kept(facts, "larger") / kept(facts, "smaller")


def farther(facts: LessonFacts) -> int:
    """How much farther its weight is moved, as a choice: as the gradients, as their root, not."""
    far, near = (adam_updates(facts, [kept(facts, one)])[0] for one in ("larger", "smaller"))
    times = (ratio(facts), math.sqrt(ratio(facts)), 1.0)
    return min(range(3), key=lambda at: abs(math.log(times[at] / (far / near))))


def ask_farther(facts: LessonFacts) -> str:
    return (
        f"In the very first step two weights have the gradients {larger_gradient(facts):.3g} and "
        f"{smaller_gradient(facts):.3g}. How much farther than the second one does Adam move the "
        "first?"
    )


def farther_choices(facts: LessonFacts) -> list[str]:
    times = ratio(facts)
    return [
        f"{times:.3g} times as far",
        f"{math.sqrt(times):.3g} times as far, the root",
        "Just as far",
    ]


def why_farther(facts: LessonFacts) -> str:
    far, near = (adam_updates(facts, [kept(facts, one)])[0] for one in ("larger", "smaller"))
    return (
        "Adam divides the mean of the gradients by the root of the mean of their squares. After "
        f"one step that is g / |g|: {far:.4f} learning rates for the one, {near:.4f} for the "
        "other. Where the gradient is exactly 0, nothing moves."
    )


def ask_first(facts: LessonFacts) -> str:
    return (
        "How far will the first step move the weight with the gradient "
        f"{larger_gradient(facts):.3g}? (h shows the learning rate, esc closes the settings.)"
    )


def first_rate(facts: LessonFacts) -> float:
    """The learning rate of the first step, or the one it will have."""
    rates = facts.learning_rates
    return rates[0] if rates else float(facts.spec["optimizer"]["learning_rate"])


def first_move(facts: LessonFacts) -> float:
    """How far the first step moves the weight with the larger gradient."""
    return first_rate(facts) * abs(adam_updates(facts, [kept(facts, "gradient")])[0])


def why_first(facts: LessonFacts) -> str:
    return (
        f"The learning rate of step 1 was {first_rate(facts):.4g}, and that is how far each weight "
        "was moved that had a gradient. The schedule sets the rate, the gradient only the "
        "direction. In Parameters, v shows it as Δ."
    )


def task_step(facts: LessonFacts) -> str:
    remembered = (
        "is 0, since a first step has nothing to remember"
        if facts.step == 1
        else "tells how much of it is left from earlier texts"
    )
    return (
        "See it in the microscope: i, then 8 takes the last step apart, matrix by matrix. The "
        f"column memory {remembered}."
    )


# ---------------------------------------------------------------- means of gradients


def uncorrected(facts: LessonFacts) -> float:
    """The first update in learning rates, if the two means were not corrected."""
    return (1 - beta1(facts)) / math.sqrt(1 - beta2(facts))


def why_uncorrected(facts: LessonFacts) -> str:
    b1, b2 = beta1(facts), beta2(facts)
    return (
        f"{1 - b1:.3g} / √{1 - b2:.3g} = {uncorrected(facts):.3g}. Adam divides m by 1 - β1ᵗ and v "
        f"by 1 - β2ᵗ, at step 1 by {1 - b1:.3g} and {1 - b2:.3g}: then the first update is 1. "
        "Later the divisors come close to 1, and the correction fades."
    )


def turned(facts: LessonFacts) -> float:
    """The second update in learning rates, if the gradient has turned around; above 0 in the
    direction of the first one."""
    return adam_updates(facts, [1.0, -1.0])[1]


def turn(facts: LessonFacts) -> int:
    """The same as a choice: back as far, back by less, on."""
    move = turned(facts)
    return 2 if move > 0 else 0 if move < -0.5 else 1


def why_turn(facts: LessonFacts) -> str:
    return (
        f"Of the first gradient {beta1(facts):.3g} times its part is left in m. The second update "
        f"is {turned(facts):+.3f} learning rates, where the first was +1. Gradients that disagree "
        "from text to text make small steps, those that agree make full ones."
    )


def half_life(facts: LessonFacts) -> int:
    """After how many further steps a gradient has less than half of its part in m."""
    share, steps = beta1(facts), 1
    while share >= 0.5:
        share, steps = share * beta1(facts), steps + 1
    return steps


def why_half(facts: LessonFacts) -> str:
    b1, steps = beta1(facts), half_life(facts)
    return (
        f"{b1:.3g} to the power of {steps} is {b1**steps:.3f}. So m is the mean of the last few "
        "texts: what pulls the same way in all of them adds up, what only one text wants is lost. "
        "The memory column of the Step view tells its share."
    )


def ask_sgd(facts: LessonFacts) -> str:
    return (
        "SGD is plainer: it takes learning rate times gradient off. At a rate of "
        f"{first_rate(facts):.4g}, how far does it move a weight with the gradient "
        f"{smaller_gradient(facts):.3g}?"
    )


def sgd_move(facts: LessonFacts) -> float:
    """How far SGD moves a weight at that rate and gradient."""
    return kept(facts, "rate") * kept(facts, "gradient")


def why_sgd(facts: LessonFacts) -> str:
    far = adam_updates(facts, [kept(facts, "gradient")])[0] * kept(facts, "rate")
    times = far / sgd_move(facts) if sgd_move(facts) else math.inf
    return (
        f"Rate times gradient: {sgd_move(facts):.3g}. Adam moves it {far:.3g} in a first step, "
        f"{times:.3g} times as far. So SGD needs a larger rate, and the weight with the largest "
        "gradient then sets how large it can be."
    )


# ---------------------------------------------------------------- too large a rate


def ahead(facts: LessonFacts, rate: float) -> float:
    """The mean loss of the last half of the next steps, in nats a token, if the run makes them at
    this rate; inf if its numbers break."""
    optimizer = OptimizerConfig(**facts.spec["optimizer"])
    engine = VectorEngine(facts.config, optimizer, facts.read("weights"))
    engine.write("first_moment", facts.read("first_moment"))
    engine.write("second_moment", facts.read("second_moment"))
    size = int(facts.spec["batch_size"])
    losses: list[float] = []
    for step in range(facts.step, facts.step + AHEAD):
        documents = measure.documents_from(facts, step * size, size)
        try:
            each = engine.loss_and_gradients(documents)
            engine.adam_step(rate, step)
        except (ArithmeticError, ValueError):
            return math.inf
        losses.append(math.fsum(map(math.fsum, each)) / sum(map(len, each)))
    late = losses[AHEAD // 2 :]
    mean = math.fsum(late) / len(late)
    return mean if math.isfinite(mean) else math.inf


def rate_now(facts: LessonFacts) -> float:
    """The learning rate of the last step, or of the first one before it is made."""
    rates = facts.learning_rates
    return rates[-1] if rates else first_rate(facts)


def too_large(facts: LessonFacts) -> float:
    """A rate far above the usual one: a round number."""
    return LARGER * float(facts.spec["optimizer"]["learning_rate"])


def schedule_now(facts: LessonFacts) -> float:
    """The share of its first rate that the schedule leaves by now; 1 if the rate was set by hand
    on the way, so that the share is not known."""
    if any("learning rate" in words for _, words in facts.edits):
        return 1.0
    return rate_now(facts) / first_rate(facts) if first_rate(facts) else 1.0


def blind_guess(facts: LessonFacts) -> float:
    return math.log(facts.config.vocab_size)


def at_large_rate(facts: LessonFacts) -> int:
    """What the loss does at that rate, as a choice: falls faster, goes on, rises above a guess."""
    large, usual = kept(facts, "large"), kept(facts, "usual")
    if large > blind_guess(facts):
        return 2
    return 0 if large < usual - 0.05 else 1


def why_large(facts: LessonFacts) -> str:
    large, usual = kept(facts, "large"), kept(facts, "usual")
    told = f"{large:,.2f} nats" if large < 1e9 else "beyond all numbers"
    return (
        f"Over steps {AHEAD // 2 + 1} to {AHEAD} from here the mean loss is {told}, at the usual "
        f"rate {usual:.2f}; a blind guess costs {blind_guess(facts):.2f}. Adam moves every weight "
        "by about the rate, whatever its gradient: no slope is straight for so far."
    )


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Adam",
        [
            Tell(
                "The gradient says in which direction each weight should go. The optimizer says "
                "how far. Here that is Adam, with two running means for each weight: m of its "
                "gradients, v of their squares.",
                at="parameters",
            ),
            Choose(
                measure.asked,
                choices=farther_choices,
                answer=farther,
                why=why_farther,
                hints=[
                    "After one step the mean of the gradients is g, that of their squares g². Adam "
                    "moves a weight by the one over the root of the other."
                ]
                * 3,
                keep={
                    "question": ask_farther,
                    "larger": larger_gradient,
                    "smaller": smaller_gradient,
                },
            ),
            Number(
                measure.asked,
                answer=first_move,
                why=why_first,
                within=0.02,
                at="parameters",
                task="s makes the step. If the run is at another step: r returns to 0, then s.",
                when=lambda facts: facts.step >= 1,
                keep={"question": ask_first, "gradient": larger_gradient},
            ),
            Do(
                task_step,
                done=lambda facts: any(look.view == "step" for look in facts.looks),
                at="step",
                help="i, then 8. ↑ ↓ go to the other matrices; q leaves the microscope.",
            ),
            Number(
                lambda facts: (
                    f"m and v begin at 0. After one step m is {1 - beta1(facts):.3g} g and v is "
                    f"{1 - beta2(facts):.3g} g². If that start were not corrected: how many "
                    "learning rates would the first update m / √v be?"
                ),
                answer=uncorrected,
                why=why_uncorrected,
                within=0.04,
                hint="Above stands g, below √g²: they cancel. The two numbers stay.",
                at="parameters",
            ),
            Choose(
                "At the second step the gradient has turned around: it was g, and is -g. How does "
                "Adam move the weight this time?",
                choices=[
                    "Back, by a whole learning rate",
                    "Back, by much less",
                    "On, in the first direction",
                ],
                answer=turn,
                why=why_turn,
                hints=["In m, the mean, both gradients count, and the new one a little more."] * 3,
            ),
            Number(
                lambda facts: (
                    f"Each step multiplies what m remembers by β1 = {beta1(facts):.3g}. After how "
                    "many steps is less than half of a gradient's part left?"
                ),
                answer=half_life,
                why=why_half,
                within=0,
                margin=0.5,
                hint="Multiply β1 by itself until it is less than 0.5.",
                at="parameters",
            ),
            Number(
                measure.asked,
                answer=sgd_move,
                why=why_sgd,
                within=0.05,
                hint="A product of two small numbers is a very small one.",
                keep={"question": ask_sgd, "gradient": smaller_gradient, "rate": first_rate},
            ),
            Do(
                lambda facts: (
                    f"Let it learn: train to step {measure.goal(facts, TRAINED)} or further."
                ),
                done=lambda facts: facts.step >= measure.goal(facts, TRAINED),
                at="status",
                help="space trains and pauses.",
            ),
            Choose(
                lambda facts: (
                    f"The rate was {first_rate(facts):.3g} at first. Suppose that the next {AHEAD} "
                    f"steps are made at {too_large(facts):.3g}. What does the loss do?"
                ),
                choices=[
                    "It falls faster",
                    "It goes on much as before",
                    "It rises above a blind guess",
                ],
                answer=at_large_rate,
                why=why_large,
                hints=["Adam moves each weight by about the rate. How large are the weights?"] * 3,
                at="loss",
                keep={
                    "large": lambda facts: min(
                        ahead(facts, too_large(facts) * schedule_now(facts)), 1e300
                    ),
                    "usual": lambda facts: min(ahead(facts, rate_now(facts)), 1e300),
                },
            ),
            Do(
                lambda facts: (
                    f"Try it: set the learning rate to {too_large(facts):.3g} in the settings. It "
                    "counts from the next step on."
                ),
                done=lambda facts: any(
                    step >= facts.began and "learning rate" in words for step, words in facts.edits
                ),
                at="keys",
                help="h, the arrows go to learning rate, type the number, enter applies it.",
            ),
            Do(
                "Now make some steps, one by one, and watch the loss. Then go back.",
                done=measure.moved,
                at="loss",
                help="s makes a step, b goes one back: nothing is lost.",
            ),
            Tell(
                "On a text of your own: h trains it by SGD instead, which wants a rate of about "
                "0.3 on names. Say first after how many steps it will be where Adam was after 100, "
                "then look at the held-out losses.",
                at="keys",
            ),
        ],
        minutes=8,
        hardest=1,
    )
