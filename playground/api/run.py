"""Four protocols for what steers a run, measures it, draws it and takes it elsewhere."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from microgpt.anatomy import Anatomy
from microgpt.engine import Progress, StateKind

# ---------------------------------------------------------------- learning-rate schedules


@runtime_checkable
class Schedule(Protocol):
    """How the learning rate changes over a run. A schedule is part of what determines the run: it
    has no randomness, no clock and no state."""

    def factor(self, step: int, steps: int) -> float:
        """The number that multiplies the base learning rate at 0-based `step` of `steps`: finite, 0
        or more. The one of microgpt.py is 1 - step / steps."""


# ---------------------------------------------------------------- metrics


@dataclass(frozen=True, slots=True)
class StepFacts:
    """A step that was just done, as a metric sees it."""

    step: int
    """The number of the step, counted from 1."""
    loss: float
    """Mean over the step's tokens, in nats, before the update."""
    learning_rate: float
    token_losses: Sequence[Sequence[float]]
    """The loss of each predicted token of each document, in nats."""
    shapes: Mapping[str, tuple[int, int]]
    """(rows, columns) of each matrix, in the flat order: wte, wpe, lm_head, layer0.attn_wq ..."""
    read: Callable[[StateKind], array[float]] = field(compare=False, repr=False)
    """Gives a copy of the weights, gradients or moments, flat, float64. Each copy costs time."""


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """A batch of texts that was just sampled, as a metric sees it."""

    step: int
    """Training steps done."""
    texts: tuple[str, ...]
    """The texts, each with its prompt."""
    in_data: tuple[bool, ...]
    """For each text, whether exactly this text is a document of the data set."""
    recited: tuple[bool, ...] = ()
    """For each text, whether it is no document, but stands word for word in a longer one; empty if
    that is not known."""


@runtime_checkable
class StepMetric(Protocol):
    """A number that a step has, drawn as a series beside the loss."""

    def of_step(self, step: StepFacts) -> float | None:
        """The number; None if this step has none."""


@runtime_checkable
class SampleMetric(Protocol):
    """A number that a batch of samples has, drawn as a series beside the loss."""

    def of_samples(self, samples: SampleFacts) -> float | None:
        """The number; None if this batch has none."""


Metric = StepMetric | SampleMetric


# ---------------------------------------------------------------- panels


@dataclass(frozen=True, slots=True)
class TextAnatomy:
    """A text inside the model: every number that is computed for it, and its tokens in words."""

    anatomy: Anatomy
    """Attention weights, activations, logits ...; `microgpt.anatomy` has `attribution`, `stages`
    and `lens`, which read more out of it."""
    tokens: tuple[str, ...]
    """The display of the token that each position reads; the first is BOS."""
    targets: tuple[str, ...]
    """The display of the token that should come next at each position."""


def _no_anatomy(text: str | None) -> TextAnatomy:
    raise LookupError(f"these facts were made without a model that could read {text!r}")


def _no_tokenizer(text: str) -> list[int]:
    raise LookupError(f"these facts were made without a tokenizer that could read {text!r}")


@dataclass(frozen=True, slots=True)
class PanelFacts:
    """The run at this moment, as a panel sees it."""

    step: int
    """Training steps done."""
    steps: int
    """Steps in the whole run."""
    losses: Sequence[float]
    """The losses of the last steps, at most 1,000, oldest first."""
    vocabulary: tuple[str, ...]
    """The display of each token, by id."""
    document: tuple[str, ...]
    """Displays of the tokens that the last step predicted."""
    token_losses: tuple[float, ...]
    """The surprise at each token of `document`, in nats; empty before the first step."""
    shapes: Mapping[str, tuple[int, int]]
    """As in StepFacts."""
    read: Callable[[StateKind], array[float]] = field(compare=False, repr=False)
    """As in StepFacts."""
    anatomy: Callable[[str | None], TextAnatomy] = field(
        default=_no_anatomy, compare=False, repr=False
    )
    """Gives a text as the model computes it now, cut to the context; for None the document of the
    last step, before the first step that of the next. It is computed when it is called, which
    counts as the panel's own time: a few milliseconds for a name in the default model. Raises
    UnknownTextError for a text outside the vocabulary."""
    documents: Sequence[str] = ()
    """The training documents, in the order in which the run learns from them; the same object at
    each drawing of one run. There may be millions."""
    encode: Callable[[str], list[int]] = field(default=_no_tokenizer, compare=False, repr=False)
    """The ids of a text as the model reads it: BOS, its tokens, BOS; cut to the context. Raises
    UnknownTextError."""


@runtime_checkable
class Panel(Protocol):
    """A picture made of lines of text, drawn anew as the run goes on."""

    def render(self, facts: PanelFacts, width: int, height: int) -> Sequence[str]:
        """At most `height` lines of plain text, never markup; a line longer than `width` cells is
        cut off. Drawing runs beside the training, so it must take less than 10 ms."""


# ---------------------------------------------------------------- exporters


class ExportError(Exception):
    """A run that cannot be exported. title: what happened; message: why, and what to do."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(f"{title}: {message}")
        self.title = title
        self.message = message


def _no_text() -> bytes:
    raise ExportError("The text is not known", "No copy of what the run learnt from was kept.")


@dataclass(frozen=True, slots=True)
class SourceText:
    """Where the documents of a run come from."""

    name: str
    """The name of the data set, "names", or of the text file."""
    path: str | None = None
    """The path of the text file, as it was given; None for a data set that reads none."""
    sha256: str = ""
    """Of the bytes of the text; "" if there is no text, or none is known."""
    size: int = 0
    """Bytes of the text."""
    plugin: str = ""
    """The plugin whose data set gave the documents; "" for a data set that is built in."""
    read: Callable[[], bytes] = field(default=_no_text, compare=False, repr=False)
    """Gives the bytes of the text as the run learnt from it, though the file may have changed.
    Raises ExportError."""


@dataclass(frozen=True, slots=True)
class RunData:
    """What a run learnt from, and how its model reads a text."""

    vocabulary: tuple[str, ...]
    """The display of each token, by id."""
    bos_id: int
    """The id of BOS, which stands at both ends of each document."""
    documents: Sequence[str]
    """The training documents, in the order in which the run learns from them. There may be
    millions."""
    held_out: Sequence[str]
    """The documents that are not trained on, in the order of the shuffle."""
    text: SourceText
    anatomy: Callable[[str | None], TextAnatomy] = field(
        default=_no_anatomy, compare=False, repr=False
    )
    """Gives a text as the model computes it with the exported weights, cut to the context; for None
    the document of the last step, before the first step that of the next. Raises UnknownTextError
    for a text outside the vocabulary, LookupError for an export without weights."""
    encode: Callable[[str], list[int]] = field(default=_no_tokenizer, compare=False, repr=False)
    """As in PanelFacts."""


def _no_data() -> RunData:
    raise ExportError(
        "The data of the run are not there",
        "This export was made from the record alone, without what the run learnt from.",
    )


@dataclass(frozen=True, slots=True)
class RunExport:
    """A run as it is taken elsewhere."""

    spec: Mapping[str, Any]
    """The RunSpec, as JSON values: the settings in force at `step`, but the learning rate and the
    engine of the run's start."""
    step: int
    losses: Sequence[float]
    """The losses of the steps `first_step`, `first_step` + 1, ..."""
    learning_rates: Sequence[float]
    first_step: int
    evaluations: Sequence[tuple[int, float]]
    """(step, hold-out loss) pairs, nats a token."""
    series: Mapping[str, Sequence[tuple[int, float]]]
    """Each metric's (step, value) pairs, by its name; the standard errors of the evaluations are
    named "held-out error"."""
    samples: Sequence[tuple[int, str]]
    """(step, text) pairs."""
    matrices: Mapping[str, tuple[int, int]]
    """(rows, columns) of each matrix, in the flat order."""
    weights: array[float]
    """All weights, flat, float64."""
    edits: Sequence[tuple[int, str]] = ()
    """(step, words) pairs of what was set, cut or held by hand after these steps."""
    history: Sequence[Mapping[str, Any]] = ()
    """All that changed while the run trained, in order, as JSON values: enough to make the run
    again. Each has "step", the steps that were done before it; "field", what changed; and "value",
    which is in force from there on. A setting of `spec` has its dotted name, "batch_size",
    "optimizer.learning_rate", and "schedule" with a value of "name" and "options"; at step 0 stand
    those that the run began with where `spec`, after a fork, has others. "surgery" is a list of
    {"component": "head:0.2", "values": [0.0]}: what these weights become after the step, one number
    for all of them or one for each, in the order of `microgpt.surgery.weights_of`. "hold" is such a
    list of weights that are put back to these values after each later step, until the next "hold";
    an empty list releases all. "unknown" means that the steps up to this one had settings that
    nobody knows any more, so that the run cannot be made again; "value" says why, in words."""
    precision: str = "float64"
    """The least exact numbers that an engine of the run computes with, as Contribution has it; ""
    if an engine is not there to be asked."""
    batches: Sequence[tuple[int, int]] = ()
    """(step, texts) of each batch of `samples`, in their order; empty if that is not known."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """How texts are sampled, as JSON values: "chain" (a list of "name", "options", "enabled"),
    "prompt", "count", "every" and "seed"; empty if that is not known."""
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    """The tokenizer's state_dict, as JSON values."""
    run_name: str = ""
    """The name that a person gave the recorded run; "" if none did."""
    how: str = ""
    """The command that trains this run again; "" if no one command does."""
    data: Callable[[], RunData] = field(default=_no_data, compare=False, repr=False)
    """Gives the data, the same object at each call. For a saved run the first call reads and
    encodes the data again, which takes seconds for a large text. Raises ExportError, which says why
    they cannot be had."""


@runtime_checkable
class Exporter(Protocol):
    """Writes a run to a file or folder, in a format that other programs read."""

    def export(self, run: RunExport, path: Path, progress: Progress) -> None:
        """Write the run, replacing what was at `path`. Raises ExportError or OSError."""
