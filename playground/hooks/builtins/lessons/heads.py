"""Lesson heads: what heads and layers cost in parameters, and what they are worth."""

from __future__ import annotations

import math
from dataclasses import replace

from microgpt.config import ModelConfig
from microgpt.parameters import parameter_count
from playground.api import Choose, Do, Lesson, LessonFacts, Number, Tell
from playground.hooks.builtins.lessons import measure
from playground.hooks.builtins.lessons.measure import kept
from playground.words import many

STEPS = 3_000
"""Training steps of the run. Fewer leave the heads of a small model within the noise: what the
present token and its position tell is learnt first."""
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
        f"{many(config.n_head, 'head')} in each layer. By how many parameters does it grow (+) or "
        f"shrink (-) with {instead}?"
    )


def why_heads(facts: LessonFacts) -> str:
    config = facts.config
    width = config.n_embd
    return (
        f"Queries, keys, values and what is written each have a matrix of {width} × {width}, "
        f"{4 * width * width:,} numbers in a layer. Heads only share out the {width} rows: "
        f"{config.head_dim} for each of {many(config.n_head, 'head')}."
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
    return [*found, "None: all is noise"]


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
    quiet = sum(not measure.clear(cost) for cost in costs.values())
    return (
        f"Without {head_name(facts, cut)}: {measure.priced(costs[cut])}. Less than twice the ± is "
        f"noise: {quiet} of {many(len(costs), 'head')} cannot be told from it. Below 0 the model "
        "does better without. A head that looks busy in the picture need not be needed."
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


# ---------------------------------------------------------------- without any head


def together_seen(facts: LessonFacts) -> bool:
    """True once all heads of layer 0 were taken out together, or all parts were ranked."""
    return measure.seen_all(facts, [WRITES])


def first_layer(config: ModelConfig) -> list[str]:
    """The heads of layer 0."""
    return heads(config)[: config.n_head]


def together(facts: LessonFacts) -> measure.Cost:
    """What the loss gains without all heads of layer 0."""
    return measure.costs(facts, [WRITES])[WRITES]


def one_by_one(facts: LessonFacts) -> measure.Cost:
    """The sum of what the loss gains without each head of layer 0."""
    cuts = first_layer(facts.config)
    costs = [measure.costs(facts, cuts)[cut] for cut in cuts]
    return math.fsum(delta for delta, _ in costs), math.hypot(*(error for _, error in costs))


def loss_now(facts: LessonFacts) -> float:
    """The last held-out loss; the loss on the first texts of the data where none are held out."""
    return facts.heldout[-1][1] if facts.heldout else measure.plain_loss(facts)[0]


def without_heads(facts: LessonFacts) -> int:
    """Where the loss is without the heads of layer 0, as a choice: above that of counting pairs,
    higher but not above it, not higher beyond the noise."""
    cost = together(facts)
    if not math.isfinite(cost[0]):
        return 0
    if cost[0] <= 0 or not measure.clear(cost):
        return 2
    return 0 if loss_now(facts) + cost[0] > kept(facts, "pairs") else 1


def ask_together(facts: LessonFacts) -> str:
    layer, there = ("", "") if facts.config.n_layer == 1 else (" of layer 0", " there")
    return (
        f"The loss is {loss_now(facts):.3f}; counting pairs of tokens gives "
        f"{facts.baselines['bigram']:.3f}. All heads{layer} are taken out at once, so that no "
        f"position reads another one{there}. Where is the loss then?"
    )


def why_together(facts: LessonFacts) -> str:
    blind = " there" if facts.config.n_layer > 1 else ""
    return (
        f"All at once: {measure.priced(together(facts))}; one by one and added up: "
        f"{measure.priced(one_by_one(facts))}. Each position still knows its own token and its "
        f"place; the MLP works on these. What attention adds{blind} is all that the text before "
        "tells besides."
    )


def task_together(facts: LessonFacts) -> str:
    if measure.nothing_held_out(facts):
        return "Nothing is held out here, so: 3, ] to layer0.attn_wo, C, and ← for all of it."
    return (
        "On the main screen: R takes out each part of the model, attn_wo of layer 0 among them. "
        "esc closes the list."
    )


def task_heads(facts: LessonFacts) -> str:
    if measure.nothing_held_out(facts):
        return "i, 2, then for each head: c tries it without, esc closes, . goes to the next head."
    return (
        "R takes out each part of the model in turn and ranks them all, the dearest first; f shows "
        "the heads alone. esc closes the list."
    )


def ended(facts: LessonFacts) -> bool:
    """True once the run is at its end."""
    return facts.step >= facts.steps


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Heads and layers",
        [
            Tell(
                "A layer is attention, which reads other positions, and an MLP, two matrices that "
                "work on each position alone. Attention is cut into heads that read side by side. "
                "What do heads and layers cost in parameters, and what are they worth?",
                at="parameters",
            ),
            Number(
                lambda facts: (
                    f"Each position carries {many(facts.config.n_embd, 'number')} through the "
                    f"layers: the stream. A layer has {many(facts.config.n_head, 'head')}. How "
                    "many numbers has the query of one head?"
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
                "wide. Heads share these rows.",
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
                hints=["A layer grows with the square of the width."] * 3,
            ),
            Do(
                lambda facts: (
                    f"Heads come late. Train to the end, step {facts.steps:,}: + makes it as fast "
                    "as it can be, space begins."
                ),
                done=ended,
                at="status",
                help="+ until the speed is “flat out”, then space. At the end training stops by "
                "itself.",
            ),
            Do(
                "Look at the heads: i looks inside, 2 is Attention, . goes to the next head. q "
                "leaves the microscope.",
                done=lambda facts: any(
                    look.view == "attention" and (look.head > 0 or facts.config.n_head == 1)
                    for look in facts.looks
                ),
                at="attention",
                help="i, 2, then . or , for another head.",
            ),
            Choose(
                "Take out one head at a time: what it writes becomes 0. Without which one does the "
                "loss rise most, beyond the noise?",
                choices=head_choices,
                answer=dearest_head,
                why=why_head,
                at="attention",
                task=task_heads,
                when=heads_seen,
            ),
            Choose(
                "Some texts are hard with or without a head. How is a head's small difference "
                "measured, so that this does not hide it?",
                choices=[
                    "Each text is compared with itself",
                    "Hard texts are left out",
                    "Other texts are read after the cut",
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
                measure.asked,
                choices=[
                    "Above that of counting pairs",
                    "Higher, but not above that of pairs",
                    "Not higher, beyond the noise",
                ],
                answer=without_heads,
                why=why_together,
                at="parameters",
                task=task_together,
                when=together_seen,
                keep={"question": ask_together, "pairs": lambda facts: facts.baselines["bigram"]},
            ),
            Tell(
                "On a text of your own, where something far back matters (rhymes, brackets, a word "
                "that returns): d opens it, h sets heads and layers. Say first what a second layer "
                "will be worth, then train, and rank with R.",
                at="keys",
            ),
        ],
        minutes=8,
        run={"steps": STEPS},
        hardest=3,
    )
