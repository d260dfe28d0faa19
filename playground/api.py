"""All that a plugin author imports.

A plugin is a module with one or more hook functions. A hook *declares* what there is, as
`Contribution`s; the objects that the contributions make *do* the work:

    from playground.api import Contribution, Knob, Knobs, hookimpl

    class ColdKnobs(Knobs):
        power: float = Knob(2.0, ge=1, le=10, step=0.5, neutral=1.0, help="logits times this")

    class Cold:
        def __init__(self, knobs: ColdKnobs) -> None:
            self.power = knobs.power

        def transform(self, logits, context):
            return [value * self.power for value in logits]

    @hookimpl
    def microgpt_sampling_strategies():
        yield Contribution(name="cold", summary="sharpen", factory=Cold, knobs=ColdKnobs)

Everything here is stable within one API_VERSION. Plugins are Python code, run with the rights
of the person who starts the playground.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar, get_args, get_origin, runtime_checkable

import pluggy
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from microgpt.engine import (
    BulkEngine,
    Decoder,
    Engine,
    EngineFactory,
    PreparedEngine,
    Progress,
    Steps,
)
from microgpt.tokenizer import UnknownTextError
from playground.catalog import Control, ControlKind, KnobValue

__all__ = [
    "API_VERSION",
    "BulkEngine",
    "Contribution",
    "Control",
    "Dataset",
    "DatasetError",
    "Decoder",
    "Engine",
    "EngineFactory",
    "Knob",
    "KnobValue",
    "Knobs",
    "PickStrategy",
    "PreparedEngine",
    "Progress",
    "Provenance",
    "SampleContext",
    "Steps",
    "Strategy",
    "Tokenizer",
    "TransformStrategy",
    "UnknownTextError",
    "controls",
    "hookimpl",
    "hookspec",
]

API_VERSION = 1
"""Grows when a plugin written for an older version may have to change."""

PROJECT_NAME = "microgpt_play"
"""pluggy's project name, and the entry-point group of installed plugins."""

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)


# ---------------------------------------------------------------- knobs


class Knobs(BaseModel):
    """The parameters of a contribution: subclass it, one `Knob` a field.

    Frozen; unknown names are refused; values are validated against the declared range wherever
    they come from (a slider, the command line, a saved run).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def Knob(
    default: Any,
    *,
    ge: float | None = None,
    le: float | None = None,
    step: float | None = None,
    unit: str = "",
    neutral: KnobValue = None,
    label: str = "",
    log: bool = False,
    follows: str = "",
    help: str = "",
) -> Any:
    """Declare one parameter.

    default: the value when nothing is said.
    ge, le: the ends of its range, both allowed; numbers need both to be drawn as a slider.
    step: what one key press adds; a hundredth of the range if not given.
    neutral: the value at which the parameter has no effect, shown as "off".
    log: for values that span orders of magnitude: key presses multiply.
    follows: "block_size", "n_embd", ...: while at neutral it takes that setting of the model.
    help: one sentence.
    """
    extra: dict[str, Any] = {
        "step": step,
        "unit": unit,
        "neutral": neutral,
        "label": label,
        "log": log,
        "follows": follows,
    }
    return Field(default, ge=ge, le=le, description=help, json_schema_extra={"knob": extra})


def controls(knobs: type[Knobs] | None) -> tuple[Control, ...]:
    """What a screen draws for these knobs, in the order of declaration.

    bool becomes a switch, Literal[...] of strings a choice, a number with both ends a slider,
    anything else a line of text.
    """
    if knobs is None:
        return ()
    return tuple(_control(name, info) for name, info in knobs.model_fields.items())


def _control(name: str, info: FieldInfo) -> Control:
    schema_extra = info.json_schema_extra
    extra: dict[str, Any] = {}
    if isinstance(schema_extra, dict) and isinstance(schema_extra.get("knob"), dict):
        extra = dict(schema_extra["knob"])  # type: ignore[arg-type]
    bounds = {"ge": None, "gt": None, "le": None, "lt": None}
    for constraint in info.metadata:
        for key in bounds:
            value = getattr(constraint, key, None)
            if value is not None:
                bounds[key] = value
    minimum = bounds["ge"] if bounds["ge"] is not None else bounds["gt"]
    maximum = bounds["le"] if bounds["le"] is not None else bounds["lt"]
    choices: tuple[str, ...] = ()
    kind: ControlKind = "text"
    integer = info.annotation is int
    if info.annotation is bool:
        kind = "switch"
    elif get_origin(info.annotation) is Literal:
        kind, choices = "choice", tuple(str(choice) for choice in get_args(info.annotation))
    elif info.annotation in (int, float) and minimum is not None and maximum is not None:
        kind = "slider"
    step = extra.get("step")
    if kind == "slider" and step is None:
        step = 1 if integer else (maximum - minimum) / 100  # type: ignore[operator]
    return Control(
        name=name,
        label=extra.get("label") or name.replace("_", " "),
        kind=kind,
        default=info.get_default(),
        minimum=minimum,
        maximum=maximum,
        step=step,
        integer=integer,
        unit=extra.get("unit", ""),
        neutral=extra.get("neutral"),
        choices=choices,
        log=bool(extra.get("log")),
        follows=extra.get("follows", ""),
        help=info.description or "",
    )


# ---------------------------------------------------------------- contributions

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Contribution(Generic[T_co]):
    """What a hook yields: something there is, and how to make it."""

    name: str
    """Short, lower case, words joined by hyphens: "min-p". Unique within its plugin."""
    summary: str
    """One line for lists and pickers; plain text, never markup."""
    factory: Callable[..., T_co]
    """Called as factory(knobs) if `knobs` is declared, else as factory(). Engines: see
    EngineFactory."""
    knobs: type[Knobs] | None = None
    requires: tuple[str, ...] = ()
    """Modules that `factory` imports and that may be missing: ("numpy",). They are looked for,
    not imported; without them the contribution is listed together with what it lacks."""


# ---------------------------------------------------------------- tokenizers


@runtime_checkable
class Tokenizer(Protocol):
    """Text to token ids and back. Deterministic: the same documents give the same ids."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens, BOS included; ids are 0 <= id < vocab_size."""

    @property
    def bos_id(self) -> int:
        """The token that begins and ends every document; never produced by `encode`."""

    def train(self, documents: Iterable[str]) -> None:
        """Build the vocabulary. Called once, before anything else or load_state_dict."""

    def encode(self, text: str) -> list[int]:
        """Token ids of text, without BOS. Raises UnknownTextError naming the character and
        its place for text outside the vocabulary; it never guesses."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; decode(encode(text)) == text. BOS is left out."""

    def display(self, token_id: int) -> str:
        """A short printable name of one token, for the screen."""

    def state_dict(self) -> Mapping[str, Any]:
        """All that training made, as JSON values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the place of `train`, from what state_dict gave."""


# ---------------------------------------------------------------- data sets


class DatasetError(Exception):
    """A data set that cannot be had. title: what happened; message: why, and what to do."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(f"{title}: {message}")
        self.title = title
        self.message = message


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a data set comes from, shown beside it."""

    source: str
    """Who made it, where and when, in words; a file's path for the user's own."""
    licence: str
    """"public domain", an SPDX identifier, or "the user's own"."""
    sha256: str = ""
    """Of the bytes as they lie on disk; empty if not known before `prepare`."""


@runtime_checkable
class Dataset(Protocol):
    """A stream of documents."""

    @property
    def provenance(self) -> Provenance:
        """Licence, source, checksum."""

    def prepare(self, cache: Path, progress: Progress) -> None:
        """Whatever must happen first: reading, unpacking, and the only place for network.

        cache: a folder of this data set's own that stays. Raises DatasetError.
        """

    def documents(self) -> Iterator[str]:
        """A fresh iterator over the documents, the same each time. None is empty."""

    def count(self) -> int | None:
        """How many documents there are; None if only a pass would tell."""


# ---------------------------------------------------------------- sampling strategies


@dataclass(frozen=True, slots=True)
class SampleContext:
    """What a strategy may look at while one token is chosen."""

    tokens: tuple[int, ...]
    """The text so far as ids: BOS, the prompt, what was generated. Never empty."""
    prompt_length: int
    """How many of `tokens` were given: BOS and the prompt."""
    bos_id: int
    vocab_size: int
    block_size: int
    step: int
    """Training steps done by the model."""
    rng: random.Random = field(compare=False, repr=False)
    """The only source of randomness."""


@runtime_checkable
class TransformStrategy(Protocol):
    """A link in the chain: logits in, logits out."""

    def transform(self, logits: Sequence[float], context: SampleContext) -> Sequence[float]:
        """New logits (vocab_size), -inf for tokens ruled out. The argument is not changed.
        At least one logit stays above -inf; none is NaN."""


@runtime_checkable
class PickStrategy(Protocol):
    """The last link: it chooses the token."""

    def pick(self, probs: Sequence[float], context: SampleContext) -> int:
        """The id of the next token. probs (vocab_size) sum to 1; randomness only from
        context.rng."""


Strategy = TransformStrategy | PickStrategy
