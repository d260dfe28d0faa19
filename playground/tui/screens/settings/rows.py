"""The rows of a form as data, without widgets: what each holds, how it changes, what stands beside.

A row knows nothing of the screen. row_sheet.py draws rows, and run_form.py reads their values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.catalog import Control, Entry, Kind, KnobValue
from playground.tui.knobs import as_declared
from playground.tui.screens.settings import form as form
from playground.tui.screens.settings.form import Setting
from playground.tui.widgets.slider_track import Track
from playground.tui.widgets.text import visible
from playground.words import read_number

Values = Mapping[str, Any]
DECADES = 50
"""From this ratio of its ends on, a usual range is drawn on a logarithmic track."""


class Row:
    """One line of a form. `change` is what space and the arrows left and right do."""

    stands = True
    """True if the cursor can stand on the row."""
    typed = False
    """True if the row's `text` is typed into a field."""
    box = 10
    """Cells of the field."""

    def __init__(self, name: str, label: str) -> None:
        self.name, self.label = name, label
        self.text = ""
        self.problem = ""
        """A sentence under the row; "" if nothing is wrong."""
        self.locked = ""
        """Why the row cannot change; "" if it can."""
        self.on_change: Callable[[], None] | None = None
        """Called when `change` took effect."""

    @property
    def can_stand(self) -> bool:
        return self.stands and not self.locked

    def change(self, direction: int, values: Values) -> None:
        """Go to the next value up (1) or down (-1). values: those of all rows, by name."""

    def press(self) -> None:
        """What space does."""
        self.change(1, {})

    def type(self, text: str) -> None:
        """Take a typed text."""
        self.text = text

    @property
    def track(self) -> tuple[Track, float] | None:
        """The track of a slider, and the value on it; None if the row has none."""
        return None

    def slide(self, fraction: float, values: Values) -> None:
        """Take the value at this part of the track, 0 to 1."""


class Title(Row):
    """The heading of a group."""

    stands = False

    def __init__(self, label: str) -> None:
        super().__init__(f"title {label}", label)


class Fold(Row):
    """The heading of a group that is folded up until it is opened."""

    def __init__(self, label: str, rows: Sequence[Row], told: Callable[[], str]) -> None:
        """told: what the folded row says of the rows in it."""
        super().__init__(f"fold {label}", label)
        self.rows, self._told = tuple(rows), told
        self.open = False

    @property
    def told(self) -> str:
        return "" if self.open else self._told()

    def change(self, direction: int, values: Values) -> None:  # noqa: ARG002
        self.open = direction > 0

    def press(self) -> None:
        self.open = not self.open


class NumberRow(Row):
    """A number of a RunSpec."""

    typed = True

    def __init__(self, setting: Setting, present: object) -> None:
        super().__init__(setting.dotted, setting.label)
        self.setting, self.present = setting, present
        self.text = form.written(present)
        self._kept: str | None = None

    @property
    def value(self) -> object:
        """The typed number; the typed text if it is no number."""
        return form.parsed(self.setting, self.text)

    def put(self, value: object) -> None:
        self.text = form.written(value)

    def change(self, direction: int, values: Values) -> None:
        self.put(form.nudged(self.setting, self.value, direction, values))

    def press(self) -> None:
        """A space is no part of a number."""

    def hold(self, reason: str) -> None:
        """Lock the row for a reason, or unlock it for "". A locked row shows the present value;
        what was typed before comes back when the row is unlocked."""
        if reason and not self.locked:
            self._kept = self.text
            self.put(self.present)
        elif self.locked and not reason and self._kept is not None:
            self.text, self._kept = self._kept, None
        self.locked = reason

    def now(self, present: object) -> None:
        """Take the present value at another step; a row that was not changed shows that value."""
        if self.value == self.present:
            self.put(present)
        self.present = present

    @property
    def track(self) -> tuple[Track, float] | None:
        setting, value = self.setting, self.value
        if not setting.usual_text or not isinstance(value, (int, float)):
            return None
        low, high = setting.usual
        if low > 0 and high / low >= DECADES:
            return Track(low, high, 0.1, "log", setting.integer), float(value)
        step = 1.0 if setting.integer else (high - low) / 20
        return Track(low, high, step, "linear", setting.integer), float(value)

    def slide(self, fraction: float, values: Values) -> None:
        if self.track is None:
            return
        wanted = self.track[0].at(fraction)
        self.put(form.fitting(self.setting, wanted, values))

    def aside(self, room: int) -> list[tuple[str, str]]:
        """What stands beside the number, in pieces with the ink of each."""
        setting, value = self.setting, self.value
        if self.locked:
            return [(self.locked if len(self.locked) <= room else self.locked.split(":")[0], "")]
        was = f"was {form.written(self.present)}" if value != self.present else ""
        usual = setting.usual_text
        pieces = [(was, "changed")] if was else []
        if usual and setting.unusual(value) and not self.problem:
            pieces.append((f"! {usual}", "warn"))
        elif not was or (usual and room > 40):
            pieces.append((usual or setting.allowed_text, ""))
        if sum(len(text) + 2 for text, _ in pieces) - 2 > room:  # there is room for one of the two
            pieces = pieces[-1:]
        return pieces


class ChoiceRow(Row):
    """One of several names."""

    def __init__(self, kind: str, label: str, names: Sequence[str], chosen: str) -> None:
        super().__init__(kind, label)
        self.names, self.chosen = tuple(names), chosen

    def pick(self, name: str) -> None:
        """Choose a name; another name than the row's is ignored."""
        if name in self.names and name != self.chosen:
            self.chosen = name
            if self.on_change is not None:
                self.on_change()

    def change(self, direction: int, values: Values) -> None:  # noqa: ARG002
        if self.names:
            at = self.names.index(self.chosen) if self.chosen in self.names else 0
            self.pick(self.names[(at + direction) % len(self.names)])


class WordRow(ChoiceRow):
    """One of several words that are no contributions, each with a sentence."""

    def __init__(
        self, name: str, label: str, words: Sequence[str], present: str, told: Callable[[str], str]
    ) -> None:
        """told: the sentence about a word."""
        super().__init__(name, label, words, present)
        self.told = told
        self._present, self._kept = present, present

    def hold(self, reason: str) -> None:
        """Lock the row for a reason, or unlock it for "". A locked row stands at the present word;
        what was chosen before comes back when the row is unlocked."""
        if reason and not self.locked:
            self._kept, self.chosen = self.chosen, self._present
        elif self.locked and not reason:
            self.chosen = self._kept
        self.locked = reason


class KnobRow(Row):
    """A knob of the contribution that the row above chooses."""

    def __init__(self, owner: str, control: Control, value: KnobValue) -> None:
        super().__init__(f"{owner}:{control.name}", f"  {visible(control.label)}")
        self.control, self.value = control, value
        self.typed = control.kind in ("slider", "text")
        if control.kind == "text":
            self.box = 40
        self.text = self._written()

    def _written(self) -> str:
        if self.control.kind == "slider" and isinstance(self.value, (int, float)):
            return form.written(round(self.value) if self.control.integer else self.value)
        return "" if self.value is None else str(self.value)

    def put(self, value: KnobValue) -> None:
        self.value, self.problem = value, ""
        self.text = self._written()

    def type(self, text: str) -> None:
        self.text = text
        control = self.control
        if control.kind != "slider":
            self.value = as_declared(control, text)
            return
        value, self.problem = typed_slider(control, text)
        if value is not None:
            self.value = value

    @property
    def words(self) -> str:
        """The value of a knob that is not typed."""
        if self.control.kind == "switch":
            return "on" if self.value else "off"
        return visible(str(self.value))

    def change(self, direction: int, values: Values) -> None:  # noqa: ARG002
        control = self.control
        if control.kind == "switch":
            self.put(not self.value)
        elif control.kind == "choice" and control.choices:
            at = control.choices.index(self.value) if self.value in control.choices else 0
            self.put(control.choices[(at + direction) % len(control.choices)])
        elif self.track is not None:
            track, value = self.track
            off = control.neutral if isinstance(control.neutral, (int, float)) else None
            self._number(track.press(value, direction, off))

    def press(self) -> None:
        if not self.typed:
            self.change(1, {})

    def _number(self, value: float) -> None:
        self.put(round(value) if self.control.integer else value)

    @property
    def track(self) -> tuple[Track, float] | None:
        control = self.control
        if control.kind != "slider" or control.minimum is None or control.maximum is None:
            return None
        log = control.log and control.minimum > 0
        step = 0.1 if log else control.step or (1.0 if control.integer else None)
        step = step or (control.maximum - control.minimum) / 100 or 1.0
        value = self.value if isinstance(self.value, (int, float)) else control.minimum
        scale: Any = "log" if log else "linear"
        track = Track(control.minimum, control.maximum, step, scale, control.integer)
        return track, float(value)

    def slide(self, fraction: float, values: Values) -> None:  # noqa: ARG002
        if self.track is not None:
            self._number(self.track[0].at(fraction))

    @property
    def unit(self) -> str:
        """What stands behind the number: its unit, or what a value without effect means."""
        control = self.control
        if control.neutral is not None and self.value == control.neutral:
            return f"= {visible(control.follows)}" if control.follows else "off"
        return visible(control.unit).strip()


def typed_slider(control: Control, text: str) -> tuple[KnobValue, str]:
    """The number that was typed for a knob, None with a sentence if it cannot be taken."""
    if not text.strip():
        return None, "type a number"
    shown = text if len(text) <= 20 else f"{text[:19]}…"
    try:
        value = read_number(text, whole=control.integer)
    except ValueError as error:
        wanted = "a whole number" if control.integer else "a number"
        return None, f"must be {wanted}, not {visible(shown)!r}{error}"
    low, high = control.minimum, control.maximum
    if value == control.neutral:
        return value, ""
    if control.integer and value != round(value):
        return None, f"must be a whole number, not {shown!r}"
    if low is not None and high is not None and not low <= value <= high:
        beyond = f"; {visible(control.below)}" if control.below and value < low else ""
        return None, f"must be {form.number(low)} to {form.number(high)}{beyond}"
    return value, ""


@dataclass(frozen=True, slots=True)
class Chip:
    """A suggestion in a row of them."""

    words: str
    why: str


class ChipsRow(Row):
    """Suggestions side by side: the arrows go through them, and space takes one."""

    def __init__(self, label: str, chips: Sequence[Chip], take: Callable[[int], None]) -> None:
        super().__init__("suggestions", label)
        self.chips, self.at = tuple(chips), 0
        self._take = take

    def change(self, direction: int, values: Values) -> None:  # noqa: ARG002
        if self.chips:
            self.at = (self.at + direction) % len(self.chips)

    def press(self) -> None:
        if self.chips:
            self._take(self.at)


class Contributed:
    """Which contribution of a kind, and its knobs, as rows."""

    def __init__(
        self,
        kind: Kind,
        label: str,
        names: Sequence[str],
        present: Mapping[str, Any],
        find: Callable[[str], Entry | None],
    ) -> None:
        """present: as RunSpec holds it, {"name": ..., "options": {...}}."""
        self.kind: Kind = kind
        self._present, self._find = dict(present), find
        self.choice = ChoiceRow(kind, label, names, str(present["name"]))
        self.choice.on_change = self._choose
        self.knobs: tuple[KnobRow, ...] = ()
        self._choose()

    def _choose(self) -> None:
        entry = self._find(self.choice.chosen)
        is_present = self.choice.chosen == self._present["name"]
        options = self._present["options"] if is_present else {}
        self.knobs = tuple(
            KnobRow(self.kind, control, options.get(control.name, control.default))
            for control in (entry.controls if entry is not None else ())
        )
        self.hold(self.choice.locked)

    @property
    def rows(self) -> tuple[Row, ...]:
        return (self.choice, *self.knobs)

    def hold(self, reason: str) -> None:
        """Lock the rows for a reason, or unlock them for ""."""
        for row in self.rows:
            row.locked = reason

    @property
    def value(self) -> dict[str, Any]:
        """The choice as RunSpec holds it; `present` itself if it is the same with no knob turned,
        so that an option that has no knob is kept."""
        if self.choice.locked:
            return self._present
        turned = {
            row.control.name: row.value for row in self.knobs if row.value != row.control.default
        }
        if self.choice.chosen != self._present["name"]:
            return {"name": self.choice.chosen, "options": turned}
        before = self._present["options"]
        as_before = all(
            row.value == before[row.control.name]
            if row.control.name in before
            else row.control.name not in turned
            for row in self.knobs
        )
        if as_before:
            return self._present
        without = {
            name: value
            for name, value in before.items()
            if name not in {row.control.name for row in self.knobs}
        }
        return {"name": self.choice.chosen, "options": {**without, **turned}}
