"""The tasks of the lessons as keys, for a real terminal: by lesson and step.

A number among the keys waits until so many training steps are done, "~" until the sheet that was
opened has nothing under way any more, "✓" until the lesson says that the task is done, "⟲" until
the run stands at step 0 again. The guide takes the keys back by itself once a task is done.
"letter" is one of the text.
"""

from __future__ import annotations

from collections.abc import Mapping

BIGRAMS = ["5", "5", "end", "enter"]
"""The contributed panels are listed, bigrams last."""
FLAT_OUT = ["plus"] * 8

KEYS: dict[str, Mapping[int, list[str | int]]] = {
    "count": {6: [*BIGRAMS], 11: [*FLAT_OUT, "space", 300, "space"], 12: ["g"]},
    "surprise": {
        1: ["s"],
        5: [*FLAT_OUT, "space", 201, "space"],
        8: ["s"],
        11: ["i", "slash", "letter", "enter", "escape", "escape"],
    },
    "network": {
        3: ["3", "right_square_bracket"],
        5: ["s"],
        7: [*FLAT_OUT, "space", 400, "space"],
        8: ["space", 1000],
        10: [*BIGRAMS],
    },
    "slope": {3: ["3", "C", "1", "~", "escape", "0"], 5: ["s"], 10: ["i", "8", "✓", "escape"]},
    "autograd": {6: ["i", "7", "✓", "escape"], 8: ["s"], 10: ["i", "6", "✓", "escape"]},
}
