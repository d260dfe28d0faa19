"""The progress of a run, on standard error."""

from __future__ import annotations

import os
import time
from typing import TextIO

from microgpt.plain import can_write
from microgpt.terminal import Codes, printable
from playground.cli.one_line import OneLine
from playground.lab.protocol.failures import Progress
from playground.lab.session import Session
from playground.widths import cell_len
from playground.window import Flag, Window, title
from playground.words import many, plus_minus

BAR_WIDTH = 24
REDRAW_SECONDS = 0.1


class Report:
    """Shows progress: one line rewritten in a terminal, a line now and then in a log, or nothing.

    quiet: show the notices alone, as with --json. shown: see playground.window.Window.
    """

    def __init__(self, stream: TextIO, *, quiet: bool, shown: Flag | None = None) -> None:
        self._stream = stream
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb" and not quiet
        self._quiet = quiet
        self._full, self._empty = ("━", "─") if can_write(stream, "━─") else ("#", "-")
        self._line = OneLine(stream)
        self.window = Window(shown=shown)
        """The window of the terminal, which shows how far the run is, too."""
        if stream.isatty() and os.environ.get("TERM") != "dumb":
            self.window.attach(self._steer)
        self._drawn = 0.0
        self._average = 0.0
        self._started = (0.0, 0)

    def opening(self, progress: Progress) -> None:
        """Show how far the opening of the run is."""
        if self._live and time.monotonic() - self._drawn > REDRAW_SECONDS:
            share = f" {progress.done / progress.total:4.0%}" if progress.total else ""
            self._draw(printable(progress.stage), share)

    def opened(self, session: Session) -> None:
        """Print what will be trained, and what a person should know of it."""
        self.clear()
        info = session.info
        if not self._quiet:
            self._print(
                f"{info.dataset_title}: {many(info.documents, 'document')}, "
                f"{info.vocab_size:,} tokens, {info.parameter_count:,} parameters, "
                f"{session.spec.engine} engine"
            )
        for notice in info.notices:  # a program that reads the JSON has a person, too
            self._print(f"! {notice.text}")
        if not self._quiet:
            if session.finished:
                self._print(f"All {session.spec.steps:,} steps of this run are done.")
            elif session.step:
                self._print(f"Going on from step {session.step:,} of {session.spec.steps:,}.")
        self._started = (time.monotonic(), session.step)

    def step(self, session: Session, loss: float) -> None:
        """Show how far the run is, after a step with this loss."""
        if self._quiet:
            return
        done, steps = session.step, session.spec.steps
        self._average = 0.95 * self._average + 0.05 * loss if self._average else loss
        now = time.monotonic()
        if self._live:
            if now - self._drawn < REDRAW_SECONDS and done < steps:
                return
        elif done % max(1, steps // 10) and done != steps:
            return
        if self._live:
            words = title(f"{int(100 * done / steps)}%", session.info.dataset_title)
            self.window.show(words, "running", done / steps)
        since, first = self._started
        speed = (done - first) / max(now - since, 1e-9)
        left = (steps - done) / max(speed, 1e-9)
        known = session.training.series.measured
        measured = [(meter.label, known.get(meter.label)) for meter in session.measurer.meters]
        latest = [f"  {printable(label)} {one.values[-1]:.4g}" for label, one in measured if one]
        ends = [f"  {speed:,.0f} steps/s", f"  {_duration(left)} left"]
        self._draw(self._of_step(done, steps, latest, ends))

    def _of_step(self, done: int, steps: int, latest: list[str], ends: list[str]) -> str:
        """The line of a step: with a bar if there is room, and else with as many of the figures as
        have room, because half a number is another number."""
        begin, loss = f"step {done:,}/{steps:,}", f" loss {self._average:.3f}"
        room = self._line.room if self._stream.isatty() else 10_000
        most = f"{begin}{loss}{''.join(latest + ends)}"
        width = min(BAR_WIDTH, room - cell_len(most) - 1)
        if width > 3:
            count = round(width * done / steps)
            bar = self._full * count + self._empty * (width - count)
            return f"{begin} {bar}{most.removeprefix(begin)}"
        shorter = [latest[:count] + ends for count in range(len(latest), -1, -1)]
        lines = [f"{begin}{loss}{''.join(figures)}" for figures in (*shorter, ends[1:], [])]
        lines += [f"{done:,}/{steps:,}{loss}", f"{done:,}/{steps:,}"]
        return next((line for line in lines if cell_len(line) <= room), f"{done:,}")

    def clear(self) -> None:
        """Erase the line that is being rewritten."""
        self._line.clear()

    def end(self) -> None:
        """Keep the line that was being rewritten, and end it."""
        self._line.end()

    def held_out(self, session: Session) -> None:
        """Print the last hold-out loss, with its standard error, and what counting reaches."""
        series = session.training.series
        step = max((at for at in series.evaluations if at <= session.step), default=None)
        found = series.held_out(step) if step is not None else None
        if self._quiet or step is None or found is None:
            return
        count, all_of_them = session.training.evaluated, session.info.heldout_documents
        several = "text" if session.spec.holdout_by == "text" else "document"
        of = f"{many(count, several)} held out"
        if count < all_of_them:
            of = f"{count:,} of {many(all_of_them, several)} held out"
        counted = " · ".join(
            f"{line.name} {line.nats:.3f}" for line in session.info.baselines_on(count)
        )
        self._print(
            f"held out: {found.mean:.3f}{plus_minus(found.error)} nats a token after step "
            f"{step:,}, on {of}"
        )
        self._print(f"counting reaches: {counted}")

    def _steer(self, codes: str) -> None:
        self._stream.write(Codes(codes))
        self._stream.flush()

    def _draw(self, text: str, tail: str = "") -> None:
        self._drawn = time.monotonic()
        if self._live:
            self._line.draw(text, tail)
        else:
            self._print(text + tail)

    def _print(self, text: str) -> None:
        self._stream.write(printable(text) + "\n")
        self._stream.flush()


def _duration(seconds: float) -> str:
    """A time in words: "45 s", "3 min", "2 h 10 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
