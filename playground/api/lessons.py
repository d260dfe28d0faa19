"""What a lesson is made of: steps that tell, give a task, or ask for a prediction.

A lesson is data and functions over facts. The playground shows its steps in the real instrument, on
a run that is really training, and calls the functions in the run's own process: never in the
screen's. What a lesson judges by is computed from the run, and so it is right for any text, any
seed and any model.

    Number(
        "The model knows nothing yet. How large is its loss, in nats?",
        answer=lambda facts: math.log(len(facts.vocabulary)),
        within=0.05,
        why="All tokens are about equally likely, so the loss is the logarithm of their number.",
    )
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from microgpt.config import ModelConfig
from microgpt.engine import StateKind
from playground.api.run import SampleFacts, TextAnatomy
from playground.catalog import KnobValue

Scalar = bool | int | float | str
"""What a lesson remembers from one step to the next."""

LessonPlace = Literal[
    "", "dataset", "loss", "parameters", "sampling", "panel", "status", "keys", "timeline",
    "inside", "flow", "attention", "depth", "credit", "neurons", "lines", "number", "step",
]  # fmt: skip
"""What a step speaks of, and what lights up: a panel of the main screen, a line of it, the
microscope ("inside") or one of its views; "" for nothing."""


@dataclass(frozen=True, slots=True)
class LookFact:
    """A look through the microscope, since the present step of the lesson began."""

    view: str
    """The name of the view, as LessonPlace has it."""
    text: str | None
    """The text that was typed; None for the run's own document."""
    position: int
    layer: int
    head: int
    name: str
    """The number that was opened by its name, as "wte['e'][3]"; "" if none was."""


@dataclass(frozen=True, slots=True)
class TrialFact:
    """Something that was tried on the weights, since the present step of the lesson began."""

    parts: tuple[str, ...]
    """The operations in words, as "head:0.2"."""
    delta: float | None
    """What is added to the held-out loss, in nats a token; None if nothing is held out."""
    error: float | None
    """The standard error of `delta`; None where it is not known."""


def _none(*_: Any) -> Any:
    raise LookupError("these facts were made without a run")


@dataclass(frozen=True, slots=True)
class LessonFacts:
    """The run of the lesson at this moment, and what the learner did since the step began."""

    step: int
    """Training steps done."""
    steps: int
    """Training steps in the whole run."""
    furthest: int
    """The last training step whose loss is known: more than `step` after going back."""
    began: int
    """Training steps that were done when the present step of the lesson began."""
    losses: Sequence[float]
    """The loss of each training step up to `step`, in nats a token, oldest first."""
    learning_rates: Sequence[float]
    """The learning rate of each of them."""
    heldout: Sequence[tuple[int, float]]
    """(step, mean loss on held-out documents) pairs, nats a token, up to `step`."""
    baselines: Mapping[str, float]
    """What counting reaches on the held-out documents, in nats a token: "uniform", "unigram",
    "bigram", "trigram". If nothing is held out, on the training documents themselves."""
    vocabulary: tuple[str, ...]
    """The display of each token, by id; at most the first 1,024."""
    bos: int
    """The id of BOS, which begins and ends each document."""
    config: ModelConfig
    shapes: Mapping[str, tuple[int, int]]
    """(rows, columns) of each matrix, in the flat order: wte, wpe, lm_head, layer0.attn_wq ..."""
    spec: Mapping[str, Any]
    """The RunSpec, as JSON values."""
    documents: Sequence[str]
    """The training documents, in the order in which the run learns from them."""
    document: tuple[str, ...]
    """Displays of the tokens that the last training step predicted; before the first step, of those
    that it will."""
    token_losses: tuple[float, ...]
    """The surprise at each token of `document`, in nats; empty before the first step."""
    samples: tuple[SampleFacts, ...] = ()
    """The batches of texts that were sampled since the present step of the lesson began, oldest
    first."""
    prompt: str = ""
    """What samples begin with."""
    chain: Mapping[str, Mapping[str, KnobValue]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """The sampling strategies that are switched on, by name, with their knobs."""
    edits: Sequence[tuple[int, str]] = ()
    """(step, words) of each change by hand, which counts after that training step."""
    held: str = ""
    """The weights that keep their values at each step, in words; "" if none do."""
    operated: str = ""
    """What was done to the weights, in words; "" if nothing was."""
    looks: tuple[LookFact, ...] = ()
    """Oldest first; `trials` likewise."""
    trials: tuple[TrialFact, ...] = ()
    ranked: tuple[tuple[str, float, float | None], ...] = ()
    """(part, what the held-out loss would gain without it, the standard error) of the last ranking
    since the present step began, the dearest part first; empty if there was none."""
    known: Mapping[str, tuple[float, float | None]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """What the held-out loss would gain without a part, and the standard error, by part: of all
    that were ranked, or tried alone, on the weights as they stand, also before the present step
    began."""
    panel: str = ""
    """The contributed panel that is on screen, by name; "" if none is."""
    matrix: tuple[str, str] = ("", "")
    """The matrix on screen and its view, as ("wte", "weights")."""
    remembered: Mapping[str, Scalar] = field(default_factory=lambda: MappingProxyType({}))
    """What earlier steps of the lesson have kept, and what was answered to those that have a
    name."""
    encode: Callable[[str], list[int]] = field(default=_none, compare=False, repr=False)
    """The ids of a text as the model reads it: BOS, its tokens, BOS; cut to the context. Raises
    UnknownTextError."""
    read: Callable[[StateKind], array[float]] = field(default=_none, compare=False, repr=False)
    """Gives a copy of the weights, gradients or moments, flat, float64, in the order of `shapes`.
    Each copy costs time."""
    gradient: Callable[[str | None], array[float]] = field(default=_none, compare=False, repr=False)
    """The gradient of the mean loss of a text (None: of the run's present document) with the
    weights as they stand, flat; the run is not touched. Raises UnknownTextError."""
    anatomy: Callable[[str | None], TextAnatomy] = field(default=_none, compare=False, repr=False)
    """As in PanelFacts."""


Words = str | Callable[[LessonFacts], str]
"""Plain text, or a function that makes it from the facts. Never markup; at most 600 characters are
shown."""
Condition = Callable[[LessonFacts], bool]
"""A question to the run, as "were ten steps made since the step of the lesson began?"."""
Keep = Mapping[str, Callable[[LessonFacts], Scalar]]
"""What a step remembers when it begins, by name: later steps find it in `facts.remembered`."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Two sentences about something on screen, which lights up."""

    text: Words
    at: LessonPlace = ""
    keep: Keep = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Do:
    """A task, which is done when the run says so."""

    text: Words
    done: Condition
    """True once the task is done. It is asked a few times a second, and must take less than
    10 ms."""
    at: LessonPlace = ""
    help: Words = ""
    """Which keys to press, for somebody who is stuck; told after half a minute, or with ?."""
    keep: Keep = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choose:
    """A prediction: one of a few choices. None is chosen beforehand."""

    question: Words
    choices: Sequence[str] | Callable[[LessonFacts], Sequence[str]]
    """2 to 9 of them, each a few words."""
    answer: Callable[[LessonFacts], int]
    """The place of the right choice, counted from 0."""
    why: Words
    """Told with the answer."""
    hints: Sequence[str] | Callable[[LessonFacts], Sequence[str]] = ()
    """A hint for whoever has chosen wrongly, by the place of the wrong choice; "" for none."""
    at: LessonPlace = ""
    task: Words = ""
    """What to do after answering, so that the run shows who is right."""
    when: Condition | None = None
    """The answer is judged once this is true. None: at once."""
    keep: Keep = field(default_factory=dict)
    name: str = ""
    """Under which the answer is remembered, as the number of the choice."""


@dataclass(frozen=True, slots=True)
class Number:
    """A prediction: a number, with a tolerance. A wrong one is said to be too high or too low."""

    question: Words
    answer: Callable[[LessonFacts], float]
    why: Words
    within: float = 0.1
    """How far from the answer is near enough, as a share of the answer."""
    margin: float = 0.0
    """The same in units of the answer; the more generous of the two counts."""
    unit: str = ""
    hint: Words = ""
    """Told after a wrong answer."""
    at: LessonPlace = ""
    task: Words = ""
    when: Condition | None = None
    """As in Choose; `keep` and `name` likewise."""
    keep: Keep = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A prediction: a cell of a table."""

    question: Words
    rows: Callable[[LessonFacts], Sequence[str]]
    """The labels of the rows, 40 at most; of the columns likewise."""
    columns: Callable[[LessonFacts], Sequence[str]]
    answer: Callable[[LessonFacts], Collection[tuple[int, int]]]
    """The (row, column) pairs that are right, at least one."""
    why: Words
    row_name: str = "row"
    """What a row is, as "reads"; `column_name` likewise."""
    column_name: str = "column"
    hint: Words = ""
    at: LessonPlace = ""
    task: Words = ""
    when: Condition | None = None
    keep: Keep = field(default_factory=dict)
    name: str = ""
    """Under which the answer is remembered, as the text "row,column"."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A prediction: a curve that is drawn ahead, and then followed by the run's own."""

    question: Words
    xs: Callable[[LessonFacts], Sequence[float]]
    """Where the curve is drawn: 3 to 12 rising numbers."""
    low: Callable[[LessonFacts], float]
    """The lowest value that can be drawn; `high` the highest."""
    high: Callable[[LessonFacts], float]
    answer: Callable[[LessonFacts], Sequence[float]]
    """The run's own values at `xs`, as they were when the learner was asked. It is called once
    `when` is true."""
    why: Words
    within: float
    """The mean distance that still counts as right, in units of the values."""
    unit: str = "nats"
    at: LessonPlace = ""
    task: Words = ""
    when: Condition | None = None
    keep: Keep = field(default_factory=dict)
    name: str = ""
    """Under which the mean distance is remembered."""


LessonStep = Tell | Do | Choose | Number | Cell | Curve
"""One step of a lesson: it tells, gives a task, or asks for a prediction."""
Question = Choose | Number | Cell | Curve


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the factory of `microgpt_lessons` makes."""

    title: str
    """A few words, as "Surprise"."""
    steps: Sequence[LessonStep]
    """2 to 60 of them."""
    minutes: int = 6
    """How long the lesson takes a learner, about."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """The settings of its run that differ from the usual ones, by dotted name, as
    {"model.n_layer": 2, "optimizer.name": "sgd"}. The data set and the seed are the learner's."""
    hardest: int | None = None
    """The step, counted from 0, of the question by which the lesson can be skipped. It is asked at
    the beginning of the lesson's run, so it has no `when`. None: the lesson cannot be skipped."""
