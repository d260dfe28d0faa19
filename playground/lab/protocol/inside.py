"""What the microscope is pointed at, and what it shows: one text, inside the model.

Positions count from 0, which reads BOS. Layers, heads and neurons count from 0. Token displays are
untrusted text. Numbers that are not finite stand as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from microgpt.config import PARTS
from playground.lab.protocol.step import StepReading

View = Literal["flow", "attention", "depth", "credit", "neurons", "lines", "number", "step"]
"""In the order of the digits 1 to 8."""
VIEWS: tuple[View, ...] = (
    "flow", "attention", "depth", "credit", "neurons", "lines", "number", "step",
)  # fmt: skip

Measure = Literal["weight", "size", "push"]
"""What a cell of attention is: the attention weight; the length of what the head writes for that
position; or what it adds to the logit that is explained."""

MEAN = -1
"""As `Look.against`: the mean logit under the model's own probabilities. The parts then explain the
loss."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the screen wants to see. Where a number lies beyond the text or the model, the reply
    says in its own `look` what was shown instead."""

    view: View = "flow"
    text: str | None = None
    """A text to read; None for the document of the last step, before the first step of the next."""
    position: int = -1
    """The chosen position; -1 for the last one."""
    layer: int = 0
    head: int = 0
    source: int = 0
    """The position that the head reads, of which the arithmetic is shown."""
    measure: Measure = "weight"
    token: int | None = None
    """The token whose logit is explained and whose probability is followed; None for the target of
    the chosen position."""
    against: int | None = None
    """Another token, or MEAN: its logit is taken off the one that is explained."""
    neuron: int | None = None
    """The neuron that is opened; None for none."""
    node: int | None = None
    """The number that is opened, as the graph counts its nodes; None for the loss."""
    unfolded: tuple[int, ...] = ()
    """The nodes below it whose children are shown."""
    name: str = ""
    """The number to open by its name instead of by `node`, as "layer0.attn_wq[3][7]",
    "wte['e'][3]", "losses[2]", or with the loops of the source that made it, as
    "attn_weights layer 0 h 2 position 3 [1]" and "x#2 layer 0 position 3 [5]" for the second x
    there; "" for none."""
    weight: tuple[str, int, int] | None = None
    """(matrix, row, column) of the weight that view 8 opens; None for none."""


@dataclass(frozen=True, slots=True)
class Position:
    """One position of the text: what it reads, and what the model makes of it."""

    token: str
    """Display of the token that is read there."""
    id: int
    target: str
    """Display of the token that comes next; the closing BOS at the end."""
    target_id: int
    probability: float
    """The probability that the model gives the target."""
    loss: float
    """-log of it, in nats."""
    best: str
    """Display of the likeliest next token; `best_id` is its id."""
    best_id: int
    best_probability: float


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the model."""

    vocab_size: int
    block_size: int
    n_embd: int
    n_head: int
    n_layer: int
    parts: tuple[str, ...] = PARTS
    """The parts of the model that are there, as in ModelConfig."""

    @property
    def head_dim(self) -> int:
        return self.n_embd // self.n_head


# ---------------------------------------------------------------- the views


@dataclass(frozen=True, slots=True)
class FlowStage:
    """One box of the map, at the chosen position."""

    name: str
    """As in the source of `gpt`: "wte[token]", "x_attn", "attn_weights", "mlp_fc1", "logits"."""
    shape: str
    """As "(16)" or "(4, 3)"."""
    values: tuple[float, ...]
    """The numbers at the chosen position, at most 256."""
    layer: int = -1
    """The layer, or -1 for none; `head` likewise."""
    head: int = -1
    matrix: str = ""
    """The weight matrix that made it; "" if none did."""
    row: int = -1
    """The row of that matrix, where it is a single one."""
    view: View | None = None
    """The view that takes it apart."""


@dataclass(frozen=True, slots=True)
class FlowReading:
    """View 1, in the order of the computation."""

    stages: tuple[FlowStage, ...]


@dataclass(frozen=True, slots=True)
class AttentionCell:
    """The arithmetic of one cell: the chosen head, position and source."""

    query: tuple[float, ...]
    """(D); `key` and `value` likewise, at the source."""
    key: tuple[float, ...]
    value: tuple[float, ...]
    dot: float
    """query · key"""
    score: float
    """dot / √D"""
    weight: float
    """softmax of the scores, at the source"""
    size: float
    """Length of weight · W_O value."""
    push: float
    """What that adds to the explained logit."""


@dataclass(frozen=True, slots=True)
class AttentionReading:
    """View 2: all heads of the chosen layer."""

    measure: Measure
    heads: tuple[tuple[tuple[float, ...], ...], ...]
    """[head][position][source 0 ... position], as the measure says."""
    cell: AttentionCell
    token: str
    """Display of the token whose logit is explained, for `push`."""


@dataclass(frozen=True, slots=True)
class DepthCell:
    """What the model would say at one position if the depth ended here."""

    best: str
    """Display of the likeliest token."""
    best_id: int
    probability: float
    """The probability of that token."""
    target_probability: float
    """The probability of the token that comes next."""
    followed: float
    """The probability of the token that is followed (`Look.token`, or else the target)."""


@dataclass(frozen=True, slots=True)
class DepthReading:
    """View 3: the logit lens."""

    stages: tuple[str, ...]
    """As "embedding", "layer 0 head 2", "layer 0 attention", "layer 0 mlp"."""
    cells: tuple[tuple[DepthCell, ...], ...]
    """[stage][position - first]"""
    first: int
    """The first position that is read; with a large vocabulary not all are."""
    token: str
    """Display of the token that is followed at the chosen position."""


@dataclass(frozen=True, slots=True)
class CreditPart:
    """One term of the sum that a logit is."""

    kind: Literal["wte", "wpe", "head", "neuron"]
    name: str
    """As "token 'e'", "position 3", "layer 0 head 2 from 3 'e'", "layer 0 neuron 17"."""
    value: float
    layer: int = -1
    index: int = -1
    """The head or neuron."""
    source: int = -1
    """The position that the head reads."""


@dataclass(frozen=True, slots=True)
class CreditReading:
    """View 4: the exact parts of one logit, the largest in size first."""

    parts: tuple[CreditPart, ...]
    """At most 400."""
    rest: float
    """The sum of the parts that are not listed; `rest_count` says how many those are."""
    rest_count: int
    total: float
    """The sum of all parts."""
    logit: float
    """The logit, or the difference of logits, that the model computed: equal to the total up to
    rounding."""
    token: str
    """Display of the token; `token_id` is its id."""
    token_id: int
    against: str
    """Display of the token it is compared with, "the mean", or "" for none."""


@dataclass(frozen=True, slots=True)
class NeuronReading:
    """One neuron, opened."""

    layer: int
    neuron: int
    promotes: tuple[tuple[str, float], ...]
    """(token, what an activation of 1 adds to its logit), the most promoted first; at most 12."""
    demotes: tuple[tuple[str, float], ...]
    """The most demoted first."""
    wakes: tuple[tuple[str, float], ...]
    """(token, the neuron's row of fc1 · the token's row of wte), the largest first; at most 12."""
    quiets: tuple[tuple[str, float], ...]
    """The smallest first."""
    fires: tuple[tuple[str, int, float], ...]
    """(document, position, activation) where it fires most, one a document; at most 12. The
    document is a text of the data, and may be long."""
    looked_at: int
    """How many documents of the data were looked at, the first ones of the training order."""


@dataclass(frozen=True, slots=True)
class NeuronsReading:
    """View 5: the hidden neurons of the chosen layer."""

    activations: tuple[tuple[float, ...], ...]
    """[neuron][position], after relu."""
    pre_activations: tuple[float, ...]
    """[neuron] at the chosen position, before relu."""
    opened: NeuronReading | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """One name that a line made or changed."""

    name: str
    """As it stands in the source: "q", "cache.keys[layer]", "return"."""
    shape: str
    """As "(16)", "(4, 16)"; "" for a single number or something else."""
    values: tuple[float, ...] = ()
    """Its numbers, at most 256, in order."""
    opens: str = ""
    """The name by which view 7 opens its first number (`Look.name`), as
    "q layer 0 position 3 [0]"; "" for what is no number of the graph."""
    words: str = ""
    """What it is, where it is no number: "slice(4, 8)"."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """One statement, as it was run."""

    first: int
    """Its first line in `LinesReading.source`, from 0; `last` is the last one."""
    last: int
    context: str
    """The loops it is in, as "layer 0, h 2"; "" outside of them."""
    made: tuple[Made, ...]


@dataclass(frozen=True, slots=True)
class LinesReading:
    """View 6: the source of the scalar engine's `gpt`, run at the chosen position."""

    source: tuple[str, ...]
    """Its lines, without the indentation that all share."""
    runs: tuple[RunLine, ...]
    """In the order in which they were run."""


@dataclass(frozen=True, slots=True)
class NumberNode:
    """One number of the graph."""

    node: int
    name: str
    """As "losses[2]", "layer0.attn_wq[3][7]", "wte['e'][3]"; "" for a number without a name."""
    operation: str
    """What made it: "Σ", "×", "exp", "relu", "log", "power", "weight", "constant"."""
    value: float
    gradient: float | None
    """d(loss)/d(this); None before `backward` has come by."""
    local: float | None
    """d(the node above)/d(this), and of a user d(the user)/d(the opened one); None for the first
    one. A number that is used twice, as in x × x, stands once, with the sum of both."""
    depth: int
    """How many nodes above it are shown."""
    children: int
    """How many numbers it is made from, the terms of a Σ counted singly."""
    users: int
    """How many numbers are made from it."""
    open: bool
    """True if its children follow."""
    share: float | None = None
    """In a Σ: what it contributes to the sum."""
    matrix: str = ""
    """The weight matrix it is a number of, with its place; "" for others."""
    row: int = -1
    column: int = -1


@dataclass(frozen=True, slots=True)
class NumberReading:
    """View 7: the family of one number."""

    nodes: tuple[NumberNode, ...]
    """The opened number and what it is made from, line by line; the terms of a Σ with the largest
    in size first; at most 400."""
    left_out: int
    """Lines that are not sent."""
    users: tuple[NumberNode, ...]
    """The numbers made from the opened one; at most 50."""
    size: int
    """Numbers in the whole graph."""


Reading = (
    FlowReading | AttentionReading | DepthReading | CreditReading | NeuronsReading | LinesReading
    | NumberReading | StepReading
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inside:
    """What the microscope shows."""

    look: Look
    """What is shown: as asked, with each number inside the text and the model, `position`, `token`
    and `node` filled in."""
    step: int
    """Steps done."""
    epoch: int
    """Grows when the run took another future."""
    text: str
    """The text that is read."""
    shape: Shape
    positions: tuple[Position, ...]
    cut: int
    """How many tokens of the text lie beyond the context, and are not read."""
    reading: Reading | None
    """The numbers of the view; None if `trouble` says why there are none."""
    trouble: str = ""
    notices: tuple[str, ...] = ()
    """What a person should know: that the text was cut, that numbers are not finite."""
    seconds: float = 0.0
    """What the looking cost the worker, without what is done once for all looks."""
