"""Lesson 5, Autograd: how all gradients are made in one walk back over the graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from microgpt.autograd import Value
from playground.api import Choose, Do, Lesson, LessonFacts, Number, Tell
from playground.hooks.builtins.lessons.data import (
    looked,
    moved_on,
    next_text,
    number,
    quoted,
    rows_of,
    token,
    vocabulary,
    wte_name,
)
from playground.hooks.builtins.lessons.measure import read_name

FC1, FC2 = "layer0.mlp_fc1", "layer0.mlp_fc2"
_LOOKED_AT = 12
"""Documents among which one is looked for that leaves many neurons silent."""


# ---------------------------------------------------------------- a graph of a few numbers


def first_loss(facts: LessonFacts) -> float:
    """The loss of the first token of the text on screen, with the weights as they stand."""
    return facts.anatomy(None).anatomy.losses[0]


def a(facts: LessonFacts) -> float:
    """The number that the small graphs begin with."""
    return number(facts, "a")


def of_sum(facts: LessonFacts) -> float:
    """The gradient of a where b = a + a."""
    x = Value(a(facts))
    (x + x).backward()
    return x.grad


def of_square(facts: LessonFacts) -> float:
    """The gradient of a where b = a · a."""
    x = Value(a(facts))
    (x * x).backward()
    return x.grad


Edges = Mapping[str, Sequence[tuple[str, float]]]
"""By number: what it is made from, each with its local gradient."""


def walk(edges: Edges, order: Sequence[str], root: str, adds: bool = True) -> float:
    """The gradient of a that a walk back in this order finds, from `root`, whose gradient is 1.
    adds: as it should be; a walk that does not add keeps what came last."""
    found = dict.fromkeys((*edges, "a"), 0.0)
    found[root] = 1.0
    for name in order:
        for child, local in edges[name]:
            part = local * found[name]
            found[child] = found[child] + part if adds else part
    return found["a"]


def _sum() -> Edges:
    """b = a + a"""
    return {"b": (("a", 1.0), ("a", 1.0))}


def _product(facts: LessonFacts) -> Edges:
    """d = c · a, c = a + a"""
    return {"d": (("c", a(facts)), ("a", 2 * a(facts))), "c": (("a", 1.0), ("a", 1.0))}


def overwritten(_: LessonFacts) -> float:
    """The gradient of a, b = a + a, in a program that does not add."""
    return walk(_sum(), ["b"], "b", adds=False)


def too_early(facts: LessonFacts) -> float:
    """The gradient of a, d = c · a with c = a + a, where c is visited before d."""
    return walk(_product(facts), ["c", "d"], "d")


def in_order(facts: LessonFacts) -> float:
    """The same, where d comes first."""
    return walk(_product(facts), ["d", "c"], "d")


# ---------------------------------------------------------------- the model's own graph


def of_chance(facts: LessonFacts) -> float:
    """The gradient of the probability p of the first token: the loss is the mean of so many -ln
    p."""
    p = Value(number(facts, "p"))
    (-p.log() / number(facts, "tokens")).backward()
    return p.grad


def most_read(facts: LessonFacts) -> tuple[int, int]:
    """The token that the model reads most often in the text on screen, by id, and how often."""
    counts = Counter(facts.anatomy(None).anatomy.tokens)
    best = max(counts, key=lambda one: (counts[one], one != facts.bos))
    return best, counts[best]


def users(facts: LessonFacts) -> float:
    """How many numbers are made from one of that token's row: one at each position that reads
    it."""
    return number(facts, "users")


def with_gradient(facts: LessonFacts, matrix: str) -> int:
    """How many rows of the matrix have a gradient from the text that comes next."""
    return sum(any(row) for row in rows_of(facts, facts.gradient(next_text(facts)), matrix))


def lm_head_rows(facts: LessonFacts) -> int:
    """0 if only rows of tokens of the text have a gradient, 1 if all rows, 2 if none."""
    found = int(number(facts, "lm_head"))
    return 2 if found == 0 else int(found == vocabulary(facts))


def silent(facts: LessonFacts, text: str) -> int:
    """How many neurons of the first layer fire at no position of a text."""
    layer = facts.anatomy(text).anatomy.layers[0]
    return sum(not any(column) for column in zip(*layer.activation, strict=True))


def quiet_text(facts: LessonFacts) -> str:
    """Of the first training documents, the one at which the most neurons are silent."""
    return max(facts.documents[:_LOOKED_AT], key=lambda text: silent(facts, text))


def without_gradient(facts: LessonFacts) -> int:
    """How many weights of mlp_fc1 and mlp_fc2 have a gradient of exactly 0 from that text."""
    gradient = facts.gradient(quiet_text(facts))
    rows = [*rows_of(facts, gradient, FC1), *rows_of(facts, gradient, FC2)]
    return sum(not one for row in rows for one in row)


# ---------------------------------------------------------------- the words


def _size(facts: LessonFacts) -> str:
    count = sum(rows * columns for rows, columns in facts.shapes.values())
    return (
        f"By nudging, all {count:,} slopes would take {count:,} passes through the model. Autograd "
        "takes one walk back. Each number remembers the numbers it was made from, and how it grows "
        "with each of them: its local gradients."
    )


def _sum_question(facts: LessonFacts) -> str:
    return (
        f"Let a be {a(facts):.3f}, the loss of the first token of {read_name(facts)}, and "
        "b = a + a. The walk back begins at b, whose gradient is 1. What is that of a?"
    )


def _square_why(facts: LessonFacts) -> str:
    return (
        f"a is used twice again, and the local gradient of each is the other factor: "
        f"{a(facts):.3f} + {a(facts):.3f} = {of_square(facts):.3f}, the 2a of school."
    )


def _early_question(facts: LessonFacts) -> str:
    return (
        f"c = a + a, d = c · a, a = {a(facts):.3f}. Walking back from d, a gets 4a = "
        f"{in_order(facts):.3f}. A program visits c before d: c's gradient is still 0. What does "
        "it find for a?"
    )


def _early_why(facts: LessonFacts) -> str:
    return (
        f"{too_early(facts):.3f}: a only gets the part that comes from d directly, c itself. What "
        "c should hand on, twice a, comes too late. So backward first sorts the numbers: each "
        "after all that are made from it. That is a topological order."
    )


def _chance_question(facts: LessonFacts) -> str:
    return (
        f"The loss of a text is a mean of −ln p, here of {number(facts, 'tokens'):.0f} tokens. The "
        f"first has p = {number(facts, 'p'):.4g}. The loss has gradient 1: what is the gradient of "
        "that p?"
    )


def _chance_why(facts: LessonFacts) -> str:
    tokens, p = number(facts, "tokens"), number(facts, "p")
    return (
        f"The mean hands on 1/{tokens:.0f}, −ln p has the local gradient −1/p = {-1 / p:.2f}. "
        f"Multiplied on the way, {of_chance(facts):.3f}: that is the chain rule, and all that "
        "backward does."
    )


def _users_question(facts: LessonFacts) -> str:
    name = wte_name(facts, int(number(facts, "token")), 0)
    return (
        f"The model reads {token(facts, facts.bos)} and then {facts.remembered['read']}. How many "
        f"numbers are made directly from the weight {name}?"
    )


def _users_why(facts: LessonFacts) -> str:
    return (
        f"{users(facts):.0f}: at each position that reads the token its row is taken, and the "
        "position's row of wpe added. Each of these sends a part of the gradient back, and the "
        "weight's gradient is their sum."
    )


def _wte_why(facts: LessonFacts) -> str:
    return (
        f"{number(facts, 'lm_head'):.0f} of {vocabulary(facts):,}. Softmax divides by the sum over "
        "all tokens, so each row of lm_head has a part in the loss: those that came are pushed "
        f"up, all others down. Of wte, only the {number(facts, 'wte'):.0f} rows that are read: v "
        "turns Parameters to grads."
    )


def _silent_question(facts: LessonFacts) -> str:
    return (
        f"The text {quoted(str(facts.remembered['quiet']), 12)} leaves "
        f"{number(facts, 'silent'):.0f} of the {facts.shapes[FC1][0]:,} neurons at 0, by ReLU, at "
        "each position. In mlp_fc1 and mlp_fc2 together, how many weights get a gradient of "
        "exactly 0?"
    )


def _silent_why(facts: LessonFacts) -> str:
    width = facts.shapes[FC1][1]
    return (
        f"{number(facts, 'still'):,.0f}: a row of {width:,} in mlp_fc1, behind ReLU's local "
        f"gradient of 0, and a column of {width:,} in mlp_fc2, whose input is 0, for each silent "
        "neuron. One that is silent on all texts never learns again."
    )


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Autograd",
        [
            Tell(_size, keep={"a": lambda facts: round(first_loss(facts), 3)}),
            Number(
                _sum_question,
                answer=of_sum,
                within=0.01,
                hint="by how much does b grow if a grows by 1?",
                why="b grows twice as fast as a. Each of the two uses of a hands back 1 · 1, and "
                "gradients add up over all uses. So the code says +=.",
            ),
            Number(
                "A program sets the gradient of a at each use, with = in place of +=. What does it "
                "find for a, with b = a + a?",
                answer=overwritten,
                within=0.01,
                hint="what does the last use hand back?",
                why="What the last use handed back stands alone; the other is lost. Nothing fails, "
                "and the model still learns, only worse: the gradient check of lesson 4 finds it.",
            ),
            Number(
                lambda facts: f"Now b = a · a, with a = {a(facts):.3f}. What is the gradient of a?",
                answer=of_square,
                within=0.02,
                margin=0.001,
                hint="the local gradient of a product by one factor is the other factor",
                why=_square_why,
            ),
            Number(
                _early_question,
                answer=too_early,
                within=0.02,
                margin=0.001,
                hint="from d, a is handed c itself; c hands on nothing",
                why=_early_why,
            ),
            Number(
                _chance_question,
                answer=of_chance,
                within=0.05,
                margin=0.001,
                hint="1 divided by the tokens, times the local gradient of −ln p, which is −1/p",
                why=_chance_why,
                keep={
                    "p": lambda facts: facts.anatomy(None).anatomy.probs[0][
                        facts.anatomy(None).anatomy.targets[0]
                    ],
                    "tokens": lambda facts: len(facts.anatomy(None).anatomy.targets),
                },
            ),
            Do(
                "See the real graph: view 7 of the microscope goes from the loss to what it is "
                "made of, with value, gradient and local gradient.",
                done=lambda facts: looked(facts, "number"),
                help="i looks inside, 7 shows Number; ↓ goes down a line, enter opens it. esc "
                "leads back.",
                at="number",
            ),
            Number(
                _users_question,
                answer=users,
                within=0.0,
                hint="one at each position that reads the token",
                why=_users_why,
                keep={
                    "token": lambda facts: most_read(facts)[0],
                    "users": lambda facts: most_read(facts)[1],
                    "read": read_name,
                },
                at="number",
            ),
            Choose(
                lambda facts: (
                    f"The next text is {quoted(next_text(facts), 16)}, which has some of the "
                    f"{vocabulary(facts):,} tokens. Which rows of lm_head get a gradient from it?"
                ),
                choices=("only those of tokens in it", "all of them", "none"),
                answer=lm_head_rows,
                task="s does the step.",
                when=moved_on,
                why=_wte_why,
                keep={
                    "lm_head": lambda facts: with_gradient(facts, "lm_head"),
                    "wte": lambda facts: with_gradient(facts, "wte"),
                },
                at="parameters",
            ),
            Number(
                _silent_question,
                answer=lambda facts: number(facts, "still"),
                within=0.0,
                unit="weights",
                hint="a silent neuron has a row of weights in mlp_fc1 and a column in mlp_fc2",
                why=_silent_why,
                keep={
                    "quiet": quiet_text,
                    "silent": lambda facts: silent(facts, quiet_text(facts)),
                    "still": without_gradient,
                },
                at="neurons",
            ),
            Do(
                "See the lines that make the graph: view 6 of the microscope runs the source "
                "itself, line by line.",
                done=lambda facts: looked(facts, "lines"),
                help="i looks inside, 6 shows Lines; n runs the next line, o opens what it made in "
                "view 7.",
                at="lines",
            ),
            Tell(
                "To do on a text of your own, after the lesson: / in the microscope takes it, 7 "
                "opens its graph, and u goes from a weight up to all that is made of it. Where "
                "does the largest part of its gradient come from?",
                at="inside",
            ),
        ],
        minutes=8,
        hardest=9,
    )
