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
    steps,
    times,
    token,
    vocabulary,
    wte_name,
)

_POINTS = tuple(range(50, 401, 50))
"""Where the curve of the loss is drawn: a point stands for the steps since the point before."""
_RECENT = 200
"""Steps that stand for the loss at the end where nothing is held out."""
NEAR = 0.05
"""Nats that count as about equal."""


# ---------------------------------------------------------------- the answers


def parameters(facts: LessonFacts) -> int:
    """How many weights the model has."""
    return sum(rows * columns for rows, columns in facts.shapes.values())


def steepest(facts: LessonFacts) -> tuple[int, float]:
    """The column of the row of BOS in wte with the largest gradient of the text that comes next,
    and that gradient."""
    row = rows_of(facts, facts.gradient(next_text(facts)), "wte")[facts.bos]
    column = max(range(len(row)), key=lambda at: abs(row[at]))
    return column, row[column]


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
        "This run's model has two matrices and nothing else. wte has a row of "
        f"{columns:,} numbers for each of the {rows:,} tokens that can be read, lm_head one for "
        "each that can come next."
    )


def _parameters_why(facts: LessonFacts) -> str:
    rows, columns = facts.shapes["wte"]
    table = rows * rows
    kind = "fewer" if parameters(facts) < table else "more"
    return (
        f"2 · {rows:,} · {columns:,} = {parameters(facts):,}: {kind} than the {table:,} cells of "
        f"the table of pairs. The table grows with the square of the tokens: 1,000 of them need "
        f"1,000,000 cells, and here {2000 * columns:,} numbers."
    )


def _move_question(facts: LessonFacts) -> str:
    name = wte_name(facts, facts.bos, int(number(facts, "column")))
    return (
        f"For the text that comes next, {quoted(next_text(facts), 16)}, the gradient of {name} is "
        f"{number(facts, 'gradient'):+.3g}. The learning rate is {next_rate(facts):.3g}. By how "
        "much will the step move it?"
    )


def _move_why(facts: LessonFacts) -> str:
    return (
        f"−{rate(facts):.3g} · {number(facts, 'gradient'):+.3g} = {move(facts):+.3g}. Where the "
        "loss grows with a weight, the weight shrinks. All others moved in the same way, each by "
        "its own gradient; Δ in Parameters shows it."
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
        f"It went from {blind(facts):.2f}, the blind guess, to {found[-1]:.2f}. Knowing how common "
        f"each token is reaches {lines['unigram']:.2f}, which one follows which "
        f"{lines['bigram']:.2f}. The second takes longer: a row of wte learns from its own token "
        "alone."
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
        f"It reached {reached_loss(facts):.3f}; counting reaches {facts.baselines['bigram']:.3f}. "
        f"{told} But a network can be given more to look at: lessons 6 to 8 do that."
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
        f"From its counted row {token(facts, common)} is {off(facts, common):.3f} nats away, "
        f"{token(facts, rare)} {off(facts, rare):.3f}. A row of wte learns only when its token is "
        f"read, and {steps(facts.step)} read few texts."
    )


def lesson() -> Lesson:
    """The lesson."""
    return Lesson(
        "Network",
        [
            Tell(_two, at="parameters"),
            Number(
                "How many weights is that, all in all?",
                answer=parameters,
                within=0.001,
                hint="rows times columns, and two such matrices",
                why=_parameters_why,
                at="parameters",
            ),
            Tell(
                "The score of b after a is row a of wte times row b of lm_head: number by number, "
                "added up. Scores are called logits. Softmax makes probabilities of them: e to the "
                "power of each, divided by the sum of all.",
                at="parameters",
            ),
            Do(
                "Look at lm_head in Parameters.",
                done=lambda facts: facts.matrix[0] == "lm_head",
                help="3 goes to Parameters; ] shows the next matrix, [ the one before. 0 leads "
                "back here.",
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
                    "column": lambda facts: steepest(facts)[0],
                    "gradient": lambda facts: steepest(facts)[1],
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
                f"Draw the loss of the first {_POINTS[-1]} steps ahead: each point is the mean of "
                f"the {_POINTS[0]} steps up to it. A blind guess stands at the left.",
                xs=lambda _: [float(point) for point in _POINTS],
                low=lambda _: 0.0,
                high=lambda facts: 1.2 * blind(facts),
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
                at="dataset",
            ),
            Do(
                "Compare the counts with the network's table, in the panel bigrams.",
                done=lambda facts: chosen(facts, "bigrams"),
                help="5 shows a contributed panel; 5 again lists them. ↓ goes to bigrams, enter "
                "shows it.",
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
