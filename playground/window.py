"""The window around a terminal: its title, its progress in tab and taskbar, and its notifications.

Which of these a terminal understands is known by its environment alone. What a terminal would
print, or take for something else, is not written to it:

- The title (OSC 2) goes where TERM names a family that has titles. The old title is pushed and
  popped (XTWINOPS 22 and 23).
- The progress (OSC 9;4) goes only to terminals known to show it: others take OSC 9 for a
  notification, and would raise one a second.
- A notification is OSC 9, 99 or 777, as the terminal has it; elsewhere the bell rings.

MICROGPT_PLAY_TITLE and MICROGPT_PLAY_PROGRESS overrule the first two: 1 writes them in any
terminal, 0 in none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from mmap import mmap
from typing import Literal, get_args

from microgpt.terminal import OBEYED, escape

State = Literal["none", "running", "paused", "failed"]
_STATES: dict[State, int] = {"none": 0, "running": 1, "failed": 2, "paused": 4}

Flag = bytearray | mmap
"""One byte, 1 while title or progress of a terminal are ours."""
Notify = Literal["off", "bell", "desktop"]
WAYS: tuple[Notify, ...] = get_args(Notify)
"""How a person may be told of the end of a run."""
LONGEST = 40
"""Characters of a name in a title at most; tabs show far fewer."""

_TITLED = re.compile(
    r"(xterm|rxvt|tmux|alacritty|foot|kitty|wezterm|ghostty|konsole|vte|gnome|st|mintty|putty"
    r"|contour|iterm2?)(?![a-z])"
)
"""What TERM begins with in terminals that have a title, and a stack of titles or none. A console
such as "linux" prints what it does not know."""
_PUSH, _POP = "\x1b[22;0t", "\x1b[23;0t"
_END = "\x1b\\"


def takes_title(environment: Mapping[str, str] = os.environ) -> bool:
    """True if the terminal of this environment has a title that may be set."""
    if (said := environment.get("MICROGPT_PLAY_TITLE")) in ("0", "1"):
        return said == "1"
    term = environment.get("TERM", "")
    return bool(_TITLED.match(term)) or (term.startswith("screen") and "TMUX" in environment)


def takes_progress(environment: Mapping[str, str] = os.environ) -> bool:
    """True if the terminal of this environment is known to show progress by OSC 9;4."""
    if (said := environment.get("MICROGPT_PLAY_PROGRESS")) in ("0", "1"):
        return said == "1"
    if environment.get("TERM", "dumb") in ("dumb", "linux") or _multiplexed(environment):
        return False
    ptyxis = environment.get("PTYXIS_VERSION", "").partition(".")[0]
    return (
        "WT_SESSION" in environment  # Windows Terminal
        or environment.get("ConEmuANSI") == "ON"
        or environment.get("TERM_PROGRAM") in ("WezTerm", "ghostty")
        # iTerm2 before 3.6.6 raises a notification; since then it tells by this variable.
        or "P" in re.findall("[A-Z][a-z]*", environment.get("TERM_FEATURES", ""))
        or (ptyxis.isdecimal() and int(ptyxis) >= 48)
    )


def _multiplexed(environment: Mapping[str, str]) -> bool:
    """True in tmux and screen, where the environment may be that of another terminal."""
    return "TMUX" in environment or "STY" in environment


def notification(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """What makes the terminal notify its person of the text: on the desktop where the terminal can
    do that, and by the bell elsewhere."""
    text = harmless(text).replace(";", ",")
    program, term = environment.get("TERM_PROGRAM", ""), environment.get("TERM", "")
    if _multiplexed(environment) or term in ("", "dumb", "linux"):
        return "\a"
    if term == "xterm-kitty" or "KITTY_WINDOW_ID" in environment:
        return f"\x1b]99;;{text}{_END}"
    if program in ("iTerm.app", "WezTerm", "ghostty"):
        return f"\x1b]9;{text}{_END}"
    if term.startswith(("foot", "rxvt-unicode")):
        return f"\x1b]777;notify;microgpt-play;{text}{_END}"
    return "\a"


def way_of(text: str) -> Notify:
    """The way of telling that a text names; "off" for any other text."""
    return next((way for way in WAYS if way == text), "off")


def title(words: str, name: str) -> str:
    """The title for a run that others may have named. words: how far it is."""
    name = harmless(name)
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    return " · ".join(part for part in (words, name, "microgpt-play") if part)


def harmless(text: str) -> str:
    """A text that others may have written, without a character that ends or steers a title."""
    return OBEYED.sub(lambda found: escape(found[0]), text)


def codes_of_leaving(environment: Mapping[str, str] = os.environ) -> str:
    """What gives the title back, and takes the progress away. A terminal without a stack of titles
    is left with an empty title, which stands for its own."""
    title = f"\x1b]2;{_END}{_POP}" if takes_title(environment) else ""
    return title + (f"\x1b]9;4;0;0{_END}" if takes_progress(environment) else "")


class Window:
    """The window of one terminal, as long as a run is shown in it.

    write: takes text with escape sequences of ours, and writes it as it is; None while the terminal
    is not ours. shown: of a process that forks, a flag that it shares with its child, so that
    either can restore the window.
    """

    def __init__(
        self,
        write: Callable[[str], object] | None = None,
        environment: Mapping[str, str] = os.environ,
        shown: Flag | None = None,
    ) -> None:
        self._write = write
        self._environment = environment
        self._shown: Flag = shown if shown is not None else bytearray(1)
        self._said = ("", "")

    def attach(self, write: Callable[[str], object]) -> None:
        """Take a terminal; `show` writes to it from now on."""
        self._write = write

    def detach(self) -> None:
        """Restore the window, and write no more."""
        self.leave()
        self._write = None

    @property
    def shown(self) -> bool:
        """True while the title or the progress is ours."""
        return bool(self._shown[0])

    def show(self, title: str, state: State = "none", share: float = 0.0) -> None:
        """Show a title, and a progress from 0 to 1. What is shown already is not written again."""
        if self._write is None:
            return
        titled = progress = ""
        if takes_title(self._environment):
            titled = f"\x1b]2;{harmless(title)}{_END}"
        if takes_progress(self._environment):
            percent = int(100 * min(max(share, 0.0), 1.0)) if state != "none" else 0
            progress = f"\x1b]9;4;{_STATES[state]};{percent}{_END}"
        new = not self._shown[0]
        before = ("", "") if new else self._said
        if not (titled or progress) or before == (titled, progress):
            return
        self._shown[0], self._said = 1, (titled, progress)
        changed = (now for now, then in zip(self._said, before, strict=True) if now != then)
        self._write((_PUSH if new and titled else "") + "".join(changed))

    def leave(self, write: Callable[[str], object] | None = None) -> None:
        """Restore the window, if anything is shown; the next `show` takes it again.

        write: what to write with this once. A signal handler has to write past the stream that it
        may have interrupted, since a stream of Python cannot be entered twice.
        """
        if self._shown[0]:
            self._shown[0] = 0
            if self._write is not None:
                (write or self._write)(codes_of_leaving(self._environment))

    def notify(self, text: str, way: Notify) -> None:
        """Tell the person at the terminal that a run has ended, in the way that they want it."""
        if self._write is not None and way != "off":
            self._write("\a" if way == "bell" else notification(text, self._environment))
