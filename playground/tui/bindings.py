"""Every key of the main screen, told once.

The line of keys, the help screen and the command palette are made from this table, so that none of
them can be wrong. Each binding has an id, by which a key map can move it to another key.
"""

from __future__ import annotations

from textual.binding import Binding

RUN = Binding.Group("Training")
DATA = Binding.Group("Data and model")
LOOK = Binding.Group("Looking")
APP = Binding.Group("Playground")


class KeyMaker:
    """Makes the bindings of one screen, each with an id by which a key map can move it."""

    def __init__(self, screen: str, types: str = "") -> None:
        """screen: begins the ids. types: the action of a field that is typed into; its key goes
        before all others, because the letters after it are for the field, however busy the screen
        is."""
        self._screen, self._types = screen, types

    def __call__(
        self,
        key: str,
        action: str,
        words: str,
        tooltip: str,
        group: Binding.Group,
        display: str | None = None,
        show: bool = True,
        priority: bool = False,
    ) -> Binding:
        """One binding."""
        return Binding(
            key, action, words, show=show, key_display=display, tooltip=tooltip, group=group,
            id=f"{self._screen}.{action_name(action)}",
            priority=priority or action == self._types,
        )  # fmt: skip


def action_name(action: str) -> str:
    """An action as one word: "log-axis" for `log_axis`, "speed.1" for `speed(1)`, "datasets" for
    `dialog('datasets')`, "leave" for `app.leave`."""
    name, _, argument = action.removeprefix("app.").rstrip(")").partition("(")
    argument = argument.strip("'\"")
    if name == "dialog":
        return argument
    return name.replace("_", "-") + (f".{argument}" if argument else "")


def run_keys(screen: str) -> list[Binding]:
    """The keys that move the run, on each screen that shows the run: see `RunActions`."""
    key = KeyMaker(screen)
    return [
        key("s", "step", "step", "Do one training step", RUN),
        key("b", "back", "back", "Go back one training step", RUN),
        key("space", "run", "run", "Train on, or pause", RUN, display="space"),
        key("plus,equals_sign", "speed(1)", "speed", "More steps a second; - for fewer", RUN,
            display="+/-"),
        key("minus", "speed(-1)", "slower", "Fewer steps a second", RUN, show=False,
            display="-"),
    ]  # fmt: skip


_key = KeyMaker("main")
MAIN_BINDINGS = [
    *run_keys("main"),
    _key("r", "reset", "reset", "Return to step 0; the same steps come again", RUN),
    _key("home", "travel(0)", "first step", "Go to the first step of the record", RUN,
         show=False),
    _key("end", "travel(1)", "last step", "Go to the last step of the record", RUN, show=False),
    _key("f", "dialog('fork')", "fork", "From this step on, change one thing; or race with it",
         RUN),
    _key("a", "dialog('runs')", "runs",
         "All runs that were recorded: open, compare, name, export", RUN),
    _key("V", "dialog('vary')", "vary", "Vary this run: a sweep over some of its settings, each "
         "with several seeds", RUN, show=False),
    _key("W", "dialog('sweeps')", "sweeps", "All sweeps: many runs at once, compared", RUN,
         show=False),
    _key("d", "dialog('datasets')", "data", "Choose a data set or a text file of your own",
         DATA),
    _key("t", "dialog('tokenizers')", "tokenizer", "Choose how text becomes tokens", DATA),
    _key("e", "dialog('engines')", "engine", "Let another engine go on with this run", DATA,
         show=False),
    _key("h", "dialog('settings')", "settings", "Model, optimizer and run: every hyperparameter",
         DATA),
    _key("g", "sample", "sample", "Sample texts from the model now", DATA),
    _key("c", "dialog('chain')", "chain", "Add, remove and order sampling strategies", DATA,
         show=False),
    _key("m", "dialog('metrics')", "metrics", "Draw other numbers of the run below the loss",
         LOOK, show=False),
    # With priority: what is typed after it is for the prompt, however busy the screen is.
    _key("slash", "prompt", "prompt", "Type the prompt that samples begin with", DATA,
         show=False, display="/", priority=True),
    _key("w", "windows", "windows", "Split a long text into windows of the context length", DATA,
         show=False),
    _key("i", "inside", "inside", "The microscope: all that the model computes for one text",
         LOOK),
    _key("y", "dialog('probes')", "probes", "Prompts that are asked again and again, and how the "
         "answers change", DATA, show=False),
    _key("O", "dialog('beside')", "another model", "Another model beside this one: the same prompt "
         "to both", DATA, show=False),
    _key("u", "undo", "undo", "Take back what was done to the weights at this step; or else return "
         "to the run before this one", DATA, show=False),
    _key("C", "dialog('cut')", "cut", "Set, cut or hold the number under the cursor in Parameters, "
         "its part, or its matrix", LOOK, show=False),
    _key("R", "dialog('rank')", "rank parts", "All heads, neurons, matrices and positions, by what "
         "it costs to take them out", LOOK, show=False),
    _key("P", "dialog('patch')", "patch", "Two texts: which activation carries the difference",
         LOOK, show=False),
    _key("S", "dialog('score')", "score", "How good the model is on unseen texts, and what it "
         "writes: each figure with its interval", LOOK, show=False),
    _key("ctrl+s", "dialog('save')", "save", "Save the model as a .safetensors file", DATA,
         show=False),
    _key("x", "dialog('export')", "export the run as ...",
         "Write the losses as CSV, JSON lines, or what a plugin offers", DATA, show=False),
    _key("D", "dialog('picture')", "picture",
         "Save a picture of a panel or of the whole screen, as SVG or PNG", DATA, show=False),
    _key("o", "resume", "open last", "Go on with the run that was trained last", DATA,
         show=False),
    _key("T", "app.tour", "tour", "Lessons in this playground, on a run of their own", APP,
         show=False),
    _key("p", "dialog('plugins')", "plugins",
         "What there is, from where, and what failed to load", LOOK),
    _key("exclamation_mark", "dialog('wrong')", "what is wrong",
         "The plugin that fails or is stale, its traceback, and a way on", LOOK, show=False,
         display="!"),
    _key("full_stop", "explain", "explain", "What each word and sign of the panel means", LOOK,
         display="."),
    _key("z", "zoom", "zoom", "Give the whole screen to one panel, and back", LOOK),
    _key("j", "other_view", "other view",
         "Zoomed: the loss over tokens or seconds, all matrices at once, the film strip", LOOK,
         show=False),
    _key("1", "panel(1)", "data set panel", "Go to the data set", LOOK, show=False),
    _key("2", "panel(2)", "loss panel", "Go to the loss", LOOK, show=False),
    _key("3", "panel(3)", "parameters panel", "Go to the parameters", LOOK, show=False),
    _key("4", "panel(4)", "sampling panel", "Go to sampling", LOOK, show=False),
    _key("5", "plugin_panel", "contributed panel",
         "Show attention, the logit lens, a histogram or a plugin's panel; again to choose", LOOK,
         show=False),
    _key("k", "app.sentence", "sentence",
         "Show or hide the sentence that says what the losses mean", LOOK, show=False),
    _key("l", "log_axis", "log axis", "Loss axis logarithmic or linear", LOOK, show=False),
    _key("n", "window", "last steps", "Show all steps, or only the last 1,000, 200, 50", LOOK,
         show=False),
    _key("left_square_bracket", "matrix(-1)", "previous matrix", "Show the matrix before", LOOK,
         show=False, display="["),
    _key("right_square_bracket", "matrix(1)", "next matrix", "Show the next matrix", LOOK,
         show=False, display="]"),
    _key("v", "kind", "weights, grads, ...",
         "Show weights, gradients, the last update, or Adam's moments", LOOK, show=False),
    _key("ctrl+p", "app.command_palette", "find", "Find every command, data set and plugin by its "
         "name", APP, display="^p"),
    _key("question_mark,f1", "help", "help", "Every key, and what you are looking at", APP,
         display="?"),
    _key("escape", "escape", "back to panels", "Leave a field, a zoom, a cursor", APP, show=False,
         display="esc"),
    _key("q,ctrl+q", "app.leave", "quit", "Leave; the run is kept for next time", APP,
         display="q"),
]  # fmt: skip
