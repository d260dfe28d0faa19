"""The progress of a run, on standard error."""

from __future__ import annotations

import os
import shutil
import time
from typing import TextIO

from microgpt.terminal import Codes, printable
from playground.lab.protocol.failures import Progress
from playground.lab.session import Session
from playground.words import many, plus_minus

BAR_WIDTH = 24
REDRAW_SECONDS = 0.1


class Report:
    """Shows progress: one line rewritten in a terminal, a line now and then in a log, or nothing.

    quiet: show the notices alone, as with --json.
    """

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb" and not quiet
        self._quiet = quiet
        self._full, self._empty = _signs(stream)
        self._drawn = 0.0
        self._average = 0.0
        self._started = (0.0, 0)
        self._dirty = False

    def opening(self, progress: Progress) -> None:
        """Show how far the opening of the run is."""
        if self._live and time.monotonic() - self._drawn > REDRAW_SECONDS:
            share = f" {progress.done / progress.total:4.0%}" if progress.total else ""
            self._draw(f"{progress.stage}{share}")

    def opened(self, session: Session) -> None:
        """Print what will be trained, and what a person should know of it."""
        self.clear()
        info = session.info
        if not self._quiet:
            self._line(
                f"{info.dataset_title}: {many(info.documents, 'document')}, "
                f"{info.vocab_size:,} tokens, {info.parameter_count:,} parameters, "
                f"{session.spec.engine} engine"
            )
        for notice in info.notices:  # a program that reads the JSON has a person, too
            self._line(f"! {notice.text}")
        if not self._quiet:
            if session.finished:
                self._line(f"All {session.spec.steps:,} steps of this run are done.")
            elif session.step:
                self._line(f"Going on from step {session.step:,} of {session.spec.steps:,}.")
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
        since, first = self._started
        speed = (done - first) / max(now - since, 1e-9)
        left = (steps - done) / max(speed, 1e-9)
        begin = f"step {done:,}/{steps:,}"
        known = session.training.series.measured
        measured = [(meter.label, known.get(meter.label)) for meter in session.measurer.meters]
        latest = "".join(f"  {label} {one.values[-1]:.4g}" for label, one in measured if one)
        end = f"loss {self._average:.3f}{latest}  {speed:,.0f} steps/s  {_duration(left)} left"
        room = _columns(self._stream) - 1 - len(begin) - len(end) - 2
        width = min(BAR_WIDTH, room) if self._live else BAR_WIDTH
        count = round(width * done / steps)
        bar = self._full * count + self._empty * (width - count)
        self._draw(f"{begin} {bar} {end}" if width > 3 else f"{begin} {end}")

    def clear(self) -> None:
        """Erase the line that is being rewritten."""
        if self._dirty:
            self._stream.write(Codes("\r\x1b[K"))
            self._stream.flush()
            self._dirty = False

    def end(self) -> None:
        """Keep the line that was being rewritten, and end it."""
        if self._dirty:
            self._stream.write("\n")
            self._dirty = False
        self._stream.flush()

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
        self._line(
            f"held out: {found.mean:.3f}{plus_minus(found.error)} nats a token after step "
            f"{step:,}, on {of}"
        )
        self._line(f"counting reaches: {counted}")

    def _draw(self, text: str) -> None:
        self._drawn = time.monotonic()
        if self._live:
            # The last cell stays free: a line that fills that cell wraps in some terminals.
            shown = printable(text)[: _columns(self._stream) - 1]
            self._stream.write(Codes(f"\r{shown}\x1b[K"))
            self._stream.flush()
            self._dirty = True
        else:
            self._line(text)

    def _line(self, text: str) -> None:
        self._stream.write(printable(text) + "\n")
        self._stream.flush()


def _signs(stream: TextIO) -> tuple[str, str]:
    """(sign of the full part, sign of the empty part) of the bar, in the stream's encoding."""
    try:
        "━─".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#", "-"
    return "━", "─"


def _columns(stream: TextIO) -> int:
    """Columns of the terminal behind the stream, which need not be that of standard output."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return columns or shutil.get_terminal_size().columns


def _duration(seconds: float) -> str:
    """A time in words: "45 s", "3 min", "2 h 10 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
