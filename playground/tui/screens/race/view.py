"""What a race looks like: lines of words and curves, made from its state, without widgets."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

from textual.content import Content

from playground.lab.protocol.sampling import Mark, SampleBatch
from playground.lab.race.state import Place, RaceState, SamplePair, SideState
from playground.tui.panels.status import STATE_GLYPHS, Piece, assemble, short_number
from playground.tui.styles import BAD, CAUTION, MUTED, POINTED
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.lanes import Lane
from playground.tui.widgets.series import Series
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len
from playground.words import plus_minus

LETTERS = ("A", "B")
SIGNS = ("━", "╍")
"""A piece of each side's curve, as the chart draws it."""
STYLES = ("bold $text-accent", "bold $foreground")
SAME, DIFFERENT = "│", "≠"
SIGN_OF: Mapping[Mark, str] = {"new": " ", "recited": "◦", "in data": "•"}
LEGEND = f"{SIGN_OF['in data']} in the data, {SIGN_OF['recited']} recited"
SHOWN_PAIRS = 10
_NAME_SHARE = 4
"""The names take a quarter of the width at most."""


class Traces:
    """The curves of a race, which grow with it."""

    def __init__(self) -> None:
        self._raw, self._smooth = (Curve(), Curve()), (Curve(), Curve())
        self._held = (Curve(), Curve())
        self._difference = Curve()
        self._epoch = -1

    def take(self, state: RaceState) -> None:
        """Add what is new in the state; begin anew if a side has gone back."""
        if state.epoch != self._epoch:
            self._epoch = state.epoch
            for curve in (*self._raw, *self._smooth, *self._held, self._difference):
                curve.clear()
        for place, side in enumerate(state.sides):
            _extend(self._raw[place], side.first, side.losses)
            _extend(self._smooth[place], side.first, side.smoothed)
            held = self._held[place]
            latest = held.xs[-1] if len(held) else -1
            for step, loss in side.evaluations:
                if step > latest:
                    held.append(step, loss)
        _extend(self._difference, state.difference_first, state.difference)

    def series(self, raw: bool) -> list[Series]:
        """The losses of both sides: averages, or those of each step if `raw`; held-out losses."""
        one, other = self._raw if raw else self._smooth
        words = "" if raw else " average"
        return [
            Series(f"A{words}", one, "line", "ema", "A"),
            Series(f"B{words}", other, "dashed", "val", "B"),
            Series("A held out", self._held[0], "points", "ema"),
            Series("B held out", self._held[1], "hollow", "val"),
        ]

    @property
    def lanes(self) -> list[Lane]:
        """The difference of the losses, in a lane of its own, since it needs a scale of its own."""
        return [Lane("B − A, each step", self._difference)]


def _extend(curve: Curve, first: int, values: array[float]) -> None:
    """Add those values that the curve lacks; values[0] is that of step first + 1."""
    known = len(curve)
    if len(values) > known:
        curve.extend(range(first + known + 1, first + len(values) + 1), values[known:])


# ---------------------------------------------------------------- lines


def signed(value: float) -> str:
    """A difference with its sign, in as many places as it takes to see it: −0.0031, +2.2e-16."""
    size = abs(value)
    if not math.isfinite(value):
        return str(value)
    text = f"{size:.4f}" if size >= 0.00095 or size == 0 else f"{size:.1e}"
    return f"{'−' if value < 0 else '+'}{text}"


def opening(state: RaceState, seconds: float, width: int) -> Content:
    """Which sides are still being opened, since when, and what they are doing."""
    late = [place for place, side in enumerate(state.sides) if side.status == "opening"]
    if not late:  # both are open, and are asked for the same samples
        return Content.styled("Both are open; they are being told how to sample.", MUTED)
    doing = list(dict.fromkeys(stage for place in late if (stage := state.sides[place].stage)))
    who = "A and B are" if len(late) == 2 else f"{LETTERS[late[0]]} is"
    pieces: list[Piece] = [
        (0, Content.assemble((f"{who} still opening", "bold"), f", for {seconds:.0f} s")),
        (1, Content.styled(visible(", ".join(doing)), MUTED)),
    ]
    if len(late) == 1:
        pieces.append((2, Content.styled(f"{LETTERS[1 - late[0]]} is ready", MUTED)))
    return assemble(pieces, width, "   ")


def _way(state: RaceState) -> str:
    if not state.lockstep:
        return "each flat out"
    return f"in lock-step, {state.pace:,.0f} a second" if state.pace else "in lock-step"


NOT_YET_KNOWN = Content.styled("Known once both are open.", MUTED)


def title_line(state: RaceState, width: int, *, opened: bool = True) -> Content:
    """State, way, step, and where the race began; of a race that is not open, its name alone."""
    if not opened:
        return assemble([(0, Content.styled("Race", POINTED))], width)
    over = all(side.status == "finished" for side in state.sides)
    status = "running" if state.running else "finished" if over else "paused"
    glyph, style = STATE_GLYPHS[status]
    pieces: list[Piece] = [
        (0, Content.styled("Race", POINTED)),
        (1, Content.assemble((glyph, style), f" {status}")),
        (2, Content(_way(state))),
        (0, Content.assemble("step ", (f"{state.step:,}", "bold"))),
        (3, Content.styled(f"from step {state.start:,}", MUTED)),
    ]
    if state.recorded > state.step:
        pieces.append((4, Content.styled(f"recorded to {state.recorded:,}", MUTED)))
    return assemble(pieces, width, "   ")


def _name_width(state: RaceState, width: int) -> int:
    """Cells for each of the two names, so that what follows them lines up."""
    longest = max(cell_len(visible(side.name)) for side in state.sides)
    return min(longest, max(8, width // _NAME_SHARE))


def side_line(state: RaceState, place: Place, width: int) -> Content:
    """One side: sign, name, status, losses, speed."""
    side = state.sides[place]
    room = _name_width(state, width)
    pieces: list[Piece] = [
        (
            0,
            Content.assemble(
                (f"{LETTERS[place]} {SIGNS[place]} ", STYLES[place]),
                (fit(visible(side.name), room), "bold"),
            ),
        ),
        (0, _where(side, state.running)),
    ]
    average = side.average()
    if average is not None:
        ahead = " ◂" if state.ahead == place else "  "
        pieces.append(
            (1, Content.assemble(("average ", MUTED), f"{average:.4f}", (ahead, POINTED)))
        )
    held = side.heldout()
    if held is not None:
        error = plus_minus(side.heldout_errors.get(held[0]), 4)
        pieces.append((2, Content.assemble(("held out ", MUTED), f"{held[1]:.4f}{error}")))
    bits = side.bits()
    if bits is not None:
        # Where the tokens differ, this is the number to look at.
        pieces.append((2 if state.comparable else 1, Content(f"{bits:.3f} bits/char")))
    if side.steps_per_second and not state.lockstep:
        pieces.append((3, Content.styled(f"{short_number(side.steps_per_second)} steps/s", MUTED)))
    if side.info is not None:
        pieces.append((4, Content.styled(f"{side.info.parameter_count:,} parameters", MUTED)))
        pieces.append((5, Content.styled(f"{visible(side.engine)} engine", MUTED)))
    return assemble(pieces, width)


def _where(side: SideState, running: bool) -> Content:
    """The step of a side, or its status if it has no step to show."""
    known = {"opening": ("…", MUTED), "restarting": ("↻", CAUTION), "down": ("✗", BAD)}
    status = "running" if running and side.status in ("ready", "paused") else str(side.status)
    glyph, style = known.get(status) or STATE_GLYPHS[status]
    if status in known:
        return Content.assemble((f"{glyph} ", style), status)
    digits = len(f"{side.steps:,}")
    return Content.assemble((f"{glyph} ", style), f"{side.step:>{digits},}/{side.steps:,}")


def verdict(state: RaceState, width: int) -> Content:
    """Whether the losses are the same so far; if not, since when, and which side is ahead."""
    parted, average, largest = state.parted, state.average, state.largest
    if parted is None:
        if state.step <= state.start and not state.running:
            words = "The same so far. space lets both train, s makes one step of both."
        else:
            words = "The same so far, bit for bit."
        return assemble([(0, Content.styled(words, MUTED))], width)
    if not state.comparable:
        return _verdict_in_bits(state, width)
    pieces: list[Piece] = [
        (
            0,
            Content.assemble(
                f"The same until step {parted.step:,}; there B − A = ",
                (signed(parted.difference), "bold"),
            ),
        )
    ]
    if state.by_rounding:
        pieces.append((1, Content(_apart(state.beyond))))
    if state.ahead is not None and average is not None:
        gap = f"{abs(average.difference):.4f}"
        pieces.append(
            (1, Content.assemble((f"{LETTERS[state.ahead]} is ahead", "bold"), f" by {gap}"))
        )
    if largest is not None:
        words = f"farthest at {largest.step:,}: {signed(largest.difference)}"
        pieces.append((2, Content.styled(words, MUTED)))
    return assemble(pieces, width)


def _size(value: float) -> str:
    if value >= 0.01:
        return f"{value:.0%}"
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def _apart(beyond: Mapping[float, int]) -> str:
    """How differences that began with rounding have grown: "apart by 1e-9 at step 3,219, by 1% at
    6,937"."""
    if not beyond:
        return "the same to 1e-9 so far"
    words = [f"by {_size(size)} at {step:,}" for size, step in sorted(beyond.items())]
    return "apart " + ", ".join(words).replace(" at ", " at step ", 1)


def _verdict_in_bits(state: RaceState, width: int) -> Content:
    """Which side is ahead where the losses cannot be compared: in bits a character, if both are
    measured on the same held-out text at the same step."""
    pieces: list[Piece] = [(1, Content("The losses cannot be compared."))]
    one, other = state.sides
    left, right = one.bits(), other.bits()
    held = one.heldout(), other.heldout()
    if left is None or right is None or held[0] is None or held[1] is None:
        words = "There are no bits a character to compare: hold something out."
        return assemble([*pieces, (0, Content.styled(words, MUTED))], width)
    if not state.same_held_out:
        pieces.append((0, Content.styled(f"Bits a character: A {left:.3f}, B {right:.3f}", MUTED)))
    elif held[0][0] != held[1][0]:
        steps = f"at steps {held[0][0]:,} and {held[1][0]:,}"
        pieces.append((0, Content(f"Held out, {steps}: A {left:.3f}, B {right:.3f} bits/char")))
    elif left == right:
        pieces.append((0, Content(f"Both have {left:.3f} bits a character, held out.")))
    else:
        ahead = LETTERS[0 if left < right else 1]
        gap = f" by {abs(left - right):.3f} bits a character, held out, step {held[0][0]:,}"
        pieces.append((0, Content.assemble((f"{ahead} is ahead", "bold"), gap)))
    return assemble(pieces, width)


def warnings(state: RaceState) -> Content:
    """What went wrong, and what the person should know; empty if there is nothing."""
    lines: list[Content] = []
    for place, side in enumerate(state.sides):
        letter = LETTERS[place]
        if side.trouble is not None:
            words = f"{letter}: {side.trouble.title}. {side.trouble.message}"
            lines.append(Content.assemble(("✗ ", f"bold {BAD}"), (visible(words), BAD)))
        elif side.notes:
            lines.append(_minded(f"{letter}: {visible(side.notes[-1])}"))
    if state.trouble is not None:
        words = f"{state.trouble.title}. {state.trouble.message}"
        lines.append(Content.assemble(("✗ ", f"bold {BAD}"), (visible(words), BAD)))
    lines += [_minded(remark) for remark in state.remarks]
    return Content("\n").join(lines)


def _minded(words: str) -> Content:
    """A line that the person should mind, marked by a sign and a colour."""
    return Content.assemble(("! ", f"bold {CAUTION}"), (words, CAUTION))


# ---------------------------------------------------------------- settings


def settings_table(state: RaceState, width: int) -> Content:
    """The settings that differ, a line each: label, A's value, B's value."""
    if not state.settings:
        return Content.styled("None: both have the same settings.", MUTED)
    rows = [(label_of(one.field), _value(one.left), _value(one.right)) for one in state.settings]
    first = min(max(cell_len(row[0]) for row in rows), max(10, width // 2))
    column = max(4, (width - first - 2) // 2)
    lines = [
        Content.assemble(
            (f"{'':{first}} ", MUTED), (fit("A", column), STYLES[0]), " ", ("B", STYLES[1])
        )
    ]
    lines += [
        Content.assemble(
            (fit(label, first), MUTED), " ", fit(left, column), " ", fit(right, column)
        )
        for label, left, right in rows
    ]
    return Content("\n").join(lines)


def label_of(field: str) -> str:
    """The words for a setting, given by its dotted name."""
    from playground.tui.screens.settings.form import settings

    known = settings().get(field)
    part, _, rest = field.partition(".")
    section = {"dataset": "data set"}.get(part, part)
    if known is not None:
        return known.label
    option = rest.removeprefix("options.")
    return visible(f"{section} {option}" if option not in ("", "name") else section)


def _value(value: object) -> str:
    from playground.tui.screens.settings.form import written

    return "–" if value is None else visible(written(value))


# ---------------------------------------------------------------- samples


def samples_table(pairs: Sequence[SamplePair], width: int) -> Content:
    """The texts of both sides beside each other, newest first, with ≠ between two that differ."""
    if not pairs:
        words = "None yet. g samples both from the same prompt and the same dice, at one step."
        return Content.styled(words, MUTED)
    column = max(4, (width - 3) // 2)
    lines: list[Content] = []
    for pair in pairs[:SHOWN_PAIRS]:
        prompt = f" “{visible(pair.prompt)}”" if pair.prompt else ""
        lines.append(
            Content.assemble(
                (fit(f"A step {pair.step:,}{prompt}", column), MUTED),
                ("   ", ""),
                (fit("B", column), MUTED),
            )
        )
        left, right = _texts(pair.left), _texts(pair.right)
        for row in range(max(len(left), len(right))):
            one = left[row] if row < len(left) else ""
            other = right[row] if row < len(right) else ""
            sign, style = (SAME, MUTED) if one == other else (DIFFERENT, POINTED)
            lines.append(
                Content.assemble(fit(one, column), (f" {sign} ", style), fit(other, column))
            )
    return Content("\n").join(lines)


def _texts(batch: SampleBatch | None) -> list[str]:
    if batch is None:
        return ["–"]
    if not batch.texts:
        return [visible(batch.note or "–")]
    return [
        f"{SIGN_OF[one.mark]} {visible(one.text)}{'' if one.complete else '…'}"
        for one in batch.texts
    ]
