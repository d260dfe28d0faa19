"""Lesson positions: which weights one text pulls at, the norm, and what the stream carries."""

from __future__ import annotations

import math
from collections.abc import Sequence

from microgpt.anatomy import dissect
from playground.api import Choose, Do, Lesson, LessonFacts, Number, Tell
from playground.hooks.builtins.lessons import measure
from playground.hooks.builtins.lessons.data import quoted
from playground.hooks.builtins.lessons.measure import NAMED, kept, kept_text, read_name, token
from playground.words import many

STEPS = 500
"""Training steps of the run, at the end of which the positions are taken out."""
WPE = "matrix:wpe"
_BETWEEN = "\n"
_SLIGHT = 0.04
"""Nats a token that a cut must cost, to be compared with."""

# ---------------------------------------------------------------- which rows get a gradient


def positions_read(facts: LessonFacts) -> int:
    """How many positions the text that is open has."""
    return len(facts.anatomy(None).tokens)


def positions_pulled(facts: LessonFacts) -> int:
    """How many rows of wpe get a gradient from that text."""
    return len(measure.rows_pulled(facts, "wpe"))


def ask_positions(facts: LessonFacts) -> str:
    read = facts.anatomy(None).tokens
    then = f", then {quoted(''.join(read[1:]), NAMED)}" if read[1:] else ""
    return (
        f"The model reads {token(read[0])}, the beginning{then}: {many(len(read), 'token')} in "
        f"all. wpe has a row for each of {facts.config.block_size} positions. How many rows get a "
        "gradient?"
    )


def why_positions(facts: LessonFacts) -> str:
    read, rows = int(kept(facts, "read")), facts.config.block_size
    if read >= rows:
        return f"The text fills all {rows} positions, so that the loss depends on every row of wpe."
    return (
        f"Positions 0 to {read - 1} are read. The rows from {read} on are added to nothing, so the "
        "loss does not depend on them: their gradient is exactly 0. Only long texts teach late "
        "positions."
    )


def ask_rows(facts: LessonFacts) -> str:
    return (
        f"wte has a row for each token. Which of these rows gets no gradient from the text "
        f"{read_name(facts)}?"
    )


def rows_asked(facts: LessonFacts) -> list[int]:
    """The ids of the tokens whose rows of wte are asked about, rising: some that the text has, and
    one that it has not, if there is one."""
    read = list(dict.fromkeys(facts.anatomy(None).anatomy.tokens))
    absent = [one for one in range(len(facts.vocabulary)) if one not in read]
    return sorted({*read[:2], read[-1], *absent[len(absent) // 2 :][:1]})


def row_labels(facts: LessonFacts) -> str:
    """What these rows are called, a line each."""
    read = facts.anatomy(None)
    displays = dict(enumerate(facts.vocabulary))
    displays |= dict(zip(read.anatomy.tokens, read.tokens, strict=True))
    labels: list[str] = []
    for one in rows_asked(facts):
        label = token(displays[one]).replace(_BETWEEN, " ")
        labels.append(label if label not in labels else f"{label}, id {one}")
    return _BETWEEN.join(labels)


def row_without(facts: LessonFacts) -> int:
    """The place of the row, among those asked about, that gets no gradient; the place after the
    last one if each gets one."""
    pulled, asked = set(measure.rows_pulled(facts, "wte")), rows_asked(facts)
    return next((place for place, one in enumerate(asked) if one not in pulled), len(asked))


def row_choices(facts: LessonFacts) -> list[str]:
    return [*kept_text(facts, "rows").split(_BETWEEN), "each gets one"]


def row_hints(facts: LessonFacts) -> list[str]:
    """Why a choice is wrong, of each."""
    beginning = token(facts.anatomy(None).tokens[0])
    hints = [
        f"{beginning} begins each text: it is read first, at position 0."
        if one == facts.bos
        else "The model reads this token in the text, so it looks its row up."
        for one in rows_asked(facts)
    ]
    return [*hints, "One of these tokens is not in the text."]


def why_rows(facts: LessonFacts) -> str:
    return (
        f"{int(kept(facts, 'tokens pulled'))} of {facts.config.vocab_size} rows of wte get a "
        "gradient: those of the tokens that are read, the beginning among them. A token that is "
        "not read is not looked up, and its row learns nothing from this text."
    )


def ask_scores(facts: LessonFacts) -> str:
    return (
        f"At the other end lm_head has a row for each of {facts.config.vocab_size} tokens, which "
        "scores that token as the next one. How many of these rows get a gradient from "
        f"{read_name(facts)}?"
    )


def scores_pulled(facts: LessonFacts) -> int:
    """How many rows of lm_head get a gradient from the text that is open."""
    return len(measure.rows_pulled(facts, "lm_head"))


def why_scores(facts: LessonFacts) -> str:
    never = facts.config.vocab_size - int(kept(facts, "targets"))
    return (
        "Softmax gives every token a chance, also those that never come next in this text "
        f"({never} of them). The loss falls if they lose it, so each row is pulled at: the "
        "target's one way, the others the other way."
    )


# ---------------------------------------------------------------- the norm


def ask_norm(facts: LessonFacts) -> str:
    return (
        f"At position 0, wte + wpe is {many(facts.config.n_embd, 'number')}, of length "
        f"{length_before(facts):.3f}: the root of the sum of squares. rmsnorm makes the mean of "
        "the squares 1. How long is it then?"
    )


def length_before(facts: LessonFacts) -> float:
    """The length of wte[token] + wpe[0] at position 0."""
    return math.hypot(*facts.anatomy(None).anatomy.embeddings[0])


def length_after(facts: LessonFacts) -> float:
    """Its length behind the norm."""
    return math.hypot(*facts.anatomy(None).anatomy.x[0])


def why_norm(facts: LessonFacts) -> str:
    width = facts.config.n_embd
    return (
        f"Behind the norm the squares have a mean of 1, so the {width} of them add up to {width}: "
        f"the length is √{width} = {math.sqrt(width):.4g}, whatever it was before. It is "
        f"{kept(facts, 'norm after'):.4f} here, because 0.00001 stands under the root, against a "
        "division by 0."
    )


def doubled(facts: LessonFacts) -> tuple[float, float]:
    """What doubling wte and wpe does to the text that is open: (the largest change of any chance,
    what the mean entropy gains, in nats)."""
    now = facts.anatomy(None).anatomy
    weights, at = facts.read("weights"), 0
    for name, (rows, columns) in facts.shapes.items():
        if name in ("wte", "wpe"):
            for place in range(at, at + rows * columns):
                weights[place] *= 2
        at += rows * columns
    tokens = [*now.tokens, now.targets[-1]]
    then = dissect(facts.config, weights, tokens)
    most = max(
        abs(a - b)
        for one, other in zip(now.probs, then.probs, strict=True)
        for a, b in zip(one, other, strict=True)
    )
    return most, _entropy(then.probs) - _entropy(now.probs)


def _entropy(rows: Sequence[Sequence[float]]) -> float:
    return -math.fsum(p * math.log(p) for row in rows for p in row if p) / len(rows)


def doubling(facts: LessonFacts) -> int:
    """What doubling does, as a choice: more certain, as before, less certain."""
    most, gained = doubled(facts)
    return 1 if most < 0.01 else 2 if gained > 0 else 0


def why_doubling(facts: LessonFacts) -> str:
    return (
        "The first thing that happens to their sum is the norm, which takes the 2 out again: no "
        f"chance in this text changes by more than {kept(facts, 'doubled'):.1g}. What counts of "
        "an embedding is its direction, not its length."
    )


# ---------------------------------------------------------------- the stream


def channel(facts: LessonFacts) -> int:
    """The number of the stream to which layer 0 adds most at the last position."""
    layer = facts.anatomy(None).anatomy.layers[0]
    x, out = layer.x[-1], layer.x_out[-1]
    return max(range(len(x)), key=lambda place: abs(out[place] - x[place]))


def stream_before(facts: LessonFacts) -> float:
    """That number before the layer."""
    return facts.anatomy(None).anatomy.layers[0].x[-1][channel(facts)]


def heads_add(facts: LessonFacts) -> float:
    """What the heads add to it."""
    at = channel(facts)
    return math.fsum(head[-1][at] for head in facts.anatomy(None).anatomy.layers[0].heads)


def mlp_adds(facts: LessonFacts) -> float:
    """What the MLP adds to it."""
    return facts.anatomy(None).anatomy.layers[0].mlp[-1][channel(facts)]


def stream_after(facts: LessonFacts) -> float:
    """That number behind the layer."""
    return facts.anatomy(None).anatomy.layers[0].x_out[-1][channel(facts)]


def ask_stream(facts: LessonFacts) -> str:
    return (
        f"At the last position, number {channel(facts)} of the stream x is "
        f"{stream_before(facts):+.3f}. The heads of layer 0 write {heads_add(facts):+.3f} there, "
        f"its MLP {mlp_adds(facts):+.3f}. What is it behind the layer, in x_out?"
    )


def why_stream(facts: LessonFacts) -> str:
    return (
        f"{kept(facts, 'x'):+.3f} {kept(facts, 'heads'):+.3f} {kept(facts, 'mlp'):+.3f} = "
        f"{kept(facts, 'x_out'):+.3f}. Each block adds to the stream and replaces nothing. So "
        "lm_head still reads the embedding itself, and on the way back the gradient reaches it "
        "through the same sums."
    )


# ---------------------------------------------------------------- without positions


def wpe_seen(facts: LessonFacts) -> bool:
    """True once wpe was taken out on trial."""
    return measure.seen_all(facts, [WPE])


def wpe_cost(facts: LessonFacts) -> measure.Cost:
    """What the loss gains without wpe."""
    return measure.costs(facts, [WPE])[WPE]


def without_positions(facts: LessonFacts) -> int:
    """What the loss does without wpe, as a choice: rises, stays, falls."""
    cost = wpe_cost(facts)
    if not measure.clear(cost):
        return 1
    return 2 if cost[0] < 0 else 0


def ask_without(facts: LessonFacts) -> str:
    return (
        "In the trained model all rows of wpe become 0, so that each position looks alike. What "
        f"does the loss on {texts_measured(facts)} do?"
    )


def texts_measured(facts: LessonFacts) -> str:
    """What a cut is measured on, in words."""
    return "texts of the data" if measure.nothing_held_out(facts) else "held-out texts"


def why_without(facts: LessonFacts) -> str:
    return (
        f"Without wpe: {measure.priced(wpe_cost(facts))}. Less than twice the ± is noise. Some "
        "order is left even so, since a position reads only what came before it."
    )


# ---------------------------------------------------------------- never with positions


def ended(facts: LessonFacts) -> bool:
    """True once the run is at its end."""
    return facts.step >= facts.steps


def loss_now(facts: LessonFacts) -> float:
    """The last held-out loss; the loss on the first texts of the data where none are held out."""
    return facts.heldout[-1][1] if facts.heldout else measure.plain_loss(facts)[0]


def never_had(facts: LessonFacts) -> bool:
    """True once a model without positions is trained to the end."""
    return "positions" not in facts.spec["model"]["parts"] and ended(facts)


def ask_never(facts: LessonFacts) -> str:
    had = loss_now(facts)
    return (
        f"The loss is {had:.3f} with wpe, {had + cut_now(facts):.3f} after the cut. Suppose that "
        "the model is trained anew without positions, from step 0 on. Where does its loss end?"
    )


def cut_now(facts: LessonFacts) -> float:
    """What the cut of wpe costs, in nats; at most a blind guess."""
    return min(wpe_cost(facts)[0], math.log(facts.config.vocab_size))


def share_lost(facts: LessonFacts) -> float:
    """How much of what the cut cost is missing in the model that never had positions: 0 for
    nothing, 1 for as much."""
    return (loss_now(facts) - kept(facts, "had")) / max(kept(facts, "cut"), _SLIGHT)


def never(facts: LessonFacts) -> int:
    """Where its loss ends, as a choice: near that with positions, between, near that after the
    cut."""
    share = share_lost(facts)
    return 0 if share < 1 / 3 else 2 if share > 2 / 3 else 1


def why_never(facts: LessonFacts) -> str:
    had, cut = kept(facts, "had"), kept(facts, "cut")
    told = f"It ends at {loss_now(facts):.3f}; with wpe it was {had:.3f}, cut {had + cut:.3f}. "
    if never(facts) == 0:
        return told + (
            "A model that never had positions does well with what else tells order. A cut shows "
            "what a trained model relies on, not what it could not learn to do without."
        )
    return told + (
        "Positions are worth something of their own on this text: what else tells order does not "
        "make up for them in as many steps."
    )


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Positions, norm, residual",
        [
            Tell(
                "A token enters the model as a row of wte, the table of tokens. A row of wpe, the "
                "table of positions, is added to it. Then comes a norm, then the layers. What does "
                "each of these do, and which of their numbers does one text teach?",
                at="parameters",
            ),
            Do(
                "Make one training step. The questions are about the text that it learns from.",
                done=measure.moved,
                at="status",
                help="s makes one step. At the end of the run, b goes one back instead.",
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "positions pulled"),
                why=why_positions,
                within=0,
                margin=0.4,
                hint="The row of a position that is not read is added to nothing, so it cannot "
                "change the loss.",
                at="dataset",
                keep={
                    "question": ask_positions,
                    "positions pulled": positions_pulled,
                    "read": positions_read,
                },
                name="rows",
            ),
            Do(
                "See it: the gradients of wpe from that step. The row of a position that was not "
                "read is blank: all its gradients are 0.",
                done=lambda facts: facts.matrix == ("wpe", "gradients"),
                at="parameters",
                help="3 goes to Parameters, ] to wpe, v from weights to gradients. The arrows read "
                "out single numbers.",
            ),
            Choose(
                measure.asked,
                choices=row_choices,
                answer=lambda facts: int(kept(facts, "row without")),
                why=why_rows,
                hints=row_hints,
                at="dataset",
                keep={
                    "question": ask_rows,
                    "rows": row_labels,
                    "row without": row_without,
                    "tokens pulled": lambda facts: len(measure.rows_pulled(facts, "wte")),
                },
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "scores pulled"),
                why=why_scores,
                within=0,
                margin=0.4,
                hint="Softmax makes chances of all scores, and they add up to 1: if one is to "
                "rise, all others must fall.",
                at="dataset",
                keep={
                    "question": ask_scores,
                    "scores pulled": scores_pulled,
                    "targets": lambda facts: len(set(facts.anatomy(None).anatomy.targets)),
                },
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "norm after"),
                why=why_norm,
                within=0.03,
                hint=lambda facts: (
                    f"{facts.config.n_embd} squares with a mean of 1 add up to "
                    f"{facts.config.n_embd}. The length is the root of that."
                ),
                at="flow",
                keep={"question": ask_norm, "norm after": length_after},
            ),
            Choose(
                "Suppose that every number of wte and of wpe is doubled. What becomes of the "
                "model's predictions?",
                choices=["They get more certain", "They stay as they are", "They get less certain"],
                answer=lambda facts: int(kept(facts, "doubling")),
                why=why_doubling,
                hints=["The sum of both rows is doubled, and the norm comes next."] * 3,
                keep={"doubling": doubling, "doubled": lambda facts: doubled(facts)[0]},
            ),
            Do(
                "Look at the stream, the numbers that run through the layers: i looks inside, 1 "
                "is Flow. The line │ is the stream; ↓ goes down from x to x_mid and x_out.",
                done=lambda facts: any(look.view == "flow" for look in facts.looks),
                at="flow",
                help="i, then 1. ↑ ↓ choose a stage, ← → a position, , and . a number; q leaves "
                "the microscope.",
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "x_out"),
                why=why_stream,
                within=0.01,
                margin=0.006,
                hint="“Residual” means that a block adds what it found, and replaces nothing.",
                at="flow",
                keep={
                    "question": ask_stream,
                    "x": stream_before,
                    "heads": heads_add,
                    "mlp": mlp_adds,
                    "x_out": stream_after,
                },
            ),
            Do(
                lambda facts: f"Now let it learn: train to the end, step {facts.steps:,}.",
                done=ended,
                at="status",
                help="space trains and pauses; + makes it faster, - slower.",
            ),
            Choose(
                ask_without,
                choices=["It rises clearly", "It stays, within the noise", "It falls clearly"],
                answer=without_positions,
                why=why_without,
                at="parameters",
                task="On the main screen (q leaves the microscope): 3, ] to wpe, C, and ← for all "
                "of wpe. It is tried at once; esc closes the sheet.",
                when=wpe_seen,
            ),
            Choose(
                measure.asked,
                choices=[
                    "Near that with wpe",
                    "About half way",
                    "Near that after the cut",
                ],
                answer=never,
                why=why_never,
                at="keys",
                task="h, ↓ to Parts, → unfolds them; ↓ to positions, → leaves them out, enter. "
                "Then space: train to the end once more.",
                when=never_had,
                keep={"question": ask_never, "had": loss_now, "cut": cut_now},
            ),
            Tell(
                "On a text of your own: d opens it, and h leaves out positions, norm or residual "
                "under Parts, from the first step on. Say first which of the three your text needs "
                "most, then compare the losses in the end.",
                at="keys",
            ),
        ],
        minutes=8,
        run={"steps": STEPS},
        hardest=5,
    )
