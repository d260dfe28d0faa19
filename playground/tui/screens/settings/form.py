"""The settings of a run as data, without widgets: labels, ranges, parsing, nudging, what changed.

Ranges and words are RunSpec's own. Pydantic is imported when they are first asked for, not with
this module.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from playground.tui.widgets.slider_track import tidy
from playground.words import read_number

if TYPE_CHECKING:
    from pydantic import BaseModel

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Model", ("model.n_embd", "model.n_head", "model.n_layer", "model.block_size")),
    ("Training", ("steps", "batch_size", "optimizer.learning_rate")),
    ("Run", ("seed",)),
    (
        "Advanced",
        ("holdout", "eval_every", "optimizer.beta1", "optimizer.beta2", "optimizer.eps"),
    ),
)
"""Every number of RunSpec, in the order of the form."""
FOLDED = "Advanced"
"""The group that is folded up until it is opened."""
ENGINE = "engine"
OPTIMIZER = "optimizer.name"
RATE = "optimizer.learning_rate"
MOMENTS = ("optimizer.beta1", "optimizer.beta2", "optimizer.eps")
"""The settings of Adam that SGD has no use for."""
MODEL_PARTS = "model.parts"
SCHEDULE = "schedule"
SHAPE = "Model"
"""The group that the model's parts follow."""
SCHEDULED = "Training"
"""The group that has the rows of the optimizer and the schedule."""
LAST = "Run"
"""The group that has the engine's row."""

_STEPS = {"holdout": 0.05, "optimizer.beta1": 0.01, "optimizer.beta2": 0.001, "seed": 1.0,
          "fork step": 1.0}  # fmt: skip
"""What a nudge adds, by dotted field, where that is not a tenth of the number's size."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A number of RunSpec."""

    dotted: str
    """"model.n_embd", as in RunSpec.replace."""
    label: str
    help: str
    integer: bool
    low: float
    high: float
    usual: tuple[float, float]
    default: float

    @property
    def allowed_text(self) -> str:
        return f"{number(self.low)} to {number(self.high)}"

    @property
    def usual_text(self) -> str:
        """The range that works, in words; "" if it is the whole allowed range."""
        if self.usual == (self.low, self.high):
            return ""
        return f"usually {number(self.usual[0])} to {number(self.usual[1])}"

    def unusual(self, value: object) -> bool:
        """True for a number outside of the range that works."""
        return isinstance(value, (int, float)) and not self.usual[0] <= value <= self.usual[1]


@cache
def settings() -> dict[str, Setting]:
    """Every number of RunSpec, by dotted field."""
    from playground.lab.spec import ModelSpec, OptimizerSpec, RunSpec

    parts: dict[str, type[BaseModel]] = {
        "": RunSpec,
        "model": ModelSpec,
        "optimizer": OptimizerSpec,
    }
    found = {}
    for _, dotted_names in GROUPS:
        for dotted in dotted_names:
            part, _, name = dotted.rpartition(".")
            info = parts[part].model_fields[name]
            ends: dict[str, float] = {}
            for limit in info.metadata:
                for end in ("ge", "le"):
                    if getattr(limit, end, None) is not None:
                        ends[end] = getattr(limit, end)
            extra: Any = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            low, high = ends.get("ge", -math.inf), ends.get("le", math.inf)
            usual = extra.get("usual", (low, high))
            found[dotted] = Setting(
                dotted,
                info.title or name.replace("_", " "),
                info.description or "",
                info.annotation is int,
                low,
                high,
                (usual[0], usual[1]),
                info.default,
            )
    return found


def rate_setting(optimizer: str) -> Setting:
    """The learning rate, whose usual range is another one with SGD."""
    from playground.lab.spec import SGD_USUAL

    rate = settings()[RATE]
    if optimizer != "sgd":
        return rate
    words = "size of the first step; SGD takes larger ones than Adam, and diverges from about 1 on"
    return replace(rate, usual=SGD_USUAL, help=words)


def number(value: float) -> str:
    """A number as a range shows it: 10,000,000, 0.05, 1e-8, 1e12."""
    if value == int(value) and abs(value) < 1e11:
        return f"{int(value):,}"
    if isinstance(value, int) or abs(value) == 2**53:
        return "2^53" if value == 2**53 else f"{value:,}"
    return tidy(f"{value:.6g}").replace("e+", "e")


def written(value: object) -> str:
    """A value as its field shows it, ready to be edited."""
    if isinstance(value, float):
        short = f"{value:g}"
        if abs(value) >= 1e6 and float(short) == value:  # short enough for the field
            return tidy(short).replace("e+", "e")
        return tidy(repr(value).removesuffix(".0")).replace("e+", "e")
    return str(value)


def parsed(setting: Setting, text: str) -> object:
    """The typed text as a number; the text itself if it cannot be read, which `unread` explains.

    1_000, 1,000 and 1e3 are whole numbers as well.
    """
    try:
        return read_number(text, whole=setting.integer)
    except ValueError:
        return text.strip()


def unread(setting: Setting, text: str) -> str:
    """A sentence for a text that `parsed` cannot read as a number; "" for a number."""
    try:
        read_number(text, whole=setting.integer)
    except ValueError as error:
        wanted = "a whole number" if setting.integer else "a number"
        shown = repr(text if len(text) <= 40 else f"{text[:39]}…")
        return f"must be {wanted}, not {shown}{error}"
    return ""


def nudged(setting: Setting, value: object, direction: int, model: Mapping[str, object]) -> object:
    """The next sensible value up (1) or down (-1), within the allowed range.

    model: the typed values by dotted field. n_embd moves by multiples of n_head, and n_head among
    the divisors of n_embd, so that the two still fit after a nudge.
    """
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return setting.default
    heads, width = model.get("model.n_head"), model.get("model.n_embd")
    if setting.dotted == "model.n_embd" and isinstance(heads, int) and heads > 0:
        at = value // heads if direction > 0 or value % heads == 0 else value // heads + 1
        return _within(setting, max(heads, (at + direction) * heads), heads)
    if setting.dotted == "model.n_head" and isinstance(width, int) and width > 0:
        fits = [n for n in range(1, int(setting.high) + 1) if width % n == 0]
        beyond = [n for n in fits if (n - value) * direction > 0]
        return (min(beyond) if direction > 0 else max(beyond)) if beyond else value
    step = _STEPS.get(setting.dotted)
    if step is None and not setting.integer:  # orders of magnitude: 0.01, 0.02, 0.05, 0.1
        return _within(setting, _one_two_five(float(value), direction, setting.low))
    if step is None:  # a tenth of the number's size: 1000, 1100; 990 on the way down
        near = value if direction > 0 else value - 1
        step = 10.0 ** max(0, len(str(int(near))) - 2) if near >= 100 else 1.0
    place = value / step
    stop = math.floor(place + 1e-6) + 1 if direction > 0 else math.ceil(place - 1e-6) - 1
    return _within(setting, round(stop * step, 9))


def fitting(setting: Setting, value: float, model: Mapping[str, object]) -> object:
    """The value nearest to the wanted one at which n_embd and n_head still fit each other."""
    heads, width = model.get("model.n_head"), model.get("model.n_embd")
    if setting.dotted == "model.n_embd" and isinstance(heads, int) and heads > 0:
        return _within(setting, max(heads, round(value / heads) * heads), heads)
    if setting.dotted == "model.n_head" and isinstance(width, int) and width > 0:
        fits = [n for n in range(1, int(setting.high) + 1) if width % n == 0]
        return min(fits, key=lambda n: abs(n - value)) if fits else _within(setting, value)
    return _within(setting, value)


def _one_two_five(value: float, direction: int, low: float) -> float:
    ladder = [m * 10.0**e for e in range(-17, 14) for m in (1, 2, 5)]
    ladder = [float(f"{rung:.0e}") for rung in ladder]
    if direction > 0:
        return next((rung for rung in ladder if rung > value * (1 + 1e-9)), ladder[-1])
    return next((rung for rung in reversed(ladder) if rung < value * (1 - 1e-9)), low)


def _within(setting: Setting, value: float, multiple: int = 1) -> object:
    value = min(max(value, setting.low), setting.high)
    if setting.integer:
        return int(value) - int(value) % multiple
    return value


def value_at(values: Mapping[str, Any], dotted: str) -> Any:
    """The value of a dotted field in RunSpec's JSON."""
    place: Any = values
    for key in dotted.split("."):
        place = place[key]
    return place


def changed(
    typed: Mapping[str, Any], present: Mapping[str, Any], spec: Mapping[str, Any]
) -> dict[str, Any]:
    """The typed values that are not the present ones, by dotted field.

    present: the values in force, changes while running included; spec: the values that the run was
    opened with. A run that starts anew starts from its spec, so changes made while running are
    added to the others.
    """
    from playground.lab.spec import LIVE_FIELDS

    changes = {name: value for name, value in typed.items() if value != present[name]}
    if not set(changes) <= LIVE_FIELDS:
        for name in LIVE_FIELDS:
            if name in typed and typed[name] != spec.get(name):
                changes[name] = typed[name]
    return changes


def consequence(changes: Mapping[str, Any], names: Mapping[str, str], step: int) -> str:
    """A sentence or two on what applying the changes means. names: labels by dotted field."""
    from playground.lab.spec import LIVE_FIELDS

    if not changes:
        return "Nothing is changed yet."
    live = [names.get(name, name) for name in changes if name in LIVE_FIELDS]
    anew = [name for name in changes if name not in LIVE_FIELDS]
    if not anew:
        return f"Applies at once, to the run that is open: {', '.join(live)}."
    count = len(changes)
    starts = "1 change starts" if count == 1 else f"{count} changes start"
    kept = "; u brings the present run back" if step else ""
    return f"{starts} the run anew at step 0{kept}."
