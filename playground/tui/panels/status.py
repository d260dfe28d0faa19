"""The lines above the panels: what is being trained, how it goes, and what that means."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.content import Content

from microgpt.config import without
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.frames import Frame
from playground.tui.interpretation import interpret
from playground.tui.model import SPEEDS, PlaygroundModel, Telling
from playground.tui.panels.welcome import LINES
from playground.tui.styles import BAD, CAUTION, FAINT, GOOD, MUTED, POINTED
from playground.tui.widgets.gauge import progress_cells
from playground.tui.widgets.static_text import Words
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len

STATE_GLYPHS = {
    "ready": ("○", MUTED),
    "running": ("▶", GOOD),
    "paused": ("‖", POINTED),
    "finished": ("✓", GOOD),
    "failed": ("✗", BAD),
}

MOST_HELD = 30
"""Columns for the names of what is held."""

Piece = tuple[int, Content]
"""Importance and words; a piece of importance 0 is never left out, larger numbers go first."""


def assemble(pieces: list[Piece], width: int, gap: str = "  ") -> Content:
    """As many pieces as fit into `width` cells, the least important left out first."""
    kept = list(pieces)
    while len(kept) > 1 and sum(p.cell_length for _, p in kept) + len(gap) * (len(kept) - 1) > max(
        width, 1
    ):
        least = max(importance for importance, _ in kept)
        if least == 0:
            break
        index = max(i for i, (importance, _) in enumerate(kept) if importance == least)
        del kept[index]
    return Content(gap).join(content for _, content in kept)


def short_number(value: float) -> str:
    """1234.5 as "1.2k": three places at the most."""
    for bound, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * bound:  # 999,999 is 1M, and not 1e+03k
            return f"{value / bound:.3g}{unit}"
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """75 as "1:15"."""
    whole = math.ceil(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def times(ratio: float) -> str:
    """4583.2 as "4,600": two significant digits, since the ratio is an estimate."""
    if ratio < 10:
        return f"{ratio:.1f}"
    unit = 10 ** (len(str(int(ratio))) - 2)
    return f"{round(ratio / unit) * unit:,}"


def speed_text(speed: float | None) -> str:
    return "flat out" if speed is None else f"{speed:g} a second"


def _ratio(model: PlaygroundModel) -> str:
    """How many times as fast as the scalar engine: ", 4,600× scalar"; "" while unknown."""
    ratio = model.frame.scalar_ratio if model.frame else 0.0
    return f", {times(ratio)}× scalar" if ratio and model.engine != "scalar" else ""


def _unlike_microgpt(model: PlaygroundModel) -> list[str]:
    """What the model leaves out, and an optimizer that is not Adam; nothing as a rule."""
    words = [without(model.left_out)] if model.left_out else []
    return [*words, "SGD"] if model.optimizer == "sgd" else words


class TitleLine(Words):
    """The first line: program, data set, tokenizer, size, engine, seed, run."""

    def show(self, model: PlaygroundModel) -> None:
        name: Piece = (0, Content.styled("microgpt-play", POINTED))
        info = model.info
        if info is None:
            self.say(name[1])
            return
        spec = model.spec
        shape = spec["model"]
        heads = "" if "attention" in model.left_out else f"{shape['n_head']} heads, "
        pieces: list[Piece] = [
            name,
            (0, Content.styled(fit(visible(info.dataset_title), 28).rstrip(), "bold")),
            (1, Content(f"{visible(spec['tokenizer']['name'])}, {info.vocab_size:,} tokens")),
            (1, Content(f"{info.parameter_count:,} parameters")),
            (
                4,
                Content(
                    f"{shape['n_layer']} layer{'s'[: shape['n_layer'] > 1]}, {heads}"
                    f"{shape['n_embd']} wide"
                ),
            ),
            *((1, Content(words)) for words in _unlike_microgpt(model)),
            (2, Content(f"{visible(model.engine)[:24]} engine{_ratio(model)}")),
            (3, Content(f"seed {spec['seed']}")),
        ]
        if model.run is not None:
            called = f"run {model.run}"
            if model.name:
                called += f" {fit(visible(model.name), 24).rstrip()}"
            pieces.append((3, Content(called)))
        if model.unrecorded:
            pieces.append((0, Content.styled("✗ not recorded", BAD)))
        width = self.size.width or self.app.size.width - 2
        line = assemble(pieces[1:], width - 17, " · ")
        self.say(Content.assemble(name[1], "   ", line))


class StatusLine(Words):
    """The second line: state, progress, losses, speed, time left; or what is wrong."""

    def show(self, model: PlaygroundModel) -> None:
        width = self.size.width or self.app.size.width - 2
        if model.opening is not None:
            self.say(progress_words(model.opening, width))
            return
        frame = model.frame
        if frame is None:
            trouble = model.trouble
            self.say(
                Content.styled(f"✗ {visible(trouble.title)}", BAD)
                if trouble
                else Content.styled("starting …", MUTED)
            )
            return
        # The standard error goes before what matters as much as the loss that it belongs to.
        for error in dict.fromkeys((model.held_out_error(frame.step), "")):
            pieces = self._pieces(model, frame, width, error)
            line = assemble(pieces, width)
            if all(words.plain in line.plain for importance, words in pieces if importance <= 3):
                break
        self.say(line)

    def _pieces(self, model: PlaygroundModel, frame: Frame, width: int, error: str) -> list[Piece]:
        """What there is to say of an open run. error: the standard error behind the hold-out
        loss."""
        glyph, style = STATE_GLYPHS[frame.state]
        fraction = frame.step / max(frame.steps, 1)
        bar_width = max(8, min(30, width // 8))
        done, rest = progress_cells(fraction, bar_width)
        pieces: list[Piece] = [
            (
                0,
                Content.assemble(
                    (f"{glyph} {frame.state}", f"bold {style}" if style != POINTED else style)
                ),
            ),
            (0, Content(f"step {frame.step:,}/{frame.steps:,}")),
            (3, Content.assemble((done, "$primary"), (rest, FAINT), f" {fraction:4.0%}")),
        ]
        if model.rest:
            known = 1 - model.rest / frame.step
            pieces.append((0, Content(f"losses read: {known:.0%}")))
        elif len(model.loss):
            pieces.append((0, Content.assemble("loss ", (f"{model.loss.ys[-1]:.3f}", "bold"))))
            pieces.append((2, Content(f"ema {model.ema.ys[-1]:.3f}")))
        if len(model.evaluations) and not model.rest:
            # Of a run that stands, the loss that counts says more than a bar beside its step.
            words = f"held out {model.evaluations.ys[-1]:.3f}{error}"
            pieces.append((3 if model.running else 2, Content(words)))
        if frame.held:
            words = f"held: {fit(visible(frame.held), MOST_HELD).rstrip()}"
            pieces.append((1, Content.styled(words, CAUTION)))
        pieces.append((5, Content(f"lr {frame.learning_rate:.3g}")))
        if model.running:
            pieces.append((1, Content(f"{short_number(frame.steps_per_second):>4} steps/s")))
            pieces.append((2, Content(f"{short_number(frame.tokens_per_second):>4} tok/s")))
            left = model.seconds_left
            if left is not None:
                pieces.append((3, Content(f"{duration(left)} left")))
        else:
            pieces.append((3, Content.styled(f"speed {speed_text(SPEEDS[model.speed])}", MUTED)))
        if model.making is not None:
            pieces.insert(1, (0, self._making(model.making)))
        if model.waiting:
            words = f"waiting for its answer, {model.waiting:.0f} s"
            if model.going is not None:
                words = f"going to step {model.going:,}, {model.waiting:.0f} s, esc stops"
            pieces.insert(1, (0, Content.styled(words, MUTED)))
        if model.trouble is not None:
            pieces.insert(2, (1, Content.styled(visible(model.trouble.title), BAD)))
        return pieces

    @staticmethod
    def _making(progress: Progress) -> Content:
        """The engine that is to take over: "◌ numba: compiling, once 3/7"."""
        amount = f" {progress.done}/{progress.total}" if progress.total else ""
        stage = fit(visible(progress.stage), 40).rstrip()
        return Content.assemble(("◌ ", POINTED), f"{stage}{amount}")


def progress_words(progress: Progress, width: int) -> Content:
    """How far something is that esc cancels, as a bar where that is known; width: cells of the
    line."""
    if progress.total <= 0:
        amount = f"{progress.done:,}  " if progress.done else " "
        return Content.assemble(
            ("◌ ", POINTED), f"{visible(progress.stage)} {amount}", ("esc cancels", MUTED)
        )
    fraction = min(1.0, progress.done / progress.total)
    done, rest = progress_cells(fraction, max(8, min(40, width // 3)))
    return Content.assemble(
        ("◌ ", POINTED),
        f"{fit(visible(progress.stage), 24)} ",
        (done, "$primary"),
        (rest, FAINT),
        f" {fraction:4.0%}  ",
        ("esc cancels", MUTED),
    )


class Sentence(Words):
    """The third line: a sentence that says what the numbers mean. `k` takes it away. The line is
    also where a word is explained, and where it stands what there is to go on with."""

    def show(self, model: PlaygroundModel, *, room_for_callouts: bool = True) -> None:
        """room_for_callouts: False if the welcome has to be told in this line."""
        width = self.size.width or self.app.size.width - 2
        words = self._words(model, width, room_for_callouts)
        self.display = words is not None
        if words is not None:
            self.say(words)

    @staticmethod
    def _words(model: PlaygroundModel, width: int, room_for_callouts: bool) -> Content | None:
        telling = model.telling
        if telling is not None:
            return _telling(telling, width)
        if model.welcome and not room_for_callouts:
            return Content.styled(fitting(LINES, width), POINTED)
        if model.offer:
            return Content.styled(fitting(model.offer, width), POINTED)
        return Content(interpret(model, width)) if model.interpreting else None


def fitting(texts: Sequence[str], width: int) -> str:
    """The first of these texts that fits, or else the last, cut."""
    return next((text for text in texts if cell_len(text) <= width), fit(texts[-1], width))


def _telling(telling: Telling, width: int) -> Content:
    """A word, what it means, and which of how many it is."""
    room = max(1, width - len(telling.place) - 2)
    name = f"{visible(telling.shown)}  "
    words = fitting((name + telling.whole, name + telling.brief), room).removeprefix(name)
    gap = " " * max(2, width - cell_len(name + words) - len(telling.place))
    return Content.assemble((name, POINTED), words, gap, (telling.place, MUTED))
