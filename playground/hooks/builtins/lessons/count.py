"""Lesson 1, Count: which token follows which.

The run's model sees one token, like the table of pairs: all else is left out of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from playground.api import Choose, Do, Lesson, LessonFacts, Number, Tell
from playground.hooks.builtins.bigrams import Pairs, model_rows
from playground.hooks.builtins.lessons.data import (
    blind,
    chosen,
    measured_on,
    number,
    pairs,
    reached,
    target,
    times,
    token,
    vocabulary,
)
from playground.hooks.builtins.lessons.surprise import loss_by

STEPS = 300
"""Training steps that the model is given to learn the table."""
_CHOICES = 4
_LOOKED_AT = 60
"""Of the most frequent tokens, so many are looked at for a pair that never occurs."""
_OFTEN = 1000
"""A token is read often enough to speak of its row if it is one of so many."""
_APART = 0.05
"""Nats by which the costs of two rows are told apart."""


# ---------------------------------------------------------------- which pairs are asked about


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked about."""

    before: int
    """The token whose followers are asked about: the most frequent one that is not BOS, and that
    does not stand before all tokens equally often."""
    after: int
    """The token that follows it most often."""
    followers: tuple[int, ...]
    """That token, and others that follow less often, by id."""
    rare: tuple[int, int]
    """A pair of common tokens that never occurs; where each pair does, the rarest one."""


def asked(facts: LessonFacts) -> _Asked:
    """The pairs that this text is asked about."""
    return _asked(pairs(facts), vocabulary(facts), facts.bos)


@lru_cache(4)
def _asked(known: Pairs, size: int, bos: int) -> _Asked:
    tokens = known.frequent()
    others = sorted(range(size), key=lambda other: (-known.follow[other], other))

    def uneven(one: int) -> bool:
        row = known.after[one]
        return len(row) < size or len(set(row.values())) > 1

    asked = (*(one for one in tokens if one != bos), *tokens)
    before = next((one for one in asked if uneven(one)), tokens[0])
    row = known.after[before]
    best = min(row, key=lambda follower: (-row[follower], follower))
    fewer = (other for other in others if row[other] < row[best])
    rare = min(
        ((one, other) for one in tokens[:_LOOKED_AT] for other in others[:_LOOKED_AT]),
        key=lambda pair: (  # a row as frequent as can be, because a low screen shows few
            known.count(*pair),
            pair == (bos, bos),
            -known.total(pair[0]),
            -known.follow[pair[1]],
        ),
    )
    return _Asked(before, best, tuple(sorted([best, *islice(fewer, _CHOICES - 1)])), rare)


# ---------------------------------------------------------------- the answers


def share(facts: LessonFacts) -> float:
    """The probability that counting gives the pair."""
    return pairs(facts).share(asked(facts).before, asked(facts).after)


def model_share(facts: LessonFacts) -> float:
    """The probability that the model gives it, as it stands."""
    [row] = model_rows(facts.config, facts.read("weights"), facts.bos, [asked(facts).before])
    return row[asked(facts).after]


def best_follower(facts: LessonFacts) -> int:
    """Which of the followers is the most frequent."""
    return asked(facts).followers.index(asked(facts).after)


def cost(facts: LessonFacts) -> float:
    """What the rare pair costs by counting alone, in nats."""
    p = pairs(facts).share(*asked(facts).rare)
    return -math.log(p) if p else math.inf


def costs(facts: LessonFacts) -> list[float]:
    """Costs to choose from, in nats, the least first: nothing, that of a blind guess, that of a
    pair as rare as can be, and infinity."""
    known, pair = pairs(facts), asked(facts).rare
    seen = max(1, known.count(*pair))
    all_costs = [0.0, blind(facts), -math.log(seen / max(known.total(pair[0]), 2)), math.inf]
    return sorted({round(one, 2) if math.isfinite(one) else one for one in all_costs})


def cost_choice(facts: LessonFacts) -> int:
    """Which of the costs it is."""
    paid = cost(facts)
    return min(range(len(costs(facts))), key=lambda at: _apart(costs(facts)[at], paid))


def _apart(one: float, other: float) -> float:
    return 0.0 if one == other else abs(one - other)


def twice_blind(facts: LessonFacts) -> float:
    """What a blind guess among twice as many tokens costs, in nats."""
    return math.log(2 * vocabulary(facts))


def row_cost(known: Pairs, one: int) -> float:
    """What the token after `one` costs on average by its counted row, in nats: the row's entropy
    (Shannon 1948)."""
    shares = (count / known.total(one) for count in known.after[one].values())
    return sum(-p * math.log(p) for p in shares)


@lru_cache(4)
def compared(known: Pairs) -> tuple[int, ...]:
    """The token whose row costs least, of those that are read often enough, and frequent ones whose
    rows cost more; by id. Of all rows only one is left if they cost the same."""
    tokens = known.frequent()
    enough = max(2, sum(known.totals.values()) // _OFTEN)
    often = [one for one in tokens if known.total(one) >= enough] or tokens
    costs = {one: row_cost(known, one) for one in tokens}
    least = min(often, key=lambda one: (costs[one], one))
    dearer = (one for one in tokens if costs[one] > costs[least] + _APART)
    return tuple(sorted([least, *islice(dearer, _CHOICES - 1)]))


def cheapest(facts: LessonFacts) -> int:
    """Which of the rows costs least; the choice after them if they cost the same."""
    costs = [row_cost(pairs(facts), one) for one in compared(pairs(facts))]
    return costs.index(min(costs)) if len(costs) > 1 else len(costs)


def smoothed(facts: LessonFacts, one: int, other: int) -> float:
    """The probability of `other` after `one`, smoothed as the baselines are: a count gives way to
    how common the token is, and that to the blind guess, by as many new tokens as were met
    (Witten & Bell 1991)."""
    known = pairs(facts)
    kinds, total = len(known.follow), sum(known.follow.values())
    common = (known.follow[other] + kinds / vocabulary(facts)) / (total + kinds)
    met = len(known.after.get(one, ()))
    return (known.count(one, other) + met * common) / (known.total(one) + met) if met else common


def learnt_loss(facts: LessonFacts) -> float:
    """The model's loss once it is trained so far, in nats a token, however far the run is by
    now."""
    return loss_by(facts, target(facts, STEPS))


def learnt(facts: LessonFacts) -> int:
    """0 if that loss is nearer to that of a blind guess, 1 if to that of the smoothed table."""
    loss, lines = learnt_loss(facts), facts.baselines
    return int(abs(loss - lines["bigram"]) < abs(loss - lines["uniform"]))


# ---------------------------------------------------------------- the words


def _job(facts: LessonFacts) -> str:
    return (
        "A language model has one job: to read a text and give each token that could come next a "
        f"probability. This text is cut into {vocabulary(facts):,} kinds of tokens; "
        f"{token(facts, facts.bos)} begins and ends each of its {len(facts.documents):,} training "
        "documents."
    )


def _blind_question(facts: LessonFacts) -> str:
    size = vocabulary(facts)
    return (
        f"Whoever knows nothing of the text gives each of the {size:,} tokens 1/{size:,}, and each "
        f"costs ln {size:,} = {blind(facts):.3f}: the line uniform in Loss. What would each cost "
        f"among twice as many, {2 * size:,}?"
    )


def _blind_why(facts: LessonFacts) -> str:
    size = vocabulary(facts)
    return (
        f"ln {2 * size:,} = ln {size:,} + ln 2 = {blind(facts):.3f} + {math.log(2):.3f} = "
        f"{twice_blind(facts):.3f}. Twice as many tokens cost ln 2 more, and not twice as much: "
        "costs add up where probabilities multiply."
    )


def _pair(facts: LessonFacts) -> str:
    return f"{token(facts, asked(facts).after)} after {token(facts, asked(facts).before)}"


def _share_question(facts: LessonFacts) -> str:
    known, one, other = pairs(facts), asked(facts).before, asked(facts).after
    return (
        f"{token(facts, one)} is read {times(known.total(one))}, and {token(facts, other)} comes "
        f"next {times(known.count(one, other))}. What probability, from 0 to 1, does counting give "
        "that?"
    )


def _share_why(facts: LessonFacts) -> str:
    known, one, other = pairs(facts), asked(facts).before, asked(facts).after
    return (
        f"{known.count(one, other):,} / {known.total(one):,} = {share(facts):.3f}. A row of "
        "such shares for each token is a language model already: the table of pairs, or bigrams."
    )


def _follower_why(facts: LessonFacts) -> str:
    known, one = pairs(facts), asked(facts).before
    told = ", ".join(
        f"{token(facts, other)} {known.count(one, other):,}" for other in asked(facts).followers
    )
    return f"How often each follows {token(facts, one)} in the training texts: {told}."


def _model_question(facts: LessonFacts) -> str:
    state = ", its weights still random" if facts.step == 0 else ""
    return (
        "This run's model sees one token too, as a row of the table does. What probability does it "
        f"give {_pair(facts)} at step {facts.step:,}{state}?"
    )


def _model_hint(facts: LessonFacts) -> str:
    if facts.began == 0:
        return "random weights make all tokens about as likely as each other"
    return f"training moves it from 1/{vocabulary(facts):,} towards the counted share"


def _model_why(facts: LessonFacts) -> str:
    size = vocabulary(facts)
    told = (
        f"Small random weights give all {size:,} tokens nearly the same, 1/{size:,} = "
        f"{1 / size:.4f}; training moves them away from there."
        if facts.began == 0
        else f"It began near 1/{size:,} = {1 / size:.4f}, where small random weights stand; "
        f"training moves it towards the counted {share(facts):.3f}."
    )
    return f"The model gives it {number(facts, 'model'):.4f}. {told}"


def _tables(facts: LessonFacts) -> str:
    if chosen(facts, "bigrams"):
        return "In the place of Parameters the panel bigrams shows both tables side by side."
    return (
        "Another panel can take the place of Parameters. Let bigrams take it, which shows both "
        "tables side by side."
    )


def _rare_question(facts: LessonFacts) -> str:
    known, (one, other) = pairs(facts), asked(facts).rare
    seen, first, second = known.count(one, other), token(facts, one), token(facts, other)
    how = (
        f"{second} follows {first} {times(seen)} in {known.total(one):,}"
        if seen
        else f"{second} never follows {first}, an empty cell of the table"
    )
    return (
        f"In the training texts {how}. A new text has that pair. By counting alone, what does the "
        f"{second} cost there, −ln p?"
    )


def _cost_words(facts: LessonFacts) -> list[str]:
    return [
        "infinitely many nats" if math.isinf(one) else f"{one:.2f} nats" for one in costs(facts)
    ]


def _cost_hints(facts: LessonFacts) -> list[str]:
    return [
        "p would have to be 1 for that" if one == 0 else "put the counted p into −ln p"
        for one in costs(facts)
    ]


def _rare_why(facts: LessonFacts) -> str:
    known = pairs(facts)
    kinds = vocabulary(facts) ** 2
    empty = kinds - sum(len(row) for row in known.after.values())
    paid = cost(facts)
    if math.isfinite(paid):
        return (
            f"p = {math.exp(-paid):.4g}, and −ln p = {paid:.2f}. A pair that was "
            "never seen would have p = 0 and cost infinitely many nats."
        )
    return (
        "p = 0, and −ln 0 is infinite: a single such token makes the mean loss of a whole text "
        f"infinite. {empty:,} of the {kinds:,} pairs were never seen."
    )


def _smoothing(facts: LessonFacts) -> str:
    one, other = asked(facts).rare
    p = smoothed(facts, one, other)
    return (
        "So counts are smoothed: each row lends some probability to all tokens, by how common "
        f"they are. {token(facts, other)} after {token(facts, one)} then has p = {p:.2g} and "
        f"costs {-math.log(p):.1f} nats. The dashed lines in Loss are smoothed counts."
    )


def _cheapest_question(facts: LessonFacts) -> str:
    return (
        f"The smoothed table costs {facts.baselines['bigram']:.3f} nats a token on "
        f"{measured_on(facts)}: the line bigram. After which of these is the next token cheapest, "
        "by the counts?"
    )


def _rows_compared(facts: LessonFacts) -> list[str]:
    return [*(token(facts, one) for one in compared(pairs(facts))), "all the same"]


def _cheapest_hints(facts: LessonFacts) -> list[str]:
    known = pairs(facts)
    costs = [f"after it the next one costs {row_cost(known, one):.2f}" for one in compared(known)]
    return [*costs, "the rows differ: after some tokens few others can come"]


def _cheapest_why(facts: LessonFacts) -> str:
    known = pairs(facts)
    told = ", ".join(f"{token(facts, one)} {row_cost(known, one):.2f}" for one in compared(known))
    gain = facts.baselines["unigram"] - facts.baselines["bigram"]
    return (
        f"In nats, after each: {told}. A row with one likely follower is cheap. To know the token "
        f"before is worth {gain:.3f} on average: that far bigram is below unigram, which knows how "
        "common each token is and no more."
    )


def _learnt_question(facts: LessonFacts) -> str:
    return (
        f"A blind guess costs {facts.baselines['uniform']:.2f} nats a token, the table of pairs "
        f"{facts.baselines['bigram']:.2f}. The model is shown texts, never the counts. Which will "
        f"its loss be nearer to at step {target(facts, STEPS):,}?"
    )


def _learnt_why(facts: LessonFacts) -> str:
    known, p = pairs(facts), model_share(facts)
    done = (
        "What lowers the loss of each text brings the model's table towards the counts."
        if learnt(facts)
        else "It is on its way to the counts, and needs more steps."
    )
    return (
        f"It is {learnt_loss(facts):.3f}. {done} By step {facts.step:,} the model gives "
        f"{_pair(facts)} {p:.3f}; counting gives {share(facts):.3f}, from "
        f"{known.documents:,} documents. Compare the two sides of the panel."
    )


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Count",
        [
            Tell(_job, at="dataset"),
            Tell(
                "A guess is scored by what then comes: a token that was given the probability p "
                "costs −ln p, in nats, the unit of the natural logarithm ln. p = 1 costs nothing, "
                "p = 1/2 costs 0.69, p = 1/4 twice that. The mean over all tokens is the loss.",
                at="loss",
            ),
            Number(
                _blind_question,
                answer=twice_blind,
                within=0.05,
                unit="nats",
                hint="each then has half the probability, and halving it costs ln 2 = 0.69",
                why=_blind_why,
                at="loss",
            ),
            Choose(
                lambda facts: (
                    f"Which of these comes most often after "
                    f"{token(facts, asked(facts).before)} in this text?"
                ),
                choices=lambda facts: [token(facts, one) for one in asked(facts).followers],
                answer=best_follower,
                hints=lambda facts: [
                    f"{token(facts, one)} follows it "
                    f"{times(pairs(facts).count(asked(facts).before, one))}"
                    for one in asked(facts).followers
                ],
                why=_follower_why,
                at="dataset",
            ),
            Number(
                _share_question,
                answer=share,
                within=0.05,
                margin=0.002,
                hint="how often the pair comes, divided by how often its first token is read",
                why=_share_why,
                at="dataset",
            ),
            Number(
                _model_question,
                answer=lambda facts: number(facts, "model"),
                within=0.15,
                hint=_model_hint,
                why=_model_why,
                keep={"model": model_share},
            ),
            Do(
                _tables,
                done=lambda facts: chosen(facts, "bigrams"),
                help="5, and 5 again, lists the panels. ↓ goes to bigrams, enter shows it.",
                at="panel",
            ),
            Tell(
                "A row is the token that was read, a column the one that comes next. Left the "
                "counts, right the model. The shade is the share of the row, from · to █; an empty "
                "cell on the left was never seen. The line below tells one row in numbers.",
                at="panel",
            ),
            Choose(
                _rare_question,
                choices=_cost_words,
                answer=cost_choice,
                hints=_cost_hints,
                why=_rare_why,
                at="panel",
            ),
            Tell(_smoothing, at="loss"),
            Choose(
                _cheapest_question,
                choices=_rows_compared,
                answer=cheapest,
                hints=_cheapest_hints,
                why=_cheapest_why,
                at="loss",
            ),
            Choose(
                _learnt_question,
                choices=("the blind guess", "the table of pairs"),
                answer=learnt,
                task=lambda facts: (
                    f"Train to step {target(facts, STEPS):,}: space trains, + goes faster."
                ),
                when=lambda facts: reached(facts, STEPS),
                why=_learnt_why,
                at="panel",
            ),
            Do(
                "Let the model write: sample some texts now, and read them in Sampling.",
                done=lambda facts: bool(facts.samples),
                help="g samples.",
                at="sampling",
            ),
            Tell(
                "Each token of these texts was drawn from one row of the model's table, which the "
                "temperature sharpens. Neighbours fit each other, and the whole seldom makes "
                "sense: a table of pairs does not know what came two tokens before.",
                at="sampling",
            ),
            Tell(
                "To do on a text of your own, after the lesson: d opens a file, 5 shows its table. "
                "After which token is the next one cheapest there? And which pair did you expect "
                "that is not there?",
                at="dataset",
            ),
        ],
        minutes=7,
        run={"model.parts": []},
        hardest=8,
    )
