"""The run that a fork begins from, and suggestions what to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playground.catalog import Catalog
from playground.lab.edits import Edits
from playground.tui.screens.settings import form as form
from playground.tui.widgets.text import fit, visible

if TYPE_CHECKING:
    from playground.tui.model import PlaygroundModel

RATE = "optimizer.learning_rate"
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Training", (RATE, "steps", "batch_size", "eval_every", "holdout")),
    ("Optimizer", ("optimizer.beta1", "optimizer.beta2", "optimizer.eps")),
    ("Run", ("seed",)),
    ("Model", ("model.n_embd", "model.n_head", "model.n_layer", "model.block_size")),
)
"""Every number of RunSpec, in the order of the form: what may change at any step comes first."""


@dataclass(frozen=True, slots=True)
class ForkSource:
    """A run that can be forked, open or recorded."""

    spec: str
    """RunSpec as JSON."""
    step: int
    """The step at which the run stands; a fork begins there unless the person types another."""
    earliest: int = 0
    latest: int = 0
    """The last step at which the run can be forked; `earliest` is the first."""
    edits: Edits = field(default_factory=Edits)
    """What was set by hand, as far as that is known."""
    catalog: Catalog | None = None
    name: str = ""
    """The name of the run for the heading; untrusted."""

    @classmethod
    def of(cls, model: PlaygroundModel) -> ForkSource:
        """The open run."""
        frame, info = model.frame, model.info
        if frame is None or info is None:
            return cls(info.spec if info else "{}", 0, catalog=model.catalog)
        return cls(
            info.spec,
            frame.step,
            frame.earliest,
            model.head,
            Edits.pairs([(frame.step, frame.base_learning_rate)], [(frame.step, model.engine)]),
            model.catalog,
        )

    def present(self, step: int) -> dict[str, Any]:
        """The settings in force at a step, by dotted field; {"name": ..., "options": {...}} for a
        schedule, tokenizer or data set."""
        from playground.lab.fork import with_edits
        from playground.lab.spec import RunSpec

        spec = RunSpec.parse(self.spec)
        rate = self.edits.rate_at(step, spec.optimizer.learning_rate)
        values = with_edits(spec.model_dump(), rate, self.edits.engine_at(step, spec.engine))
        names = [name for _, group in GROUPS for name in group]
        return {
            name: form.value_at(values, name)
            for name in (
                *names,
                "schedule",
                "tokenizer",
                "dataset",
                form.ENGINE,
                form.MODEL_PARTS,
                form.OPTIMIZER,
            )
        }


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing to change that teaches something."""

    words: str
    field: str
    value: Any
    from_start: bool = False
    """True if the field can change at step 0 alone."""
    why: str = ""


def suggestions(
    present: Mapping[str, Any], catalog: Catalog | None, step: int = 0
) -> list[Suggestion]:
    """A few changes from which a person learns something. step: where the run stands; at its end
    only more steps teach anything."""
    rate, seed, layers = present[RATE], present["seed"], present["model.n_layer"]
    found = []
    if step >= present["steps"] and 2 * step <= form.settings()["steps"].high:
        more = Suggestion(f"{2 * step:,} steps", "steps", 2 * step, why="Was the run too short?")
        found.append(more)
    found += [
        Suggestion("rate ×2", RATE, rate * 2, why="Is the learning rate too small?"),
        Suggestion("rate ÷2", RATE, rate / 2, why="Is the learning rate too large?"),
        Suggestion("another seed", "seed", seed + 1, why="How much of it is chance?"),
        Suggestion("one more layer", "model.n_layer", layers + 1, True, "Does depth help?"),
    ]
    there = present[form.MODEL_PARTS]
    if "attention" in there:
        blind = tuple(part for part in there if part != "attention")
        why = "What is attention worth?"
        found.append(Suggestion("no attention", form.MODEL_PARTS, blind, True, why))
    now = str(present["schedule"]["name"])
    other = next((name for name in ("cosine", "constant", "linear") if name != now), "")
    if catalog is not None and catalog.find("schedule", other):
        schedule = {"name": other, "options": {}}
        why = "Does it matter how the learning rate falls?"
        found.append(Suggestion(f"{other} schedule", "schedule", schedule, why=why))
    return found


_LABELS = {form.OPTIMIZER: "optimizer"}


def change_words(field: str, before: object, after: object) -> str:
    """A change in words: "learning rate 0.01 → 0.02"."""
    if field == form.MODEL_PARTS:
        return _value_of(field, after)
    known = form.settings().get(field)
    label = known.label if known is not None else _LABELS.get(field, field)
    return f"{label} {_value_words(before)} → {_value_words(after)}"


def _value_words(value: object) -> str:
    if isinstance(value, Mapping):
        options = " ".join(f"{key}={one}" for key, one in dict(value["options"]).items())
        return visible(f"{value['name']} {options}".strip()[:60])
    return fit(visible(form.written(value)), 40).rstrip()


def _value_of(field: str, value: object) -> str:
    from playground.lab.fork import value_words

    return value_words(field, value)


def fork_name(changes: Mapping[str, Any]) -> str:
    """A name for a fork with these changes: "learning rate 0.02, seed 43"."""
    known = form.settings()
    words = [
        f"{known[field].label if field in known else _LABELS.get(field, field)} "
        f"{_value_words(value)}"
        if field != form.MODEL_PARTS
        else _value_of(field, value)
        for field, value in changes.items()
    ]
    return ", ".join(words) or "unchanged"
