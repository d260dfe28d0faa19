"""What the terminal's window says of the open run, and a driver that restores the window."""

from __future__ import annotations

from textual.driver import Driver

from playground.tui.model import PlaygroundModel
from playground.window import Notify, Window, title

_WORDS = {"paused": "paused ", "failed": "failed at "}


class Caption:
    """Keeps the window's title and progress at how far the run on screen is, and tells of its end.

    way: how the person wants to be told that a run has ended.
    """

    def __init__(self, way: Notify) -> None:
        self.window = Window()
        self.way = way
        self._state = ""

    def show(self, model: PlaygroundModel) -> None:
        """Show the run on screen; tell of its end if it has ended since the last call."""
        frame, info = model.frame, model.info
        before, self._state = self._state, frame.state if frame is not None else ""
        if frame is None or info is None:
            self.window.show(title("", ""))
            return
        name = model.name or info.dataset_title
        share = frame.step / frame.steps if frame.steps else 0.0
        if frame.state == "finished":
            self.window.show(title("done", name))
        elif frame.state == "ready":
            self.window.show(title("", name))
        else:
            words = f"{_WORDS.get(frame.state, '')}{int(100 * share)}%"
            self.window.show(title(words, name), frame.state, share)
        if before == "running" and frame.state in ("finished", "failed"):
            how = "is trained" if frame.state == "finished" else "has failed"
            self.window.notify(f"{name} {how}, step {frame.step:,} of {frame.steps:,}", self.way)


def in_window(kind: type[Driver], window: Window) -> type[Driver]:
    """The driver, which gives the window's title back whenever it leaves the terminal: at the end,
    on a signal, after a crash, and while the playground is suspended."""

    class WindowDriver(kind):  # type: ignore[misc, valid-type]
        def start_application_mode(self) -> None:
            super().start_application_mode()
            window.attach(super().write)

        def stop_application_mode(self) -> None:
            window.detach()
            super().stop_application_mode()

    return WindowDriver
