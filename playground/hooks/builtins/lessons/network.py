"""Lesson 3, Network: the table of pairs as two matrices, trained by SGD. Will it beat counting?"""

from __future__ import annotations

import math

from playground.api import Choose, Curve, Do, Lesson, LessonFacts, Number, Tell
from playground.hooks.builtins.bigrams import model_rows
from playground.hooks.builtins.lessons.data import (
    blind,
    chosen,
    heldout,
    mean,
    measured_on,
    moved_on,
    next_rate,
    next_text,
    number,
    pairs,
    quoted,
    rows_of,
    times,
    token,
    vocabulary,
)

_POINTS = tuple(range(50, 401, 50))
"""Where the curve of the loss is drawn: a point stands for the steps since the point before."""
_MANY = 1000
"""Tokens of a larger vocabulary."""
_ON_SCREEN = 10
"""Rows of a matrix that the lowest screen shows below the question."""
_BELOW, _ABOVE = 0.6, 0.3
"""Nats below the line of counting, and above a blind guess, between which the curve is drawn."""
_RECENT = 200
"""Steps that stand for the loss at the end where nothing is held out."""
NEAR = 0.05
"""Nats that count as about equal."""


# ---------------------------------------------------------------- the answers


def parameters(facts: LessonFacts) -> int:
    """How many weights the model has."""
    return sum(rows * columns for rows, columns in facts.shapes.values())


def wider(facts: LessonFacts) -> float:
    """How many weights a model as wide as this one has for `_MANY` tokens."""
    return float(len(facts.shapes) * _MANY * facts.shapes["wte"][1])


def steepest(facts: LessonFacts) -> tuple[int, int, float]:
    """The row and the column of the weight of lm_head with the largest gradient of the text that
    comes next, and that gradient; of the first rows, because a low screen shows no others."""
    rows = rows_of(facts, facts.gradient(next_text(facts)), "lm_head")[:_ON_SCREEN]
    cells = [(row, column) for row in range(len(rows)) for column in range(len(rows[row]))]
    row, column = max(cells, key=lambda cell: abs(rows[cell[0]][cell[1]]))
    return row, column, rows[row][column]


def move(facts: LessonFacts) -> float:
    """By how much the step moves that weight: minus learning rate times gradient."""
    return -rate(facts) * number(facts, "gradient")


def rate(facts: LessonFacts) -> float:
    """The learning rate of the step that was asked about; 0 if the run had ended before it."""
    rates = facts.learning_rates[facts.began : facts.began + 1]
    return rates[0] if rates else 0.0


def rows_moved(facts: LessonFacts) -> int:
    """How many rows of wte get a gradient from the text that comes next."""
    return sum(any(row) for row in rows_of(facts, facts.gradient(next_text(facts)), "wte"))


def curve(facts: LessonFacts) -> list[float]:
    """The mean loss of the steps up to each point, since the point before."""
    width = _POINTS[1] - _POINTS[0]
    return [mean(facts.losses[point - width : point]) for point in _POINTS]


def reached_loss(facts: LessonFacts) -> float:
    """The last held-out loss; where nothing is held out, the mean loss of the last steps."""
    known = heldout(facts)
    return mean(facts.losses[-_RECENT:]) if known is None else known


def beaten(facts: LessonFacts) -> int:
    """0 if the network is below counting, 1 if it is about equal, 2 if it is above."""
    apart = reached_loss(facts) - facts.baselines["bigram"]
    return 0 if apart < -NEAR else 1 if apart <= NEAR else 2


def common_and_rare(facts: LessonFacts) -> list[int]:
    """The token that is read most often, and the one that is read least."""
    known = pairs(facts).frequent()
    return [known[0], known[-1]]


def off(facts: LessonFacts, one: int) -> float:
    """How far the model's row of a token is from the counted one, in nats: what its tokens cost
    more than by their shares (Kullback & Leibler 1951)."""
    known = pairs(facts)
    [row] = model_rows(facts.config, facts.read("weights"), facts.bos, [one])
    found = 0.0
    for other, count in known.after.get(one, {}).items():
        p = count / known.total(one)
        found += p * math.log(p / row[other]) if row[other] > 0 else math.inf
    return found


def worse_row(facts: LessonFacts) -> int:
    """Which of the two rows the network knows worse."""
    common, rare = (off(facts, one) for one in common_and_rare(facts))
    return int(rare > common)


# ---------------------------------------------------------------- the words


def _two(facts: LessonFacts) -> str:
    rows, columns = facts.shapes["wte"]
    return (
        "This run's model has two matrices and nothing else. wte, the token embedding, has a row "
        f"of {columns:,} numbers for each of the {rows:,} tokens that can be read; lm_head has one "
        "for each that can come next."
    )


def _wider_question(facts: LessonFacts) -> str:
    rows, columns = facts.shapes["wte"]
    return (
        f"The model has 2 · {rows:,} · {columns:,} = {parameters(facts):,} weights, the table of "
        f"pairs {rows:,} · {rows:,} = {rows * rows:,} cells; with {_MANY:,} kinds of tokens "
        f"{_MANY**2:,}. And the model, as wide as now?"
    )


def _wider_why(facts: LessonFacts) -> str:
    columns = facts.shapes["wte"][1]
    return (
        f"2 · {_MANY:,} · {columns:,} = {wider(facts):,.0f}. The table grows with the square of "
        f"the tokens, the network only with their number: {columns:,} numbers have to say what the "
        "table has a whole row of cells for."
    )


def _move_question(facts: LessonFacts) -> str:
    row, column = (int(number(facts, name)) for name in ("row", "column"))
    name = f"lm_head['{token(facts, row)[1:-1]}'][{column}]"
    return (
        f"For the text that comes next, {quoted(next_text(facts), 16)}, the gradient of {name} is "
        f"{number(facts, 'gradient'):+.3g}. The learning rate is {next_rate(facts):.4g}. By how "
        "much will the step move it?"
    )


def _move_why(facts: LessonFacts) -> str:
    return (
        f"−{rate(facts):.4g} · {number(facts, 'gradient'):+.3g} = {move(facts):+.3g}. Where the "
        "loss grows with a weight, the weight shrinks. All others moved in the same way, each by "
        "its own gradient: v turns Parameters to grads, and then to Δ."
    )


def _rows_question(facts: LessonFacts) -> str:
    return (
        f"The next text is {quoted(str(facts.remembered['text']))}. How many of the "
        f"{vocabulary(facts):,} rows of wte will it move?"
    )


def _rows_why(facts: LessonFacts) -> str:
    return (
        f"{number(facts, 'rows'):.0f}: a row of wte is used where its token is read, "
        f"{token(facts, facts.bos)} at the beginning among them. A row that is not used has no "
        "part in the loss: its gradient is exactly 0, and SGD leaves it where it is."
    )


def _curve_why(facts: LessonFacts) -> str:
    found, lines = curve(facts), facts.baselines
    return (
        f"The loss came to {found[-1]:.2f}. How common each token is ({lines['unigram']:.2f}) is "
        f"learnt first; which follows which ({lines['bigram']:.2f}) takes longer: a row learns "
        "from its token alone."
    )


def _beaten_question(facts: LessonFacts) -> str:
    return (
        f"Counting pairs costs {facts.baselines['bigram']:.3f} nats on {measured_on(facts)}. Where "
        f"will the network stand at its last step, {facts.steps:,}?"
    )


def _beaten_why(facts: LessonFacts) -> str:
    told = (
        "No table of pairs beats the counts on the texts that were counted; on others they must "
        "be smoothed, and that costs them."
        if beaten(facts) == 0
        else "No table of pairs beats the counts on the texts that were counted; the network, "
        "which never sees the counts, comes near step by step."
    )
    return (
        f"The network reached {reached_loss(facts):.3f}; counting reaches "
        f"{facts.baselines['bigram']:.3f}. {told} But a network can be given more to look at: "
        "lessons 6 to 8 do that."
    )


def _worse_question(facts: LessonFacts) -> str:
    common, rare = common_and_rare(facts)
    known = pairs(facts)
    return (
        f"{token(facts, common)} is read {times(known.total(common))}, {token(facts, rare)} "
        f"{times(known.total(rare))}. Whose row of the table does the network have less right, "
        "after what it learnt?"
    )


def _worse_why(facts: LessonFacts) -> str:
    common, rare = common_and_rare(facts)
    return (
        f"The network's row of {token(facts, common)} is {off(facts, common):.3f} nats away from "
        f"the counted one, that of {token(facts, rare)} {off(facts, rare):.3f}. A row of wte only "
        "learns when its token is read."
    )


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Network",
        [
            Tell(_two, at="parameters"),
            Number(
                _wider_question,
                answer=wider,
                within=0.001,
                unit="weights",
                hint="rows times columns, and two such matrices",
                why=_wider_why,
                at="parameters",
            ),
            Tell(
                "The score of b after a is row a of wte times row b of lm_head: number by number, "
                "added up. Scores are called logits. Softmax makes probabilities of them: e to the "
                "power of each, divided by the sum of all.",
                at="parameters",
            ),
            Do(
                "Look at lm_head in Parameters, the second of the two matrices.",
                done=lambda facts: facts.matrix[0] == "lm_head",
                help="] shows the next matrix, [ the one before.",
                at="parameters",
            ),
            Tell(
                "A step reads one text and works out for each weight its gradient: how fast the "
                "loss grows if the weight does. Then each weight is moved by minus learning rate "
                "times gradient. That is all of SGD.",
                at="parameters",
            ),
            Number(
                _move_question,
                answer=move,
                within=0.05,
                hint="minus learning rate times gradient",
                task="s does the step.",
                when=moved_on,
                why=_move_why,
                keep={
                    "row": lambda facts: steepest(facts)[0],
                    "column": lambda facts: steepest(facts)[1],
                    "gradient": lambda facts: steepest(facts)[2],
                },
                at="parameters",
            ),
            Number(
                _rows_question,
                answer=lambda facts: number(facts, "rows"),
                within=0.0,
                unit="rows",
                hint="which different tokens does the model read in it? The last one is only "
                "predicted",
                why=_rows_why,
                keep={"text": next_text, "rows": rows_moved},
                at="dataset",
            ),
            Curve(
                lambda facts: (
                    f"A blind guess costs {blind(facts):.2f}, and each point is the mean of the "
                    f"{_POINTS[0]} steps up to it. Draw the loss of the first {_POINTS[-1]} steps "
                    "ahead."
                ),
                xs=lambda _: [float(point) for point in _POINTS],
                low=lambda facts: round(max(0.0, facts.baselines["bigram"] - _BELOW), 1),
                high=lambda facts: round(blind(facts) + _ABOVE, 1),
                answer=curve,
                within=0.25,
                task=f"Train to step {_POINTS[-1]}: space trains, + goes faster.",
                when=lambda facts: facts.step >= _POINTS[-1],
                why=_curve_why,
                at="loss",
            ),
            Choose(
                _beaten_question,
                choices=(
                    f"more than {NEAR} below it",
                    f"about there, within {NEAR}",
                    f"more than {NEAR} above it",
                ),
                answer=beaten,
                task="Train to the end: space trains, + goes faster.",
                when=lambda facts: facts.step >= facts.steps,
                why=_beaten_why,
                at="loss",
            ),
            Choose(
                _worse_question,
                choices=lambda facts: [token(facts, one) for one in common_and_rare(facts)],
                answer=worse_row,
                hints=("a row learns each time that its token is read",) * 2,
                why=_worse_why,
            ),
            Do(
                "Compare the counts with the network's table: the panel bigrams shows both, in the "
                "place of Parameters.",
                done=lambda facts: chosen(facts, "bigrams"),
                help="5, and 5 again, lists the panels. ↓ goes to bigrams, enter shows it.",
                at="panel",
            ),
            Tell(
                "To do on a text of your own, after the lesson: h leaves out all five parts, and "
                "sets the width to 2. Each token then has two numbers to say which others follow "
                "it. How much worse is the table?",
                at="parameters",
            ),
        ],
        minutes=8,
        run={
            "model.parts": [],
            "optimizer.name": "sgd",
            "optimizer.learning_rate": 0.5,
        },
        hardest=6,
    )
