"""RunSpec: everything that determines a run, as a frozen value that JSON holds.

Two runs with the same RunSpec, the same plugin versions and the same data give the same losses,
step for step, on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from microgpt.config import (
    PARTS,
    ConfigError,
    ModelConfig,
    ModelPart,
    OptimizerConfig,
    OptimizerName,
)
from playground.hooks.refusals import LIMITS, NUMBERS, limit
from playground.strict import Refusal, parsed

JsonValue = bool | int | float | str | None

MAX_PARAMETERS = 50_000_000
MAX_VOCABULARY = 200_000
MAX_STEPS = 10_000_000
"""The most steps that a run may have."""
LONGEST = 1_000_000
"""Characters of the longest RunSpec as JSON."""

HoldoutBy = Literal["text", "row"]
"""How documents are held out. By "text": distinct texts, so that no held-out text is trained on. By
"row": rows, as runs did before RunSpec had this setting; a text that stands in two rows may be held
out and trained on."""


class SpecError(ValueError):
    """Settings that are refused. `problems` maps a dotted field ("model.n_embd") to a sentence."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {text}" for field, text in problems.items()))
        self.problems = dict(problems)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Choice(_Frozen):
    """A contribution by name, and the values of its knobs."""

    name: str
    options: dict[str, JsonValue] = {}


def setting(
    default: Any, *, label: str, help: str, ge: float, le: float, usual: tuple[float, float]
) -> Any:
    """One hyperparameter: `ge` and `le` are what is allowed, `usual` is what works."""
    extra: dict[str, Any] = {"usual": list(usual)}
    return Field(default, ge=ge, le=le, title=label, description=help, json_schema_extra=extra)


SGD_RATE = 0.3
"""A learning rate at which SGD trains the default model on names well. At 1 it diverges;
`tools/parts.py --rates` has the figures."""
SGD_USUAL = (0.03, 0.5)


class ModelSpec(_Frozen):
    """The shape of the GPT, all but the vocabulary, which the tokenizer decides."""

    n_embd: int = setting(
        16, ge=1, le=1024, usual=(8, 128), label="embedding width",
        help="numbers that stand for one token; a multiple of the heads",
    )  # fmt: skip
    n_head: int = setting(
        4, ge=1, le=64, usual=(1, 8), label="attention heads",
        help="ways of looking back at earlier tokens, side by side",
    )  # fmt: skip
    n_layer: int = setting(
        1, ge=1, le=24, usual=(1, 4), label="layers",
        help="transformer blocks, one after the other",
    )  # fmt: skip
    block_size: int = setting(
        16, ge=1, le=1024, usual=(8, 64), label="context length",
        help="the most tokens the model looks at; documents are cut to it",
    )  # fmt: skip
    parts: tuple[ModelPart, ...] = PARTS
    """The parts that the model has. What is left out is so from the start, and stays."""

    @field_validator("parts", mode="before")
    @classmethod
    def _as_a_tuple(cls, parts: Any) -> Any:
        return tuple(parts) if type(parts) is list else parts  # JSON has lists alone

    @field_validator("parts")
    @classmethod
    def _in_order(cls, parts: tuple[ModelPart, ...]) -> tuple[ModelPart, ...]:
        return tuple(part for part in PARTS if part in parts)

    @model_validator(mode="after")
    def _heads_divide_width(self) -> ModelSpec:
        self.config(1)
        return self

    def config(self, vocab_size: int) -> ModelConfig:
        """The model over a vocabulary. Raises ConfigError."""
        return ModelConfig(vocab_size, **self.model_dump())


class OptimizerSpec(_Frozen):
    """The optimizer, whose learning rate then follows the run's schedule, and its settings."""

    name: OptimizerName = "adam"
    learning_rate: float = setting(
        0.01, ge=0, le=1e12, usual=(0.0001, 0.1), label="learning rate",
        help="size of the first step; far above 0.1 training tears itself apart",
    )  # fmt: skip
    beta1: float = setting(
        0.85, ge=0, le=0.9999, usual=(0.8, 0.95), label="Adam beta1",
        help="how long the mean of the gradients remembers",
    )  # fmt: skip
    beta2: float = setting(
        0.99, ge=0, le=0.99999, usual=(0.95, 0.999), label="Adam beta2",
        help="how long the mean of their squares remembers",
    )  # fmt: skip
    eps: float = setting(
        1e-8, ge=1e-16, le=1, usual=(1e-9, 1e-6), label="Adam epsilon",
        help="keeps the division away from 0",
    )  # fmt: skip

    def config(self) -> OptimizerConfig:
        """The same settings for an engine."""
        return OptimizerConfig(**self.model_dump())


class RunSpec(_Frozen):
    """Everything that determines a run."""

    dataset: Choice = Choice(name="names")
    tokenizer: Choice = Choice(name="char")
    model: ModelSpec = ModelSpec()
    optimizer: OptimizerSpec = OptimizerSpec()
    schedule: Choice = Choice(name="linear")
    steps: int = setting(
        1000, ge=1, le=MAX_STEPS, usual=(100, 20_000), label="steps",
        help="optimizer updates in the whole run; the learning rate's schedule ends there",
    )  # fmt: skip
    batch_size: int = setting(
        1, ge=1, le=1024, usual=(1, 16), label="batch size",
        help="documents a step learns from at once",
    )  # fmt: skip
    seed: int = setting(
        42, ge=0, le=2**53, usual=(0, 2**53), label="seed",
        help="decides the order of the documents and the first weights",
    )  # fmt: skip
    holdout: float = setting(
        0.1, ge=0, le=0.9, usual=(0.0, 0.2), label="held out",
        help="share of the texts never trained on, to see what is learnt and not memorized",
    )  # fmt: skip
    holdout_by: HoldoutBy = "text"
    """A spec that was stored without this setting holds out by row, and so do forks of its run."""
    eval_every: int = setting(
        100, ge=0, le=10_000_000, usual=(50, 1000), label="hold-out loss every",
        help="steps between two looks at the held-out documents; 0 for never",
    )  # fmt: skip
    engine: Annotated[str, Field(min_length=1, max_length=80)] = "vector"

    @model_validator(mode="before")
    @classmethod
    def _as_stored(cls, values: Any, info: ValidationInfo) -> Any:
        # What is stored names every setting of its time; what names only some is a new run.
        stored = info.context is _STORED and isinstance(values, dict)
        if stored and values.keys() >= {"seed", "holdout", "steps"}:
            return {"holdout_by": "row", **values}
        return values

    @classmethod
    def parse(cls, values: Mapping[str, Any] | str) -> RunSpec:
        """From JSON text or a mapping, which may be of an earlier version. Raises SpecError with a
        sentence for each bad field."""
        try:
            if isinstance(values, str):
                return cls.model_validate_json(values, context=_STORED)
            return cls.model_validate(values, context=_STORED)
        except ValidationError as error:
            raise SpecError(explain(error)) from None

    @classmethod
    def recorded(cls, text: str) -> RunSpec:
        """From the JSON text of a file that somebody else, or an earlier version, may have written.
        Nothing is taken for what it is not, as true for 1. Raises SpecError as `parse` does."""
        try:
            parsed(text, "the JSON of the settings", most=LONGEST)
            return cls.model_validate_json(text, strict=True, context=_STORED)
        except Refusal as error:
            raise SpecError({"run": str(error)}) from None
        except ValidationError as error:
            raise SpecError(explain(error)) from None

    def to_json(self) -> str:
        """JSON that `parse` takes back to an equal RunSpec."""
        return self.model_dump_json()

    def replace(self, changes: Mapping[str, Any]) -> RunSpec:
        """A copy with some fields changed, named with dots: {"model.n_embd": 32}.

        Raises SpecError; this RunSpec stays as it is.
        """
        values = self.model_dump()
        for dotted, value in changes.items():
            *path, last = dotted.split(".")
            place = values
            for key in path:
                if not isinstance(place.get(key), dict):
                    raise SpecError({dotted: "there is no such setting"})
                place = place[key]
            if last not in place and path[-1:] != ["options"]:
                raise SpecError({dotted: "there is no such setting"})
            place[last] = value
        return RunSpec.parse(values)

    @classmethod
    def begun(cls, said: Mapping[str, Any]) -> RunSpec:
        """The spec of a new run with these settings, by dotted field; an optimizer that comes
        without a learning rate gets its usual one. Raises SpecError."""
        said = dict(said)
        usual = RATES.get(said.get(OPTIMIZER_FIELD, ""))
        if usual is not None:
            said.setdefault(RATE_FIELD, usual)
        return cls().replace(said)


_STORED = {"stored": True}
"""The context of a validation in which settings that are missing are those of earlier versions."""

RATES: Mapping[OptimizerName, float] = {"adam": 0.01, "sgd": SGD_RATE}
"""The learning rate that is proposed with each optimizer."""

RATE_FIELD, OPTIMIZER_FIELD, PARTS_FIELD = (
    "optimizer.learning_rate", "optimizer.name", "model.parts",
)  # fmt: skip

WITHOUT: Mapping[ModelPart, str] = {
    "attention": "each letter is predicted from the one before it and its place alone",
    "mlp": "the model can look back, and has no neurons to work on what it finds",
    "positions": "the model knows which letters came before, and not in which order",
    "norm": "nothing keeps the numbers of the stream at one size, and the loss may jump",
    "residual": "a block's output takes the place of the stream, instead of being added",
}
"""What leaving out a part means, as it follows "Without attention"."""

OPTIMIZER_WORDS: Mapping[OptimizerName, str] = {
    "adam": "each gradient is divided by its usual size, so that all weights take steps alike",
    "sgd": "each weight moves by learning rate times gradient, and nothing is remembered",
}
"""What an optimizer does."""

LIVE_FIELDS = frozenset({"optimizer.learning_rate", "engine"})
"""Settings that a running session takes at once; every other one needs a new run."""


def explain(error: ValidationError) -> dict[str, str]:
    """Each problem of a pydantic error as a sentence, by dotted field."""
    problems = {}
    for item in error.errors(include_url=False):
        field = ".".join(str(part) for part in item["loc"])
        context = item.get("ctx", {})
        cause = context.get("error")
        if isinstance(cause, ConfigError):
            field = f"{field}.{cause.field}" if field else cause.field
            text = cause.message
        else:
            text = _sentence(item)
        problems[field or "run"] = text
    return problems


def _bound(value: float) -> str:
    """A limit in full: a limit that is rounded up might name a value that is refused."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _sentence(details: ErrorDetails) -> str:
    kind = details["type"]
    shown = repr(details["input"])
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    if kind in LIMITS:
        return f"must be {limit(details, _bound)}, not {shown}"
    if kind in NUMBERS:
        return f"{NUMBERS[kind]}, not {shown}"
    if kind == "finite_number":
        return "must be finite"
    if kind == "extra_forbidden":
        return "there is no such setting"
    message = details["msg"]
    return message[:1].lower() + message[1:]
