"""Lesson attention: scores, weights, what is written, and why there is no mask."""

from __future__ import annotations

import math

from microgpt.anatomy import head_sizes
from playground.api import (
    Cell,
    Choose,
    Do,
    Lesson,
    LessonFacts,
    Number,
    Tell,
    TextAnatomy,
    UnknownTextError,
)
from playground.hooks.builtins.lessons import measure
from playground.hooks.builtins.lessons.measure import figure, kept, kept_text, read_name, token
from playground.words import many

TRAINED = 200
"""Steps after which heads have begun to choose."""
MOST = 40
"""Rows and columns that a table may have."""
_EQUAL = 0.0005
"""Weights that differ by less look the same on the screen."""
_BETWEEN = "\n"

# ---------------------------------------------------------------- what a position may read


def own_weight(facts: LessonFacts) -> float:
    """The weight that head 0 of layer 0 gives to position 0 at position 0."""
    return facts.anatomy(None).anatomy.layers[0].attn_weights[0][0][0]


def mask_place(facts: LessonFacts) -> int:
    """Where the mask is, as a choice: the last one, nowhere, if a row ends at its own position."""
    rows = facts.anatomy(None).anatomy.layers[0].attn_weights[0]
    ends = all(len(row) == place + 1 for place, row in enumerate(rows))
    return 2 if ends else 1


def why_mask(facts: LessonFacts) -> str:
    read = len(facts.anatomy(None).tokens)
    return (
        "The model reads position after position and keeps their keys and values. Row p has p + 1 "
        f"weights; the last row of this text has {read}. Programs that read all positions at once "
        "need a mask to get the same."
    )


# ---------------------------------------------------------------- scores and weights


def steepest(read: TextAnatomy) -> tuple[int, int]:
    """(head, source) of layer 0 with the largest score in size, at the last position."""
    scores = read.anatomy.layers[0].attn_logits
    pairs = [(head, source) for head in range(len(scores)) for source in range(len(read.tokens))]
    return max(pairs, key=lambda pair: abs(scores[pair[0]][-1][pair[1]]))


def dot_product(facts: LessonFacts) -> float:
    """Query times key of that cell, term by term."""
    read = facts.anatomy(None)
    head, source = steepest(read)
    layer, width = read.anatomy.layers[0], facts.config.head_dim
    own = slice(head * width, (head + 1) * width)
    return math.fsum(q * k for q, k in zip(layer.q[-1][own], layer.k[source][own], strict=True))


def score(facts: LessonFacts) -> float:
    """The score that softmax gets there."""
    read = facts.anatomy(None)
    head, source = steepest(read)
    return read.anatomy.layers[0].attn_logits[head][-1][source]


def ask_score(facts: LessonFacts) -> str:
    read = facts.anatomy(None)
    head, source = steepest(read)
    at = len(read.tokens) - 1
    return (
        f"Head {head} is {facts.config.head_dim} numbers wide. Its query at position {at}, "
        f"{token(read.tokens[at])}, times the key of position {source}, "
        f"{token(read.tokens[source])}, is {figure(dot_product(facts))}. Which score does softmax "
        "get?"
    )


def why_score(facts: LessonFacts) -> str:
    return (
        f"{figure(kept(facts, 'dot'))} / √{facts.config.head_dim} = "
        f"{figure(kept(facts, 'score'))}. A dot product of many terms is large by their number "
        "alone, and softmax would then look at one position only."
    )


def parted(facts: LessonFacts) -> tuple[int, int]:
    """(head, position): of the first two positions the later one that there is, and the head of
    layer 0 whose scores there lie farthest apart."""
    read = facts.anatomy(None)
    at = min(1, len(read.tokens) - 1)
    scores = read.anatomy.layers[0].attn_logits
    return max(range(len(scores)), key=lambda h: max(scores[h][at]) - min(scores[h][at])), at


def first_weight(facts: LessonFacts) -> float:
    """The weight of position 0 there."""
    head, at = parted(facts)
    return facts.anatomy(None).anatomy.layers[0].attn_weights[head][at][0]


def told_scores(facts: LessonFacts) -> str:
    """The scores there, in words."""
    head, at = parted(facts)
    scores = facts.anatomy(None).anatomy.layers[0].attn_logits[head][at]
    return " and ".join(f"{one:+.3f} for position {k}" for k, one in enumerate(scores))


def ask_weight(facts: LessonFacts) -> str:
    head, at = parted(facts)
    return (
        f"At position {at}, head {head} has the scores {told_scores(facts)}. Softmax makes weights "
        "of them. Which weight does position 0 get?"
    )


def why_weight(facts: LessonFacts) -> str:
    return (
        f"Scores of {kept_text(facts, 'scores')}: e to the power of each, divided by their sum, "
        f"makes {kept(facts, 'first weight'):.3f} for position 0. Only the difference of scores "
        "counts, and the weights of a row add up to 1."
    )


# ---------------------------------------------------------------- who reads whom


def heads_shown(facts: LessonFacts) -> list[tuple[int, int]]:
    """(layer, head) of each row of the table."""
    layers, heads = facts.config.n_layer, facts.config.n_head
    return [(layer, head) for layer in range(layers) for head in range(heads)][:MOST]


def head_labels(facts: LessonFacts) -> list[str]:
    one = facts.config.n_layer == 1
    return [f"{head}" if one else f"{layer}.{head}" for layer, head in heads_shown(facts)]


def position_asked(read: TextAnatomy) -> int:
    """The last position, or the last one that has room in the table."""
    return min(len(read.tokens), MOST) - 1


def position_labels(facts: LessonFacts) -> str:
    """The positions that are read there, a line each."""
    read = facts.anatomy(None)
    shown = range(position_asked(read) + 1)
    return _BETWEEN.join(f"{k} {read.tokens[k][:6]}".replace(_BETWEEN, " ") for k in shown)


def weights_there(facts: LessonFacts) -> list[list[float]]:
    """The attention weights of each head of the table at that position."""
    read = facts.anatomy(None)
    at, layers = position_asked(read), read.anatomy.layers
    return [list(layers[layer].attn_weights[head][at]) for layer, head in heads_shown(facts)]


def largest_cells(facts: LessonFacts) -> str:
    """The cells with the largest weight, as "head,source" with blanks between."""
    weights = weights_there(facts)
    most = max(map(max, weights))
    cells = [
        f"{head},{source}"
        for head, row in enumerate(weights)
        for source, weight in enumerate(row)
        if weight > most - _EQUAL
    ]
    return " ".join(cells[:80])


def cells_kept(facts: LessonFacts) -> list[tuple[int, int]]:
    """The same as pairs, as they were when the learner was asked."""
    pairs = [one.split(",") for one in kept_text(facts, "cells").split(" ")]
    return [(int(head), int(source)) for head, source in pairs]


def ask_cell(facts: LessonFacts) -> str:
    read = facts.anatomy(None)
    at = position_asked(read)
    return (
        f"Step {facts.step:,}, {read_name(facts)}, position {at}, which reads "
        f"{token(read.tokens[at])}. Which head reads which position with the largest weight of all?"
    )


def why_cell(facts: LessonFacts) -> str:
    return (
        f"The largest weight there is {kept(facts, 'largest'):.3f}. Nobody told the head to look "
        "there: queries and keys are learnt, like all else, because it made the loss smaller."
    )


def most_read(facts: LessonFacts) -> tuple[int, int, int]:
    """(layer, head, source) of the largest weight."""
    weights = weights_there(facts)
    cells = [(head, source) for head, row in enumerate(weights) for source in range(len(row))]
    head, source = max(cells, key=lambda cell: weights[cell[0]][cell[1]])
    layer, number = heads_shown(facts)[head]
    return layer, number, source


def sizes_there(facts: LessonFacts) -> list[float]:
    """How much that head writes for each position."""
    read = facts.anatomy(None)
    layer, head, _ = most_read(facts)
    return head_sizes(read.anatomy, layer, head, position_asked(read))


def writes_elsewhere(facts: LessonFacts) -> int:
    """Whether the position with the largest weight also has the largest write: 0 if it has."""
    sizes = sizes_there(facts)
    return 0 if sizes[most_read(facts)[2]] >= max(sizes) - 1e-12 else 1


def ask_size(facts: LessonFacts) -> str:
    layer, head, source = most_read(facts)
    where = "" if facts.config.n_layer == 1 else f" of layer {layer}"
    return (
        f"Head {head}{where} gives position {source} the largest weight. A head writes the values "
        "of the positions, each times its weight. Is position "
        f"{source} also the one for which it writes most?"
    )


def why_size(facts: LessonFacts) -> str:
    return (
        f"For the position with the largest weight it writes {kept(facts, 'size'):.3f}, and at "
        f"most {kept(facts, 'most size'):.3f} for any: n in the microscope turns the cells from "
        "weights to this. A large weight on a small value says little."
    )


# ---------------------------------------------------------------- what is kept


def cache_size(facts: LessonFacts) -> int:
    """How many numbers the keys and the values of the text are, in all layers."""
    layers = facts.anatomy(None).anatomy.layers
    return sum(len(row) for layer in layers for rows in (layer.k, layer.v) for row in rows)


def ask_cache(facts: LessonFacts) -> str:
    read = len(facts.anatomy(None).tokens)
    config = facts.config
    return (
        f"The {many(read, 'position')} of {read_name(facts)} were read. How many numbers "
        "must be kept to write on without reading them again? "
        f"({many(config.n_layer, 'layer')}, width {config.n_embd})"
    )


def why_cache(facts: LessonFacts) -> str:
    layers, width = facts.config.n_layer, facts.config.n_embd
    read = int(kept(facts, "cache")) // (2 * layers * width)
    return (
        f"2 × {layers} × {read} × {width}: a key and a value for each layer and position, the KV "
        f"cache. A further token adds {2 * layers * width:,} numbers and makes its query anew, "
        "which nobody reads later. Heads share the width, so that their number does not matter."
    )


def typed(facts: LessonFacts) -> bool:
    """True once a text of one's own was looked at."""
    for look in facts.looks:
        if look.text and look.view == "attention":
            try:
                facts.encode(look.text)
            except UnknownTextError:
                continue
            return True
    return False


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Attention",
        [
            Tell(
                "Up to here each position was alone. Attention lets it read the ones before: its "
                "query is compared with their keys, and it takes a mix of their values. It is the "
                "only place where positions meet.",
            ),
            Do(
                lambda facts: (
                    f"Untrained heads read all alike. Train to step {measure.goal(facts, TRAINED)} "
                    "or further, then pause."
                ),
                done=lambda facts: facts.step >= measure.goal(facts, TRAINED),
                at="status",
                help="space trains and pauses.",
            ),
            Number(
                "A head shares out a weight of 1 among the positions that it may read. At position "
                "0, how large is the weight that it gives to position 0?",
                answer=lambda facts: kept(facts, "own"),
                why=(
                    "Nothing stands before position 0, so all of the 1 goes to itself, in every "
                    "head, trained or not. That position reads the token which begins each text; "
                    "in large models many heads rest on it when they find nothing."
                ),
                within=0,
                margin=0.005,
                hint="Which positions are there to share it with?",
                keep={"own": own_weight},
            ),
            Choose(
                "A position must not read later ones, or it would copy the answer. Where does this "
                "program see to that?",
                choices=[
                    "Later scores are set to -∞",
                    "Later weights are multiplied by 0",
                    "Nowhere: there are no later keys yet",
                ],
                answer=mask_place,
                why=why_mask,
                hints=["Go through the lines of the program, 6 in the microscope."] * 3,
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "score"),
                why=why_score,
                within=0.03,
                margin=0.005,
                hint="The dot product is divided by the root of the width of the head.",
                keep={"question": ask_score, "score": score, "dot": dot_product},
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "first weight"),
                why=why_weight,
                within=0,
                margin=0.03,
                hint="e to the power of each score; then each divided by the sum. Equal scores "
                "share alike.",
                keep={"question": ask_weight, "first weight": first_weight, "scores": told_scores},
            ),
            Do(
                "Look at who reads whom: i looks inside, 2 is Attention. A row is a position, a "
                "cell one that it reads.",
                done=lambda facts: any(look.view == "attention" for look in facts.looks),
                at="attention",
                help="i, then 2. ← → choose the position, ↑ ↓ what it reads, , and . the head.",
            ),
            Cell(
                measure.asked,
                rows=head_labels,
                columns=lambda facts: kept_text(facts, "labels").split(_BETWEEN),
                answer=cells_kept,
                why=why_cell,
                row_name="head",
                column_name="reads",
                hint="In the microscope , and . choose the head, and the list below tells the "
                "weights.",
                at="attention",
                keep={
                    "question": ask_cell,
                    "labels": position_labels,
                    "cells": largest_cells,
                    "largest": lambda facts: max(map(max, weights_there(facts))),
                },
            ),
            Choose(
                measure.asked,
                choices=["Yes, for that one", "No, for another one"],
                answer=lambda facts: int(kept(facts, "elsewhere")),
                why=why_size,
                hints=["n in the microscope shows how much is written."] * 2,
                at="attention",
                keep={
                    "question": ask_size,
                    "elsewhere": writes_elsewhere,
                    "size": lambda facts: sizes_there(facts)[most_read(facts)[2]],
                    "most size": lambda facts: max(sizes_there(facts)),
                },
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "cache"),
                why=why_cache,
                within=0,
                margin=0.4,
                hint="A key and a value, at each position, in each layer. Each is as long as the "
                "stream is wide.",
                at="attention",
                keep={"question": ask_cache, "cache": cache_size},
            ),
            Do(
                "Read a text of your own: / in the microscope, type it, enter. Whom does its last "
                "letter read?",
                done=typed,
                at="attention",
                help="i, 2, then /, a few letters that the data have, and enter. d returns to the "
                "document.",
            ),
            Tell(
                "On a text of your own, change one letter and see what carries the difference: p "
                "in the microscope asks for the second text and puts each activation of the one "
                "into the other. Say before which position it will be.",
                at="inside",
            ),
        ],
        minutes=8,
        hardest=5,
    )
