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
        f"Head {head} is {facts.config.head_dim} wide. Its query at position {at}, "
        f"{token(read.tokens[at])}, times the key at {source}, {token(read.tokens[source])}, is "
        f"{figure(dot_product(facts))}. Divided by the root of the width, that is the score. How "
        "large is it?"
    )


def why_score(facts: LessonFacts) -> str:
    return (
        f"{figure(kept(facts, 'dot'))} / √{facts.config.head_dim} = "
        f"{figure(kept(facts, 'score'))}. Without the root, wide heads would have large scores by "
        "the number of terms alone, and softmax would give one position nearly all of the weight."
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
        "of scores. Which weight does position 0 get?"
    )


def hint_weight(facts: LessonFacts) -> str:
    """The powers of e that the weight is made of."""
    head, at = parted(facts)
    scores = facts.anatomy(None).anatomy.layers[0].attn_logits[head][at]
    powers = [f"e^{one:.3f} = {math.exp(one):.3g}" for one in scores]
    return f"Here {' and '.join(powers)}. Divide the first of these by the sum of all."


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
        f"Position {at} of {read_name(facts)} reads {token(read.tokens[at])}. Which head (a row "
        "below) gives which position (a column) the largest weight of all?"
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
        f"Head {head}{where} gives position {source} the largest weight. It writes the sum of all "
        f"values, each times its weight. Is that of position {source} also the largest part of "
        "the sum?"
    )


def why_size(facts: LessonFacts) -> str:
    size, most = kept(facts, "size"), kept(facts, "most size")
    told = f"Its part has the length {size:.3f}" + (
        ", and no other is longer" if not kept(facts, "elsewhere") else f", another one {most:.3f}"
    )
    return (
        f"{told}: n in the microscope turns the cells from weights to this. A large weight on a "
        "small value says little, so read a picture of weights with care."
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
        f"{many(read, 'position').capitalize()} of {read_name(facts)} were read. How many numbers "
        "must be kept, so that the model can write on without reading them again? "
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
                "Attention is where positions meet. Each one makes three lists of numbers: a query "
                "(what it looks for), a key (what it is found by), a value (what it hands on). It "
                "reads itself and those before it: a mix of their values.",
            ),
            Tell(
                "Query times key, number by number and added up, gives a score. Softmax makes "
                "weights of the scores, which add up to 1: so much of each value is read. One such "
                "set of queries, keys and values is a head; a layer has several.",
            ),
            Do(
                lambda facts: (
                    f"Untrained heads read all alike. Train to step {measure.goal(facts, TRAINED)} "
                    "or further."
                ),
                done=lambda facts: facts.step >= measure.goal(facts, TRAINED),
                at="status",
                help="space trains and pauses.",
            ),
            Number(
                "At position 0 a head shares out its weight of 1. How large is the weight that it "
                "gives to position 0?",
                answer=lambda facts: kept(facts, "own"),
                why=(
                    "Nothing stands before position 0, so all of the 1 goes to itself, in every "
                    "head, trained or not. Position 0 reads the token that begins each text; in "
                    "large models many heads rest on it when they find nothing else."
                ),
                within=0,
                margin=0.005,
                hint="A position reads itself and those before it. None is before position 0.",
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
                hints=[
                    "So do programs that read all positions at once. This one reads one by one.",
                    "There are no later weights. i, then 6 shows the program line by line.",
                    "i, then 6 shows the program line by line.",
                ],
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "score"),
                why=why_score,
                within=0.03,
                margin=0.005,
                hint=lambda facts: f"The root of the width is {facts.config.head_dim**0.5:.4g}.",
                keep={"question": ask_score, "score": score, "dot": dot_product},
            ),
            Number(
                measure.asked,
                answer=lambda facts: kept(facts, "first weight"),
                why=why_weight,
                within=0,
                margin=0.03,
                hint=lambda facts: kept_text(facts, "powers"),
                keep={
                    "question": ask_weight,
                    "first weight": first_weight,
                    "scores": told_scores,
                    "powers": hint_weight,
                },
            ),
            Do(
                "Look at who reads whom: i looks inside, 2 is Attention. Each row is a position "
                "that reads, each cell one that is read; the brighter, the more.",
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
                hint="Look for the brightest cell in the rows with ▸. z shows one head large, with "
                "numbers; , and . go to the other heads.",
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
                hints=["In the microscope n turns the cells into what is written of each."] * 2,
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
                "Read a text of your own: / in the microscope, a few letters, enter. Which "
                "positions does its last letter read?",
                done=typed,
                at="attention",
                help="i and 2 open Attention; then /, letters that the data have, enter. d leads "
                "back to the document.",
            ),
            Tell(
                "On a text of your own, change one letter and see what carries the difference: p "
                "in the microscope asks for the second text, and puts the numbers of the one into "
                "the other, stage by stage. Say first at which position it will be.",
                at="inside",
            ),
        ],
        minutes=8,
        hardest=6,
    )
