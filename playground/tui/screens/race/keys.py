"""The keys of a race, and the words with which the help explains its screen."""

from __future__ import annotations

from textual.binding import Binding

from playground.tui.bindings import APP, DATA, LOOK, RUN, KeyMaker, action_name

_key = KeyMaker("race", types="prompt")
KEEP = Binding.Group("One of the two")

RACE_BINDINGS = [
    _key("s", "step", "step", "One step of both; if one is behind, of that one", RUN),
    _key("b", "back", "back", "One step back of both; if one is ahead, of that one", RUN),
    _key("space", "run", "run", "Let both train, or pause both", RUN, "space"),
    _key("plus,equals_sign", "speed(1)", "speed",
         "More steps a second in lock-step, at last each side flat out; - for fewer", RUN, "+/-"),
    _key("minus", "speed(-1)", "slower", "Fewer steps a second", RUN, "-", show=False),
    _key("r,home", "start", "start",
         "Put both back to where the race began; from there, as far back as both go", RUN, "r"),
    _key("end", "end", "last step", "Bring both to the last step of the record", RUN, show=False),
    _key("g", "sample", "sample",
         "Texts of both now, and answers to the probes: same prompt, same dice, same step", DATA),
    _key("slash", "prompt", "prompt", "Type what the texts of both begin with", DATA, "/"),
    _key("c", "chain", "chain", "Add, remove and order the strategies that both are sampled with",
         DATA, show=False),
    _key("y", "probes", "probes",
         "What both answer to the probes; again, how each side's answers changed; then the texts",
         DATA),
    _key("A", "keep(0)", "keep", "Leave the race, and go on with A as the open run", KEEP),
    _key("B", "keep(1)", "keep", "Leave the race, and go on with B as the open run", KEEP),
    _key("z", "zoom", "zoom", "Give the room of all to one frame, and back", LOOK),
    _key("2", "frame(2)", "loss", "Go to the losses", LOOK, show=False),
    _key("3", "frame(3)", "settings", "Go to the settings that differ", LOOK, show=False),
    _key("4", "frame(4)", "texts", "Go to the texts and the answers", LOOK, show=False),
    _key("v", "raw", "each step", "Draw the loss of each step, or the average", LOOK, show=False),
    _key("l", "log_axis", "log axis", "Loss axis logarithmic or linear", LOOK, show=False),
    _key("n", "window", "last steps", "Show all steps, or only the last 1,000, 200, 50", LOOK,
         show=False),
    _key("question_mark,f1", "help", "help", "Every key of the race, and what you are looking at",
         APP, "?"),
    _key("escape", "escape", "leave", "Leave the prompt, the zoom, the race; the open run is as it "
         "was", APP, "esc"),
    _key("q", "leave", "leave", "Leave the race; the open run is as it was", APP, show=False),
]  # fmt: skip
"""A key that the main screen has, too, means the same there, for both sides at once."""

RANKS = {
    action_name(action): place
    for place, action in enumerate(
        ("help", "escape", "run", "keep(0)", "keep(1)", "step", "back", "sample", "probes",
         "speed(1)", "zoom", "start", "prompt")
    )
}  # fmt: skip
"""Which keys are shown where not all have room."""

ABOUT = (
    "Race",
    "Two runs that are the same up to the dotted line (fork) and differ from there on in the "
    "settings that stand below. In lock-step both make the same number of steps, each on its next "
    "document; + and - change how many a second, and beyond the fastest each side runs flat out.\n"
    "A is drawn as a whole line ━, B as a broken one ╍, each with its letter; ◆ is the held-out "
    "loss of A, ◇ that of B, a column beside it where both would stand in the same place. The lane "
    "below shows B − A: "
    "where it is below 0, B has the lower loss. The line above the chart says from which step on "
    "the losses are not the same to the last bit, and who is ahead (◂) in the average of about 20 "
    "steps.\n"
    "The texts below are drawn from both with the same prompt and the same dice, so that each ≠ is "
    "the models' doing. Enter at the chart's cursor puts both to that step.",
)
"""The title and the text of the help."""
