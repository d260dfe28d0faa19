"""Every key of the race, said once: its key line and its help are made from this."""

from __future__ import annotations

from textual.binding import Binding


def _key(
    key: str, action: str, words: str, tooltip: str, display: str | None = None, show: bool = True
) -> Binding:
    name = action.replace("(", ".").rstrip(")")
    # At once: what is typed after / is for the prompt, however busy the screen is.
    return Binding(
        key, action, words, key_display=display, tooltip=tooltip, show=show, id=f"race.{name}",
        priority=action == "prompt",
    )  # fmt: skip


RACE_BINDINGS = [
    _key("space", "run", "run", "Let both train, or pause both", "space"),
    _key("s", "step", "step", "One step of both; if one is behind, of that one"),
    _key("l", "way", "flat out", "In lock-step, or each as fast as it goes"),
    _key("g", "sample", "sample",
         "Texts of both now, and answers to the probes: same prompt, same dice, same step"),
    _key("y", "probes", "probes",
         "What both answer to the probes; again, how each side's answers changed; then the texts"),
    _key("slash", "prompt", "prompt", "Type what the texts of both begin with", "/"),
    _key("b,home", "start", "start",
         "Put both back to where the race began; from there, as far back as both go", "b"),
    _key("1", "keep(0)", "keep A", "Go on with A as the open run"),
    _key("2", "keep(1)", "B", "Go on with B as the open run"),
    _key("e", "raw", "each step", "Draw the loss of each step, or the average", show=False),
    _key("n", "window", "last n", "Show all steps, or only the last 1,000, 200, 50", show=False),
    _key("question_mark,f1", "help", "help", "Every key of the race", "?"),
    _key("escape,q", "leave", "leave", "Leave the race; the open run is as it was", "esc"),
]  # fmt: skip
