"""The tasks of the lessons 6 to 10 as keys, for a real terminal: by lesson and step.

As in keys.py, a number waits until so many training steps are done. "~" waits until nothing is
under way any more, and no ◌ is on the screen. The guide takes the keys back once a task is done.
"""

from __future__ import annotations

from collections.abc import Mapping

KEYS: dict[str, Mapping[int, list[str | int]]] = {
    "positions": {
        1: ["s"],
        3: ["3", "right_square_bracket", "v"],
        8: ["i", "1", "q"],
        10: ["plus", "space", 500],
        11: ["3", "C", "left", "~", "escape"],  # wpe is on screen since step 3
        12: ["h", *["down"] * 4, "right", *["down"] * 3, "right", "enter", 0, "space", 500],
    },
    "attention": {
        2: ["space", 200, "space"],
        7: ["i", "2"],
        11: ["slash", "a", "b", "enter"],
    },
    "heads": {
        5: ["plus", "space", 3000],
        6: ["i", "2", "full_stop", "q"],
        7: ["R", "~", "escape"],
        9: ["R", "~", "escape"],  # where nothing was ranked at step 7
    },
    "adam": {
        2: ["s"],
        3: ["i", "8", "q"],
        8: ["space", 50, "space"],
        10: ["h", *["down"] * 7, "0", "full_stop", "1", "enter"],
        11: ["s", "s"],
    },
    "speak": {
        1: ["space", 300, "space"],
        2: ["g"],
        5: ["4", "enter", "2", "enter", "g"],
        8: ["4", "enter", "0", "full_stop", "5", "enter", "g"],
        9: ["R", "~", "escape"],
        10: ["3", "C", "left", "enter", "4", "g"],
    },
}
"""On names, and on each text that has the letters a and b."""
