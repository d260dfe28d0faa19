"""Lesson heads: what heads and layers cost in parameters, and what they are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from microgpt.config import ModelConfig
from microgpt.parameters import parameter_count
from playground.api import Choose, Do, Lesson, LessonFacts, Number, Tell
from playground.hooks.builtins.lessons import measure
from playground.hooks.builtins.lessons.measure import kept
from playground.words import many

TRAINED = 300
"""Steps after which heads are taken out."""
_GROUPS = 4
"""Choices among which many heads are shared out."""
WRITES = "matrix:layer0.attn_wo"
"""What all heads of layer 0 write by."""

# ---------------------------------------------------------------- parameters


def query_width(facts: LessonFacts) -> float:
    """How many numbers the query of one head has."""
    return facts.config.n_embd / facts.config.n_head


def other_heads(config: ModelConfig) -> int:
    """Another number of heads that the width allows: one, or as many as there are numbers."""
    return 1 if config.n_head > 1 else config.n_embd


def saved_by_heads(facts: LessonFacts) -> int:
    """How many parameters the model has more than with that number of heads."""
    other = replace(facts.config, n_head=other_heads(facts.config))
    return parameter_count(facts.config) - parameter_count(other)


def ask_heads(facts: LessonFacts) -> str:
    config = facts.config
    other = other_heads(config)
    instead = "a single one" if other == 1 else f"{other} of them"
    return (
        f"The model has {parameter_count(config):,} parameters and "
        f"{many(config.n_head, 'head')} of attention in each layer. By how many parameters "
        f"does it grow or shrink with {instead}?"
    )


def why_heads(facts: LessonFacts) -> str:
    config = facts.config
    width = config.n_embd
    return (
        f"Queries, keys, values and what is written each have a matrix of {width} × {width}, "
        f"{4 * width * width:,} numbers in a layer. Heads only cut their {width} rows into slices: "
        f"here {many(config.n_head, 'slice')} of {config.head_dim}."
    )


def layer_adds(facts: LessonFacts) -> int:
    """How many parameters a further layer adds."""
    config = facts.config
    deeper = replace(config, n_layer=config.n_layer + 1)
    return parameter_count(deeper) - parameter_count(config)


def why_layer(facts: LessonFacts) -> str:
    width = facts.config.n_embd
    return (
        f"4 × {width}² for attention and 2 × 4 × {width}² for the MLP, which is four times as wide "
        f"inside: 12 × {width}² = {layer_adds(facts):,}. Two thirds of a layer are MLP. Nothing of "
        "it depends on the vocabulary or the context."
    )


def doubled(facts: LessonFacts) -> tuple[int, int]:
    """(parameters with twice the width, with twice the layers)."""
    config = facts.config
    return (
        parameter_count(replace(config, n_embd=2 * config.n_embd)),
        parameter_count(replace(config, n_layer=2 * config.n_layer)),
    )


def dearer_double(facts: LessonFacts) -> int:
    """Which of the two is larger, as a choice: width, layers, neither."""
    width, layers = doubled(facts)
    return 0 if width > layers else 1 if layers > width else 2


def why_double(facts: LessonFacts) -> str:
    width, layers = doubled(facts)
    return (
        f"Twice the width: {width:,}. Twice the layers: {layers:,}, from "
        f"{parameter_count(facts.config):,} now. A layer grows with the square of the width, and "
        "the tables of tokens and positions with the width."
    )


# ---------------------------------------------------------------- what heads are worth


def heads(config: ModelConfig) -> list[str]:
    """All heads, as surgery calls them."""
    return [f"head:{at}.{head}" for at in range(config.n_layer) for head in range(config.n_head)]


def groups(config: ModelConfig) -> list[list[str]]:
    """The heads, shared out among a few choices."""
    every = heads(config)
    size = -(-len(every) // _GROUPS)
    return [every[at : at + size] for at in range(0, len(every), size)]


def head_name(facts: LessonFacts, cut: str) -> str:
    """A head in words: "head 2", or "head 1.2" for that of layer 1 where there are several."""
    layer, _, head = cut.removeprefix("head:").partition(".")
    return f"head {head}" if facts.config.n_layer == 1 else f"head {layer}.{head}"


def head_choices(facts: LessonFacts) -> list[str]:
    found = []
    for group in groups(facts.config):
        ends = [head_name(facts, one) for one in (group[0], group[-1])]
        found.append(ends[0] if len(group) == 1 else f"one of {ends[0]} to {ends[1]}")
    return [*found, "No single one: all within the noise"]


def heads_seen(facts: LessonFacts) -> bool:
    """True once each head was taken out on trial, or all parts were ranked."""
    return measure.seen_all(facts, heads(facts.config))


def head_costs(facts: LessonFacts) -> dict[str, measure.Cost]:
    """What the loss gains without each head."""
    return measure.costs(facts, heads(facts.config))


def dearest(costs: dict[str, measure.Cost]) -> str:
    """The cut that costs most, of those beyond the noise; "" if there is none."""
    dear = {cut: cost for cut, cost in costs.items() if measure.clear(cost) and not cost[0] <= 0}
    if not dear:
        return ""
    return max(dear, key=lambda cut: dear[cut][0] if math.isfinite(dear[cut][0]) else math.inf)


def dearest_head(facts: LessonFacts) -> int:
    """The place of the choice that has the head which costs most."""
    cut = dearest(head_costs(facts))
    shared = groups(facts.config)
    return next((at for at, group in enumerate(shared) if cut in group), len(shared))


def why_head(facts: LessonFacts) -> str:
    costs = head_costs(facts)
    cut = max(costs, key=lambda one: costs[one][0])
    return (
        f"The largest change is that without {head_name(facts, cut)}: "
        f"{measure.priced(costs[cut])}. Less than twice the ± is noise, below 0 the model does "
        "better without. A head that looks busy in the picture of its weights need not be needed."
    )


def errors(facts: LessonFacts) -> tuple[float, float]:
    """(the standard error of the loss, that of what it gains without the first head), on the first
    texts of the data."""
    cut = heads(facts.config)[0]
    return measure.plain_loss(facts)[1], measure.cut_costs(facts, [cut])[cut][1]


def compared(facts: LessonFacts) -> int:
    """What is read after a cut, as a choice: each text once more, fewer texts, or others."""
    before, after = (measure.lengths_read(facts, cut) for cut in ("", heads(facts.config)[0]))
    return 0 if after == before else 1 if len(after) < len(before) else 2


def why_compared(facts: LessonFacts) -> str:
    more = kept(facts, "paired") - kept(facts, "alone")
    further = " What the head does to a text differs that much here." if more > 0.0005 else ""
    return (
        "What makes a text hard is there before and after the cut, and falls out of the "
        "difference. On the first texts of the data: the loss itself is known to ± "
        f"{kept(facts, 'alone'):.3f}, the difference that one head makes to ± "
        f"{kept(facts, 'paired'):.4f}.{further}"
    )


def together_seen(facts: LessonFacts) -> bool:
    """True once the parts were ranked; where that cannot be, once all heads of layer 0 were taken
    out together."""
    if measure.nothing_held_out(facts):
        return measure.seen_all(facts, [WRITES])
    return measure.seen_all(facts, [WRITES, *first_layer(facts.config)])


def first_layer(config: ModelConfig) -> list[str]:
    """The heads of layer 0."""
    return heads(config)[: config.n_head]


def together(facts: LessonFacts) -> tuple[measure.Cost, measure.Cost]:
    """(what the loss gains without all heads of layer 0, the sum of what it gains without each)."""
    cuts = [WRITES, *first_layer(facts.config)]
    costs = measure.costs(facts, cuts)
    return costs[WRITES], _sum([costs[cut] for cut in cuts[1:]])


def _sum(costs: Sequence[measure.Cost]) -> measure.Cost:
    return math.fsum(delta for delta, _ in costs), math.hypot(*(error for _, error in costs))


def against_sum(facts: LessonFacts) -> int:
    """All heads at once against one at a time, as a choice: more, as much, less."""
    (whole, error), (parts, errors_) = together(facts)
    noise = 2 * math.hypot(error, errors_)
    if not math.isfinite(whole - parts):
        return 0
    return 1 if abs(whole - parts) <= max(noise, 1e-9) else 0 if whole > parts else 2


def why_together(facts: LessonFacts) -> str:
    whole, parts = together(facts)
    return (
        f"All at once: {measure.priced(whole)}. One at a time and added up: "
        f"{measure.priced(parts)}. Where one head is missing, others may do its part, so that "
        "single cuts say too little; or two undo each other, and they say too much."
    )


def task_together(facts: LessonFacts) -> str:
    if measure.nothing_held_out(facts):
        return "Nothing is held out here, so: 3, ] to layer0.attn_wo, C, and ← for all of it."
    return (
        "R shows all parts ranked; r there ranks them anew, which takes some seconds. esc closes."
    )


def task_heads(facts: LessonFacts) -> str:
    if measure.nothing_held_out(facts):
        return "i, 2, then for each head: c tries it without, esc closes, . goes to the next head."
    return "R ranks all parts. Or i, 2 and for each head: c tries it without, esc, . for the next."


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Heads and layers",
        [
            Tell(
                "A layer is attention and an MLP. Its attention is cut into heads that look back "
                "side by side, each at positions of its own choice. This lesson asks what heads "
                "and layers cost, and what they are worth.",
                at="parameters",
            ),
            Number(
                lambda facts: (
                    f"The stream is {facts.config.n_embd} numbers wide, and a layer has "
                    f"{many(facts.config.n_head, 'head')}. How many numbers has the query "
                    "of one head?"
                ),
                answer=query_width,
                why=lambda facts: (
                    f"{facts.config.n_embd} / {facts.config.n_head} = {facts.config.head_dim}. The "
                    "heads share the width; more heads are narrower ones."
                ),
                within=0,
                margin=0.4,
                hint="The heads share the width of the stream among them.",
            ),
            Number(
                ask_heads,
                answer=saved_by_heads,
                why=why_heads,
                within=0,
                margin=0.4,
                hint="The matrices of queries, keys and values have as many rows as the stream is "
                "wide. Who cuts them?",
                at="parameters",
            ),
            Number(
                lambda facts: (
                    f"Attention has four matrices of {facts.config.n_embd} × "
                    f"{facts.config.n_embd}, the MLP two that lead to four times the width and "
                    "back. How many parameters does a further layer add?"
                ),
                answer=layer_adds,
                why=why_layer,
                within=0.01,
                hint="4 squares of the width for attention; each of the MLP's two is 4 squares.",
                at="parameters",
            ),
            Choose(
                "Twice the width, or twice the layers: which makes the model larger?",
                choices=["Twice the width", "Twice the layers", "Both the same"],
                answer=dearer_double,
                why=why_double,
                hints=["What grows with the square of the width?"] * 3,
            ),
            Do(
                "Look at the heads: i looks inside, 2 is Attention, . goes to the next head.",
                done=lambda facts: any(
                    look.view == "attention" and (look.head > 0 or facts.config.n_head == 1)
                    for look in facts.looks
                ),
                at="attention",
                help="i, 2, then . or , for another head. q leaves.",
            ),
            Do(
                lambda facts: (
                    f"Train to step {measure.goal(facts, TRAINED)} or further, so that heads have "
                    "something to be worth, then pause."
                ),
                done=lambda facts: facts.step >= measure.goal(facts, TRAINED),
                at="status",
                help="space trains and pauses.",
            ),
            Choose(
                "Take out one head at a time, which sets its columns of attn_wo to 0. Without "
                "which one does the loss rise most, beyond the noise?",
                choices=head_choices,
                answer=dearest_head,
                why=why_head,
                at="attention",
                task=task_heads,
                when=heads_seen,
            ),
            Choose(
                "Some texts are hard with or without a head. What does the sheet of a cut do, so "
                "that this does not hide a small difference?",
                choices=[
                    "It compares each text with itself",
                    "It leaves hard texts out",
                    "It reads other texts after the cut",
                ],
                answer=lambda facts: int(kept(facts, "compared")),
                why=why_compared,
                hints=["The texts are the same before and after the cut, all of them."] * 3,
                keep={
                    "compared": compared,
                    "alone": lambda facts: errors(facts)[0],
                    "paired": lambda facts: errors(facts)[1],
                },
            ),
            Choose(
                "Now all heads of layer 0 at once: attn_wo becomes 0. How much will that cost, "
                "beside the sum of what each head cost alone?",
                choices=["More than the sum", "The sum, within the noise", "Less than the sum"],
                answer=against_sum,
                why=why_together,
                at="parameters",
                task=task_together,
                when=together_seen,
            ),
            Tell(
                "On a text of your own, where something far back matters (rhymes, brackets, a word "
                "that returns): d opens it, h sets heads and layers. Say first what the second "
                "layer will be worth, then rank with R.",
                at="keys",
            ),
        ],
        minutes=8,
        hardest=3,
    )
