"""Lesson speak: temperature, top-k, memorised or new, and the model under the knife."""

from __future__ import annotations

import math
import random

from microgpt.config import OptimizerConfig
from microgpt.sampling import draw, softmax, temperature, top_k
from microgpt.vector_engine import VectorEngine
from playground.api import Choose, Do, Lesson, LessonFacts, Number, SampleFacts, Tell
from playground.hooks.builtins.lessons import measure
from playground.hooks.builtins.lessons.measure import kept, token

TRAINED = 300
"""Steps after which there is something to say."""
COLD, HOT = 0.5, 2.0
"""Temperatures below and above 1."""
_ODDS = 3
"""How many times as likely one token is as the other that it is compared with, about."""
_KEPT = 3
"""Tokens that top-k keeps."""
_DRAWN = 8
"""Texts that are drawn to count how many differ."""

# ---------------------------------------------------------------- temperature


def first_logits(facts: LessonFacts) -> list[float]:
    """The logits of the first token of a text."""
    return list(facts.anatomy(None).anatomy.logits[0])


def likeliest(facts: LessonFacts) -> tuple[int, int]:
    """The likeliest first token, and one that is about a third as likely."""
    logits = first_logits(facts)
    first = max(range(len(logits)), key=lambda one: logits[one])
    others = [one for one in range(len(logits)) if one != first]
    wanted = logits[first] - math.log(_ODDS)
    return first, min(others, key=lambda one: abs(logits[one] - wanted))


def odds(facts: LessonFacts, value: float = 1.0) -> float:
    """How many times as likely the first of them is as the second, at a temperature."""
    logits = temperature(first_logits(facts), value)
    first, second = likeliest(facts)
    return math.exp(min(logits[first] - logits[second], 600.0))


def chance(facts: LessonFacts, value: float = 1.0) -> float:
    """The chance of the likeliest first token at a temperature."""
    return softmax(temperature(first_logits(facts), value))[likeliest(facts)[0]]


def display(facts: LessonFacts, one: int) -> str:
    """A token in quotes."""
    return token(facts.vocabulary[one] if one < len(facts.vocabulary) else f"id {one}")


def ask_odds(facts: LessonFacts) -> str:
    first, second = likeliest(facts)
    return (
        f"As a first token, {display(facts, first)} has {odds(facts):.4g} times the raw chance of "
        f"{display(facts, second)}. How many times is it at temperature {COLD:g}, which divides "
        f"all logits by {COLD:g}?"
    )


def why_odds(facts: LessonFacts) -> str:
    return (
        "Logits are logarithms: their differences are ratios of chances. Twice the difference is "
        f"the square of the ratio: {kept(facts, 'odds'):.4g}² = {kept(facts, 'cold odds'):.4g}. "
        "So a low temperature makes the likely likelier, more and more."
    )


def hot(facts: LessonFacts) -> int:
    """What the chance of the likeliest token does at a high temperature: rises, stays, falls."""
    now, then = chance(facts), chance(facts, HOT)
    return 1 if math.isclose(now, then, rel_tol=1e-6) else 0 if then > now else 2


def ask_hot(facts: LessonFacts) -> str:
    return (
        f"{display(facts, likeliest(facts)[0])} is the likeliest first token, with a raw chance of "
        f"{chance(facts):.3f}. What becomes of that at temperature {HOT:g}?"
    )


def why_hot(facts: LessonFacts) -> str:
    return (
        f"It goes from {kept(facts, 'chance'):.3f} to {kept(facts, 'hot chance'):.3f}. Differences "
        "of logits are halved, so that chances come closer to each other. What the likely ones "
        f"lose goes to all that are rare, among them what is wrong. At {COLD:g} it would be "
        f"{kept(facts, 'cold chance'):.3f}."
    )


def heated(facts: LessonFacts) -> bool:
    """True once a text was sampled at a high temperature."""
    value = facts.chain.get("temperature", {}).get("temperature", 1.0)
    return spoken(facts) and isinstance(value, int | float) and value >= 0.75 * HOT


def cooled(facts: LessonFacts) -> bool:
    """True once a text was sampled at a low temperature."""
    value = facts.chain.get("temperature", {}).get("temperature", 1.0)
    return spoken(facts) and isinstance(value, int | float) and value <= 1.5 * COLD


def spoken(facts: LessonFacts) -> bool:
    """True once a text was sampled."""
    return any(batch.texts for batch in facts.samples)


def different(facts: LessonFacts) -> int:
    """How many different texts are drawn at temperature 0."""
    config = facts.config
    engine = VectorEngine(config, OptimizerConfig(), facts.read("weights"))
    found = set[tuple[int, ...]]()
    for seed in range(_DRAWN):
        decoder, rng = engine.decoder(), random.Random(seed)
        one, ids = facts.bos, list[int]()
        while len(ids) < config.block_size:
            one = draw(softmax(temperature(decoder.push(one), 0.0)), rng)
            ids.append(one)
            if one == facts.bos:
                break
        found.add(tuple(ids))
    return len(found)


# ---------------------------------------------------------------- top-k


def top_size(facts: LessonFacts) -> int:
    """How many tokens are kept."""
    return min(_KEPT, facts.config.vocab_size - 1)


def top_chance(facts: LessonFacts) -> float:
    """The chance of the likeliest first token if only the likeliest few are kept."""
    kept_ones = top_k(first_logits(facts), top_size(facts))
    return softmax(kept_ones)[likeliest(facts)[0]]


def top_together(facts: LessonFacts) -> float:
    """The chance that the kept tokens had together."""
    ranked = sorted(softmax(first_logits(facts)), reverse=True)
    return math.fsum(ranked[: top_size(facts)])


def ask_top(facts: LessonFacts) -> str:
    return (
        f"Top-k with k = {top_size(facts)} keeps the {top_size(facts)} likeliest tokens, which "
        f"have a raw chance of {top_together(facts):.3f} together. As a first token, "
        f"{display(facts, likeliest(facts)[0])} had {chance(facts):.3f}. What has it now?"
    )


def why_top(facts: LessonFacts) -> str:
    return (
        f"{kept(facts, 'chance'):.3f} / {kept(facts, 'together'):.3f} = "
        f"{kept(facts, 'top chance'):.3f}. What is kept shares the whole 1, in the same ratios as "
        "before. Temperature changes ratios and forbids nothing; top-k forbids and keeps ratios."
    )


# ---------------------------------------------------------------- memorised or new


def last_batch(facts: LessonFacts) -> SampleFacts:
    """The last batch that has texts."""
    return [batch for batch in facts.samples if batch.texts][-1]


def new_texts(facts: LessonFacts) -> int:
    """How many texts of the last batch stand nowhere in the data."""
    batch = last_batch(facts)
    recited = batch.recited or (False,) * len(batch.texts)
    return sum(not whole and not part for whole, part in zip(batch.in_data, recited, strict=True))


def why_new(facts: LessonFacts) -> str:
    texts, size = len(facts.documents), int(facts.spec["batch_size"])
    often = facts.step * size / texts
    told = (
        f"{new_texts(facts)} of {len(last_batch(facts).texts)}. In {facts.step:,} steps the model "
        f"has read each of {texts:,} texts {often:.2g} times on average. "
    )
    if often < 0.5:
        return told + (
            "So most of what is “in data” it never read: such a text is likely, and not learnt by "
            "heart. That takes reading it many times."
        )
    return told + (
        "What is “in data” it may have by heart. A text that is read once teaches habits; one that "
        "is read a hundred times is learnt by heart, and the held-out loss does not reward that."
    )


# ---------------------------------------------------------------- operate


def parts(facts: LessonFacts) -> list[tuple[str, str]]:
    """(cut, what it is called) of the parts that are compared."""
    last = facts.config.n_layer - 1
    named = {
        "wte": "wte, the tokens",
        "wpe": "wpe, the positions",
        f"layer{last}.attn_wo": "attn_wo, what the heads write",
        f"layer{last}.mlp_fc2": "mlp_fc2, what the MLP writes",
        "lm_head": "lm_head, the scores",
    }
    return [(f"matrix:{name}", words) for name, words in named.items() if name in facts.shapes]


def parts_seen(facts: LessonFacts) -> bool:
    """True once the parts were ranked, or each was taken out on trial. Where nothing is held out
    nothing can be ranked, and one of them is enough."""
    cuts = [cut for cut, _ in parts(facts)]
    if measure.nothing_held_out(facts):
        return any(measure.seen_all(facts, [cut]) for cut in cuts)
    return measure.seen_all(facts, cuts)


def part_costs(facts: LessonFacts) -> list[measure.Cost]:
    """What the loss gains without each part."""
    cuts = [cut for cut, _ in parts(facts)]
    found = measure.costs(facts, cuts)
    return [found[cut] for cut in cuts]


def dearest_part(facts: LessonFacts) -> int:
    """The place of the part without which the loss rises most."""
    costs = [delta if math.isfinite(delta) else math.inf for delta, _ in part_costs(facts)]
    return costs.index(max(costs))


def why_part(facts: LessonFacts) -> str:
    names = [cut.removeprefix("matrix:") for cut, _ in parts(facts)]
    told = ", ".join(
        f"{name} {cost[0]:+.3f}"
        for name, cost in sorted(
            zip(names, part_costs(facts), strict=True), key=lambda pair: -pair[1][0]
        )
    )
    return (
        f"In nats a token: {told}. Without lm_head all logits are 0, so the model guesses blindly. "
        "A part that costs little may be idle, or others may do its work: a cut tells what the "
        "rest relies on."
    )


def task_part(facts: LessonFacts) -> str:
    if measure.nothing_held_out(facts):
        return "Nothing is held out, so nothing is ranked: 3, ] to one of them, C, ← for all of it."
    return "R takes each part out in turn; that takes some seconds. esc closes the list."


def spoke_without(facts: LessonFacts) -> bool:
    """True once the weights were operated on, and the model then spoke."""
    return bool(facts.operated) and spoken(facts)


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Speak and operate",
        [
            Tell(
                "A model gives chances; what is written is drawn from them, token by token. The "
                "strategies in Sampling change the chances before each draw, and nothing of what "
                "was learnt: │ marks how long a bar is without them, which is called raw.",
                at="sampling",
            ),
            Do(
                lambda facts: (
                    f"Train to step {measure.goal(facts, TRAINED)} or further, so that there is "
                    "something to say."
                ),
                done=lambda facts: facts.step >= measure.goal(facts, TRAINED),
                at="status",
                help="space trains and pauses.",
            ),
            Do(
                "Let it speak: g samples texts. Beside each stands whether it is new.",
                done=spoken,
                at="sampling",
                help="g, on the main screen.",
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "cold odds"),
                why=why_odds,
                within=0.05,
                hint="A difference of logits is the logarithm of a ratio of chances. Where a "
                "logarithm doubles, its number is squared.",
                at="sampling",
                keep={
                    "question": ask_odds,
                    "odds": odds,
                    "cold odds": lambda facts: odds(facts, COLD),
                },
            ),
            Choose(
                measure.asked,
                choices=["It rises", "It stays", "It falls"],
                answer=lambda facts: int(kept(facts, "hot")),
                why=why_hot,
                hints=["All logits are halved, and so are the differences between them."] * 3,
                at="sampling",
                keep={
                    "question": ask_hot,
                    "hot": hot,
                    "chance": chance,
                    "hot chance": lambda facts: chance(facts, HOT),
                    "cold chance": lambda facts: chance(facts, COLD),
                },
            ),
            Do(
                f"Hear it: set the temperature to {HOT:g} and sample.",
                done=heated,
                at="sampling",
                help="4 goes to Sampling; enter, 2, enter sets the temperature; g samples.",
            ),
            Number(
                "At temperature 0 the likeliest token comes each time, as with the strategy "
                f"greedy. {_DRAWN} texts are sampled like that. How many are different?",
                answer=lambda facts: kept(facts, "different"),
                why=(
                    "At 0 the likeliest token has all the chance, at each place. Nothing is left "
                    "to draw, so the same text comes each time. Only the dice make texts differ."
                ),
                within=0,
                margin=0.4,
                hint="If the likeliest token is certain, nothing is left to chance.",
                at="sampling",
                keep={"different": different},
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "top chance"),
                why=why_top,
                within=0.03,
                margin=0.005,
                hint="The chances of those that are kept must add up to 1 again.",
                at="sampling",
                keep={
                    "question": ask_top,
                    "top chance": top_chance,
                    "chance": chance,
                    "together": top_together,
                },
            ),
            Number(
                f"Back at temperature {COLD:g}, sample a batch as large as the last one. How many "
                "of its texts will be new: no text of the data, and no part of one?",
                answer=new_texts,
                why=why_new,
                within=0,
                margin=1.0,
                unit="texts",
                at="sampling",
                task=f"4, enter, {COLD:g}, enter sets the temperature, then g samples. Beside each "
                "text stands “new”, “in data” or “recited”.",
                when=cooled,
            ),
            Choose(
                "Now operate. Each of these matrices is set to 0, one at a time. Without which one "
                "does the loss rise most?",
                choices=lambda facts: [words for _, words in parts(facts)],
                answer=dearest_part,
                why=why_part,
                at="parameters",
                task=task_part,
                when=parts_seen,
            ),
            Do(
                "Hear what it says without a part: take one out for good, then sample. u puts it "
                "in again.",
                done=spoke_without,
                at="sampling",
                help="3, ] to a matrix, C, ← for all of it, enter takes it out. Then 4, and g "
                "samples.",
            ),
            Tell(
                "That was the tour, from counting pairs to taking a model apart. Take a text of "
                "your own with d. Before each change say what it will do to the held-out loss; "
                "then change it, and see.",
                at="keys",
            ),
        ],
        minutes=8,
        hardest=3,
    )
