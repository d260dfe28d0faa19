"""The keys of a sweep, and the words with which the help explains its screen."""

from __future__ import annotations

from textual.binding import Binding

from playground.tui.bindings import APP, LOOK, KeyMaker, action_name
from playground.tui.screens.sweep.view import PAGES, TITLES

_key = KeyMaker("sweep")
WORK = Binding.Group("The sweep")
RUNS = Binding.Group("Its runs")

SWEEP_BINDINGS = [
    _key("enter", "open", "open", "Open a run of the chosen setting in the playground", RUNS),
    _key("R", "race", "race",
         "Race two runs of one seed: of the two marked settings, or of the chosen one and the best",
         RUNS),
    _key("comma", "seed(-1)", "seed", "The run before of the chosen setting is the bright one; the "
         "first has the lowest loss", RUNS, ",."),
    _key("full_stop", "seed(1)", "next seed", "The next run of the setting", RUNS, ".",
         show=False),
    _key("x", "export_run", "export run", "Write the chosen run, its figures or its model to a "
         "file", RUNS, show=False),
    _key("X", "export_as", "export run as ...", "Write the chosen run as CSV, JSON lines, or what "
         "a plugin offers", RUNS, show=False),
    _key("s", "work", "stop", "Stop: what is recorded is kept. Or go on with what is missing",
         WORK),
    _key("e", "export", "CSV", "Write a table with a row for each run", WORK),
    *(
        _key(str(number), f"page('{page}')", TITLES[page].lower(), f"View {number}: {TITLES[page]}",
             LOOK, show=False)
        for number, page in enumerate(PAGES, 1)
    ),
    _key("v", "turn_page", "view", "The next view: losses, parallel, grid, importance", LOOK),
    _key("tab", "other_side", "table or view", "From the table to the view, and back", LOOK,
         show=False),
    _key("z", "zoom", "zoom", "Give the room of all to the view, and back", LOOK),
    _key("c", "clear", "no brush", "Take all brushes off the axes", LOOK, show=False),
    _key("left_square_bracket", "pair(0)", "rows, columns",
         "In the grid: another setting for its rows", LOOK, "[]", show=False),
    _key("right_square_bracket", "pair(1)", "columns",
         "In the grid: another setting for its columns", LOOK, "]", show=False),
    _key("question_mark,f1", "help", "help", "Every key of the sweep, and what you are looking at",
         APP, "?"),
    _key("escape", "escape", "leave", "Leave the zoom, the brushes, the sweep; it stays at work",
         APP, "esc"),
    _key("q", "leave", "leave", "Leave the sweep; it stays at work", APP, show=False),
]  # fmt: skip

HINTS = (
    Binding("arrows", "focused.axis(1)", "cursor", key_display="←↑→↓"),
    Binding("space", "focused.brush", "brush", key_display="space"),
)
"""The keys of the axes, which are shown beside them."""

RANKS = {
    action_name(action): place
    for place, action in enumerate(
        ("help", "escape", "open", "turn_page", "work", "focused.brush", "race", "export",
         "pair(0)", "clear", "focused.axis(1)", "seed(-1)", "zoom")
    )
}  # fmt: skip
"""Which keys are shown where not all have room."""

ABOUT = (
    "Sweep",
    "Every combination of the varied settings, each trained with several seeds. The table has a "
    "line for each, best first: the mean of the final losses over the seeds, their standard "
    "deviation (sd), and how many seeds are done. A run whose step failed counts as failed, and "
    "not as a loss. The line above says whether the best differs from the next by more than luck; "
    "± is the half of an interval of 95 %.\n"
    "Losses draws the smoothed training loss of every run: thin, those within the brushes "
    "brighter, the chosen one bright, with the mean of its setting over the seeds and a band of "
    "one standard deviation. In Parallel each run is a line across one axis for each setting and "
    "one for its loss; brushes on the axes combine, and the table and the losses show what lies in "
    "all of them. Grid has a curve for each pair of values of two settings, averaged over the "
    "rest. Importance says how much each setting decides.\n"
    "A process of its own trains the sweep, and ends with the playground; leaving this screen lets "
    "it work. The same screen shows a sweep that another terminal trains.",
)
"""The title and the text of the help."""
