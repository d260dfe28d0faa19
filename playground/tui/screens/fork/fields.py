"""What a fork is made of, as a form sees it: the run, its settings, what may change where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from typing_extensions import override

from playground.catalog import Catalog, Entry, Kind
from playground.tui.screens.dialog import MUTED, Line
from playground.tui.screens.pick.knobform import KnobForm
from playground.tui.screens.settings import form as form
from playground.tui.screens.settings.screen import LABEL, Field, RowChoice
from playground.tui.widgets.control import Choice
from playground.tui.widgets.text import fit, visible

if TYPE_CHECKING:
    from playground.tui.model import PlaygroundModel

T = TypeVar("T")

RATE = "optimizer.learning_rate"
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Training", (RATE, "steps", "batch_size", "eval_every", "holdout")),
    ("Adam", ("optimizer.beta1", "optimizer.beta2", "optimizer.eps")),
    ("Run", ("seed",)),
    ("Model", ("model.n_embd", "model.n_head", "model.n_layer", "model.block_size")),
)
"""What may change at any step comes first."""


@dataclass(frozen=True, slots=True)
class ForkSource:
    """A run that may be forked, open or stored."""

    spec: str
    """RunSpec as JSON."""
    step: int
    """Where it stands: where a fork begins unless another step is asked for."""
    earliest: int = 0
    latest: int = 0
    """The last step that it may be forked at."""
    edits: tuple[tuple[int, float], ...] = ()
    """(step, base learning rate): what was set by hand, as far as that is known."""
    engines: tuple[tuple[int, str], ...] = ()
    """(step, engine) that took over."""
    catalog: Catalog | None = None
    name: str = ""
    """What the run is called, in the heading; untrusted."""

    @classmethod
    def of(cls, model: PlaygroundModel) -> ForkSource:
        """The run that is open."""
        frame, info = model.frame, model.info
        if frame is None or info is None:
            return cls(info.spec if info else "{}", 0, catalog=model.catalog)
        return cls(
            info.spec,
            frame.step,
            frame.earliest,
            model.head,
            ((frame.step, frame.base_learning_rate),),
            ((frame.step, model.engine),),
            model.catalog,
        )

    def present(self, step: int) -> dict[str, Any]:
        """Each setting as it is at `step`, by dotted field; {"name", "options"} for what is
        contributed."""
        from playground.lab.spec import RunSpec

        values = RunSpec.parse(self.spec).model_dump()
        names = [name for _, group in GROUPS for name in group]
        found = {
            name: form.value_at(values, name)
            for name in (*names, "schedule", "tokenizer", "dataset", form.ENGINE)
        }
        found[RATE] = _at(self.edits, step, found[RATE])
        found[form.ENGINE] = _at(self.engines, step, found[form.ENGINE])
        return found


def _at(made: Iterable[tuple[int, T]], step: int, first: T) -> T:
    return max(((at, value) for at, value in made if at <= step), default=(0, first))[1]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing to change that teaches something."""

    words: str
    field: str
    value: Any
    from_start: bool = False
    """It can only be changed before the first step."""
    why: str = ""


def suggestions(present: Mapping[str, Any], catalog: Catalog | None) -> list[Suggestion]:
    """A few good questions to ask of a run."""
    rate, seed, layers = present[RATE], present["seed"], present["model.n_layer"]
    found = [
        Suggestion("rate ×2", RATE, rate * 2, why="Is the learning rate too small?"),
        Suggestion("rate ÷2", RATE, rate / 2, why="Is the learning rate too large?"),
        Suggestion("another seed", "seed", seed + 1, why="How much of it is chance?"),
        Suggestion("one more layer", "model.n_layer", layers + 1, True, "Does depth help?"),
    ]
    now = str(present["schedule"]["name"])
    other = next((name for name in ("cosine", "constant", "linear") if name != now), "")
    if catalog is not None and catalog.find("schedule", other):
        schedule = {"name": other, "options": {}}
        why = "Does it matter how the learning rate falls?"
        found.append(Suggestion(f"{other} schedule", "schedule", schedule, why=why))
    return found


class ForkField(Field):
    """A number that may be locked, with the reason in the place of its range."""

    _locked = ""
    _typed: str | None = None

    def hold(self, reason: str) -> None:
        """Take it out of play, or back in for ""; what was typed comes back with it."""
        if reason and not self._locked:
            self._typed = self.input.value
            self.input.value = form.written(self._present)
        elif self._locked and not reason and self._typed is not None:
            self.input.value, self._typed = self._typed, None
        self._locked = reason
        self.input.disabled = bool(reason)
        self.show("")

    def now(self, present: object) -> None:
        """What it is at another step; a field that was not touched follows."""
        if self.value == self._present:
            self.input.value = form.written(present)
        self._present = present

    def put(self, value: object) -> None:
        self.input.value = form.written(value)

    @override
    def show(self, problem: str) -> None:
        if self._locked:
            self.problem.say("")
            short, _, _ = self._locked.partition(":")
            room = self._range.size.width or len(self._locked)
            words = self._locked if len(self._locked) <= room else short
            self._range.update(Content.styled(words, MUTED))
        else:
            super().show(problem)


class Contributed(Vertical):
    """Which contribution of a kind, and its knobs. `value` is what RunSpec holds."""

    DEFAULT_CSS = """
    Contributed { height: auto; }
    Contributed KnobForm { margin: 0 0 0 2; }
    Contributed .contributed-why { margin: 0 0 0 23; color: $text-muted; }
    """

    class Changed(Message):
        """Another one was chosen, or a knob was turned."""

    def __init__(
        self,
        kind: Kind,
        label: str,
        names: list[str],
        present: Mapping[str, Any],
        find: Callable[[str], Entry | None],
    ) -> None:
        super().__init__(name=kind)
        self._present, self._find = dict(present), find
        self.choice = RowChoice(label, names, str(present["name"]), label_width=LABEL, name=kind)
        self.knobs = KnobForm(notes=False)
        self.knobs.display = False
        self._why = Line(classes="contributed-why")

    def compose(self) -> Iterable[Widget]:
        yield self.choice
        yield self._why
        yield self.knobs

    async def on_mount(self) -> None:
        await self._show()

    async def _show(self) -> None:
        entry = self._find(self.choice.value or "")
        same = self.choice.value == self._present["name"]
        controls = entry.controls if entry is not None else ()
        if controls or self.knobs.options:
            await self.knobs.show(controls, self._present["options"] if same else {})

    def hold(self, reason: str) -> None:
        """Take it out of play, or back in for ""."""
        self.choice.disabled = self.knobs.disabled = bool(reason)
        self._why.say(reason)

    async def put(self, name: str) -> None:
        """Choose it."""
        self.choice.set_value(name)
        await self._show()

    @property
    def value(self) -> dict[str, Any]:
        """The very same as at first if nothing was turned."""
        present, options = self._present, self.knobs.options
        name = self.choice.value or str(present["name"])
        if self.choice.disabled:
            return present
        if name != present["name"]:
            return {"name": name, "options": self.knobs.changed()}
        before = {**_defaults(self._find(name)), **present["options"]}
        if all(before.get(key) == value for key, value in options.items()):
            return present
        return {"name": name, "options": {**present["options"], **self.knobs.changed()}}

    @property
    def words(self) -> str:
        """Which it is, for a sentence."""
        return visible(str(self.value["name"]))

    async def on_choice_changed(self, event: Choice.Changed) -> None:
        if event.choice is self.choice:
            event.stop()
            await self._show()
            self.post_message(self.Changed())

    def on_knob_form_changed(self, event: KnobForm.Changed) -> None:
        event.stop()
        self.post_message(self.Changed())


def _defaults(entry: Entry | None) -> dict[str, Any]:
    return {one.name: one.default for one in entry.controls} if entry is not None else {}


def change_words(field: str, before: object, after: object) -> str:
    """`learning rate 0.01 → 0.02`."""
    known = form.settings().get(field)
    label = known.label if known is not None else field
    return f"{label} {_value_words(before)} → {_value_words(after)}"


def _value_words(value: object) -> str:
    if isinstance(value, Mapping):
        options = " ".join(f"{key}={one}" for key, one in dict(value["options"]).items())
        return visible(f"{value['name']} {options}".strip()[:60])
    return fit(visible(form.written(value)), 40).rstrip()


def fork_name(changes: Mapping[str, Any]) -> str:
    """What to call a fork with these changes: `learning rate 0.02, seed 43`."""
    known = form.settings()
    words = [
        f"{known[field].label if field in known else field} {_value_words(value)}"
        for field, value in changes.items()
    ]
    return ", ".join(words) or "unchanged"
