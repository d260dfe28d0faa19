"""The tasks of the lessons 6 to 10 as keys, for a real terminal: by lesson and step.

The marks among them are those of keys.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.hooks.lessons.keys import FLAT_OUT

KEYS: dict[str, Mapping[int, list[str | int]]] = {
    "positions": {
        1: ["s"],
        3: ["3", "right_square_bracket", "v"],
        8: ["i", "1", "✓", "q"],
        10: [*FLAT_OUT, "space", 500],
        11: ["3", "C", "left", "~", "escape"],  # wpe is on screen since step 3
        12: ["h", *["down"] * 4, "right", *["down"] * 3, "right", "enter", "⟲", "space", 500],
    },
    "attention": {
        2: [*FLAT_OUT, "space", 200, "space"],
        7: ["i", "2"],
        11: ["slash", "letter", "letter", "enter"],
    },
    "heads": {
        5: [*FLAT_OUT, "space", 3000],
        6: ["i", "2", "full_stop", "✓", "q"],
        7: ["R", "~", "escape"],
        9: ["R", "~", "escape"],  # where nothing was ranked at step 7
    },
    "adam": {
        2: ["s"],
        3: ["i", "8", "✓", "q"],
        8: [*FLAT_OUT, "space", 50, "space"],
        10: ["h", *["down"] * 7, "0", "full_stop", "1", "enter"],
        11: ["s", "s"],
    },
    "speak": {
        1: [*FLAT_OUT, "space", 300, "space"],
        2: ["g"],
        5: ["4", "enter", "2", "enter", "g"],
        8: ["4", "enter", "0", "full_stop", "5", "enter", "g"],
        9: ["R", "~", "escape"],
        10: ["3", "C", "left", "enter", "4", "g"],
    },
}
NOTHING_HELD_OUT: Mapping[str, Mapping[int, list[str | int]]] = {
    "heads": {
        7: ["i", "2", *["c", "~", "escape", "full_stop"] * 4, "q"],
        9: ["3", *["right_square_bracket"] * 6, "C", "left", "~", "escape"],
    },
    "speak": {9: ["3", "C", "left", "~", "escape"]},
}
"""What is done otherwise where no text is held out, by which parts could be ranked."""
