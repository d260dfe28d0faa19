"""What the terminal's window says of the open run, and a driver that restores the window."""

from __future__ import annotations

from textual.driver import Driver

from playground.tui.model import PlaygroundModel
from playground.window import Window, title

_WORDS = {"paused": "paused ", "failed": "failed at "}


def caption(window: Window, model: PlaygroundModel) -> None:
    """Show in the title, in the tab and in the taskbar how far the run on screen is."""
    frame, info = model.frame, model.info
    if frame is None or info is None:
        window.show(title("", ""))
        return
    name = model.name or info.dataset_title
    share = frame.step / frame.steps if frame.steps else 0.0
    if frame.state == "finished":
        window.show(title("done", name))
    elif frame.state == "ready":
        window.show(title("", name))
    else:
        words = f"{_WORDS.get(frame.state, '')}{int(100 * share)}%"
        window.show(title(words, name), frame.state, share)


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
