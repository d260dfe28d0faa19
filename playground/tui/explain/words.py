"""Every word and sign of the main screen, each with the sentences that explain it.

`?`, the tooltips, the walk over the words and docs/words.md are made from what is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from playground.lab.protocol.run import MatrixKind
from playground.widths import cell_len

WIDEST = 70
"""The most cells of a word and its short explanation together: they fit into 80 columns."""
WIDE = 111
"""The most cells of a word and its whole explanation: they fit into 120 columns."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a sign of the screen, and what it means."""

    name: str
    """The word or the sign, as it stands on the screen."""
    brief: str
    """What it means, in one sentence."""
    more: str = ""
    """What is worth knowing beyond that, where there is room."""

    @property
    def whole(self) -> str:
        """The explanation with all that is worth knowing."""
        return f"{self.brief} {self.more}".rstrip()

    def fitting(self, width: int) -> str:
        """The explanation in at most `width` cells, if it has so short a form."""
        return self.whole if cell_len(self.whole) <= width else self.brief


TOP, DATA, LOSS, PARAMETERS, SAMPLING, PANEL, KEYS = range(7)
"""The parts of the main screen: the lines at the top, the panels by their numbers, the keys."""

PART_NAMES = {
    TOP: "The lines at the top",
    DATA: "1 Data set",
    LOSS: "2 Loss",
    PARAMETERS: "3 Parameters",
    SAMPLING: "4 Sampling",
    PANEL: "5 A contributed panel",
    KEYS: "The keys",
}

LOOKING_AT: dict[int, tuple[str, str]] = {
    DATA: (
        "Data set",
        "The text the model learns from, cut into documents. Here a document is one name, line or "
        "window. Each training step takes one of them. The model reads it piece by piece (the "
        "pieces are called tokens) and guesses each next one. The number under a token says how "
        "surprised it was, in nats: 0 is no surprise at all, 0.7 a coin toss, 3.3 a blind guess "
        "among 27. The dot · marks where a text begins and ends.",
    ),
    LOSS: (
        "Loss",
        "The mean surprise of each step: the lower, the better. One document is "
        "easy and the next hard, so the loss jumps; the line through it is its moving average "
        "(ema). The diamonds are the loss on held-out texts that are never trained on, ± its "
        "standard error: if they rise while the average falls, the model learns by heart. The "
        "dotted lines are what counting the training texts reaches on the same held-out texts. A "
        "diamond below bigram by more than the ± has learnt something. m draws metrics below, each "
        "at a scale of its own. Zoomed (z), j draws it all over tokens or seconds.\n"
        "The line under the chart is the run's timeline. Home, End, b and the mouse take you along "
        "it, and everything on the screen is then as it was at that step. Going back loses "
        "nothing: if you change something there, the run branches off as a new one.",
    ),
    PARAMETERS: (
        "Parameters",
        "The numbers the model is made of, a coloured cell each. Everything it has learnt is in "
        "them. [ and ] choose the matrix, v shows it as weights, as gradients, as what the last "
        "step did, or as Adam's moments. Zoomed (z), a map shows the way of a token through the "
        "matrices, and how strongly the last step pulled at each; j shows all of them at once.",
    ),
    SAMPLING: (
        "Sampling",
        "How the model writes. It gives every possible next token a score (its logit), the scores "
        "become chances, and one token is drawn; then again, until it draws the end. The bars are "
        "those chances after your prompt. The controls above change the chances: none of this "
        "changes the model. Zoomed (z), each letter of a sample has its chance, and j shows the "
        "film: what the model wrote every so many steps, with the same dice, from gibberish on.",
    ),
    PANEL: (
        "Panel",
        "A picture of the run, by the playground or by a plugin. The histogram counts how many "
        "weights are how large; in gradient-flow, a bar that is very short beside the others says "
        "that hardly anything is learnt there. attention shows from which positions each head "
        "takes something, row by row; logit-lens what the model would say if its depth ended at "
        "each stage; bigrams which token follows which, counted and as the model has it. A panel "
        "that takes long is drawn less often, and one that fails is switched off without harm to "
        "the run. 5 chooses another, 3 returns to the parameters.",
    ),
}
"""The title of each panel, and what a person looks at there."""

SENTENCES = {
    "wte": "What the model knows of each token, a row each.",
    "wpe": "What it knows of each position, a row each.",
    "attn_wq": "What a position looks for in the text before it.",
    "attn_wk": "What a position offers to be found by.",
    "attn_wv": "What a position hands on when a head reads it.",
    "attn_wo": "Writes what the heads found into the stream.",
    "mlp_fc1": "What wakes each neuron, a row each.",
    "mlp_fc2": "What each neuron writes into the stream, a column each.",
    "lm_head": "How the stream scores each next token, a row each.",
}
"""What each matrix does, in a sentence."""

KIND_SENTENCES: dict[MatrixKind, str] = {
    "weights": "Each cell shows the sign and the size of a number.",
    "gradients": "Gradients: a step moves each number against its own.",
    "update": "Δ: by how much the last step moved each number.",
    "first_moment": "m: Adam's running mean of the gradients.",
    "second_moment": "v: Adam's running mean of their squares.",
}
"""What each view of a matrix shows."""

_OF_THE_TOP = {
    "program": Word("microgpt-play", "This program: a real GPT learns in front of you.",
        "It is Karpathy's microgpt, number by number."),
    "dataset": Word("names", "The data set, or the file, that the model learns from.",
        "d chooses another one, or a text of yours."),
    "tokenizer": Word("char", "The tokenizer: how text is cut into tokens.",
        "char makes each letter a token; t chooses another one."),
    "tokens": Word("27 tokens", "The pieces there are: all letters, and one for the end.",
        "The model gives each of them a chance."),
    "parameters": Word("4,192 parameters", "The numbers that training changes: all it knows.",
        "3 shows them, matrix by matrix."),
    "shape": Word("1 layer, 4 heads", "The size of the transformer: depth, heads, width.",
        "Heads look back at the text; h changes it."),
    "without": Word("without attention", "What the model lacks from the start.",
        "h says what each part is for, and brings it back."),
    "SGD": Word("SGD", "The optimizer: weight minus learning rate times gradient.",
        "Adam divides each gradient by its usual size."),
    "engine": Word("vector engine", "The code that does the arithmetic; all train alike.",
        "e lets another go on from the same weights."),
    "scalar": Word("41× scalar", "How many times as fast as the plainest engine it is.",
        "The figure is an estimate; e compares them."),
    "seed": Word("seed 42", "What chance starts from: same seed, same run.",
        "It settles the first weights and the order of the texts."),
    "run": Word("run 7", "The run's number in the record of all runs; a shows them.",
        "Runs are kept on this machine alone."),
    "not recorded": Word("✗ not recorded", "The record cannot be written now; the run goes on.",
        "It is tried again every few seconds."),
    "state": Word("▶ running", "The run is ready, running, paused, finished or failed.",
        "space runs and pauses, s does a single step."),
    "step": Word("step 380/600", "Training steps done, of all that are to be done.",
        "Each moves every weight a little."),
    "progress": Word("━━╾─ 63%", "How much of the run is done."),
    "loss": Word("loss", "The mean surprise of this step's tokens: less is better.",
        "Texts differ, so it jumps from step to step."),
    "ema": Word("ema", "The moving average of the loss, over about 20 steps.",
        "Watch this line, and not the loss of a single step."),
    "held out": Word("held out", "The loss on texts that are never trained on.",
        "If it rises while ema falls, the model learns by heart."),
    "error": Word("± 0.010", "The standard error of the held-out loss.",
        "Smaller differences than this mean nothing."),
    "held still": Word("held: head 2", "Weights that keep their values at every step.",
        "They were held by hand; C releases them."),
    "lr": Word("lr", "The learning rate: how far a step moves the weights.",
        "It falls to 0 unless h chooses another schedule."),
    "steps/s": Word("steps/s", "Training steps a second; + and - change the speed."),
    "tok/s": Word("tok/s", "Tokens learnt from in a second.",
        "A step reads one text, so that long texts give more tokens a step."),
    "left": Word("0:02 left", "The time until all steps are done, at this speed."),
    "speed": Word("speed", "The speed that space trains at; + and - change it.",
        "flat out trains as fast as the engine can."),
    "under way": Word("◌", "Something is being made or waited for; the screen stays usable."),
    "sentence": Word("the sentence", "What the numbers mean, computed from them; k hides it.",
        "It says what is beaten, and what to try."),
    "blind guess": Word("a blind guess", "Every token equally likely: it costs ln of their count.",
        "Among 27 tokens: ln 27 = 3.296 nats."),
    "made up": Word("Made up", "The newest sample that stands nowhere in the data."),
}  # fmt: skip

_OF_THE_DATA = {
    "documents": Word("32,469 documents", "The texts that the data are cut into.",
        "Each step reads one; “different” counts each text once."),
    "notice": Word("!", "Something that you should know of this text.",
        "z shows all notices whole; w splits a long text into windows."),
    "number": Word("380", "The place of a text in the order of training.",
        "The seed shuffles the texts, once, into this order."),
    "document": Word("the text", "A text of the data; the bold one is of the last step.",
        "Those above were read, those below come."),
    "mean": Word("2.36 nats", "The mean surprise over this text: its loss.",
        "nats are to surprise what bits are: 1 nat is 1.44 bits."),
    "up next": Word("up next", "The text that the next step reads."),
    "token": Word("a tile", "A token of the text; the stronger its tint, the more surprise.",
        "The model sees the tokens before."),
    "surprise": Word("3.2", "The surprise at the token above, in nats: -ln of its chance.",
        "0.7 is a coin toss, 3.3 a guess among 27."),
    "end": Word("·", "The token at which a text begins and ends.",
        "The model learns to write it, and so when to stop."),
    "beyond": Word("not seen", "The part of the text beyond the context; never read.",
        "h lengthens the context, w splits the text."),
    "vocabulary": Word("vocabulary", "All tokens that the model can read and write."),
    "train": Word("29,240 train", "How many texts are trained on."),
    "held": Word("2,991 held out", "How many texts are tested on, never trained on.",
        "A tenth of the distinct ones, without repeats."),
}  # fmt: skip

_OF_THE_LOSS = {
    "loss curve": Word("⡇ loss", "The loss of each step; where steps share a column, its span.",
        "Texts differ, so that it jumps."),
    "ema curve": Word("━ ema", "The moving average of the loss, over about 20 steps.",
        "It is the line to watch."),
    "diamond": Word("◆ held out", "The loss on texts that are never trained on.",
        "It is measured every 100 steps, or as h says."),
    "curve": Word("⣿ the dots", "The curves: the pale one each loss, the strong one ema.",
        "← and → move a cursor that reads them."),
    "cursor": Word("│", "The chart's cursor; the frame reads the values out there.",
        "enter goes to that step, esc takes it away."),
    "baseline": Word("┄", "What counting the training texts reaches on the held-out ones.",
        "A diamond below it guesses better."),
    "uniform": Word("uniform", "The loss of a blind guess: ln of the number of tokens."),
    "unigram": Word("unigram", "The loss of knowing how common each token is.",
        "Below it, the model knows more than that."),
    "bigram": Word("bigram", "The loss of knowing which token follows which.",
        "Below it, the model looks back further than one token."),
    "trigram": Word("trigram", "The loss of knowing which token follows which two."),
    "nats axis": Word("3 ┤", "Nats a token; the axis is logarithmic or linear by l."),
    "steps axis": Word("└┬─ 100", "Training steps; n shows all of them, or the last ones."),
    "no data": Word("no data yet", "The curves begin with the first step."),
    "metric": Word("a metric", "A number of the run that m chose, at a scale of its own."),
    "nats": Word("nats a token", "The unit of surprise: -ln of the chance that was given.",
        "0.7 is a coin toss; 1 nat is 1.44 bits."),
    "recorded": Word("━", "The timeline: these steps are recorded, and can be gone back to."),
    "ahead": Word("─", "The timeline: these steps are still to come."),
    "here": Word("●", "Where you are in the run; the mouse drags it to another step."),
    "target": Word("○", "The step that the run is on its way to."),
    "sampled": Word("· on the line", "Texts were sampled at this step."),
    "edit": Word("◆ on the line", "Something was set by hand after this step."),
    "fork": Word("┴ on the line", "Another run was forked off here; f does that."),
    "focus": Word("›", "The line that the arrow keys move."),
    "timeline step": Word("step 380", "Where you are; “of” names the last step recorded."),
    "read out": Word("step 99  loss …", "The values of the curves at the chart's cursor."),
}  # fmt: skip

_MATRICES = {
    name: Word(name, sentence, more)
    for name, sentence, more in (
        ("wte", SENTENCES["wte"], "A token enters the model as its row here."),
        ("wpe", SENTENCES["wpe"], "It is added to the token's row, so that order matters."),
        ("attn_wq", SENTENCES["attn_wq"], "Compared with what others offer: attention."),
        ("attn_wk", SENTENCES["attn_wk"], "Compared with what others look for: attention."),
        ("attn_wv", SENTENCES["attn_wv"], "Mixed by how well query and key fit."),
        ("attn_wo", SENTENCES["attn_wo"], "So attention changes what a position knows."),
        ("mlp_fc1", SENTENCES["mlp_fc1"], "A neuron that is below 0 stays silent (ReLU)."),
        ("mlp_fc2", SENTENCES["mlp_fc2"], "So the mlp works on what attention found."),
        ("lm_head", SENTENCES["lm_head"], "The scores are the logits, and become chances."),
    )
}

_OF_THE_PARAMETERS = {
    **_MATRICES,
    "layer": Word("layer0", "The layer that the matrix is of; they work one after another."),
    "size": Word("27×16", "Rows and columns of the matrix."),
    "weights": Word("weights", KIND_SENTENCES["weights"], "v shows the next view, a click any."),
    "gradients": Word("grads", KIND_SENTENCES["gradients"],
        "Each is how the loss grows with the number."),
    "update": Word("Δ", KIND_SENTENCES["update"]),
    "first_moment": Word("m", KIND_SENTENCES["first_moment"],
        "It keeps the direction steady where single texts disagree."),
    "second_moment": Word("v", KIND_SENTENCES["second_moment"],
        "Numbers with large gradients take smaller steps."),
    "colours": Word("▀", "One number each: gold above 0, blue below, in the usual themes.",
        "Two rows share a line."),
    "labels": Word("ab", "What the rows are: the tokens, or the positions.",
        "Two rows share a line, so that two labels do."),
    "scale": Word("-0.60 ▌▌ +0.60", "The numbers at the ends of the colours."),
    "sight": Word("rows 0–13 of 27", "The part in sight; the cursor moves it."),
    "cell": Word("[0, 0]", "Row and column under the cursor; arrows move it."),
    "weight": Word("weight", "The number itself, as it is after this step."),
    "gradient": Word("gradient", "How the loss grows with this number; a step goes against it."),
    "row": Word("row", "What the row of the cursor stands for."),
    "column": Word("col", "What the column of the cursor stands for."),
    "channel": Word("channel 0", "One of the numbers that describe a position.",
        "All layers read and write them: the stream."),
    "head": Word("head 0.3", "A head of attention, and which of its numbers."),
    "neuron": Word("neuron 5", "One of the mlp's units, which wakes at some pattern."),
    "position": Word("position 4", "A place in the text, counted from 0."),
    "meaning": Word("the words beside", "What the matrix does, and what the view shows."),
    "map": Word("the way of a token", "The matrices in the order in which a token passes."),
}  # fmt: skip

_OF_SAMPLING = {
    "temperature": Word("temperature", "Below 1 the likely grow likelier, above 1 less so.",
        "Low is plain, high is bold, 1 leaves it."),
    "repetition": Word("repetition", "How much less likely tokens become that were there.",
        "off leaves them."),
    "top-k": Word("top-k", "Only the k likeliest tokens stay; off keeps all."),
    "top-p": Word("top-p", "Only the likeliest stay that have this chance together.",
        "off keeps all; also called nucleus."),
    "min-p": Word("min-p", "Only tokens at least so likely as a part of the likeliest.",
        "At 0.1, a tenth of it; off keeps all."),
    "knob": Word("a control", "A strategy of the chain; c says what it does."),
    "track": Word("━●─", "The value, on the range it has; arrows or the mouse move it."),
    "value": Word("0.50", "The value of the control; enter lets you type a number.",
        "off has no effect."),
    "prompt": Word("prompt", "What samples begin with; / types it."),
    "next": Word("next token", "The chances of what comes after the prompt.",
        "The controls above have changed them already."),
    "where": Word("at the start", "The text after which the chances are shown."),
    "raw": Word("│ raw", "The line │ in a bar is the raw chance, before the controls.",
        "A bar beyond its line has grown by them."),
    "candidate": Word("a", "A possible next token, the likeliest first."),
    "bar": Word("███", "The token's chance; the longest bar fills the width."),
    "chance": Word("0.34", "The token's chance, from 0 to 1."),
    "rest": Word("… 20 more", "The tokens that have no bar, and their chances together."),
    "batch": Word("step 300", "The step at which the texts below were sampled.",
        "Some are every 100 steps; g samples now."),
    "sample": Word("a sample", "A text that the model wrote, token by token."),
    "cut": Word("…", "The text was longer than the context, or than there is room."),
    "new": Word("new", "Stands nowhere in the data: the model made it up."),
    "in data": Word("in data", "Is a document of the data, to the letter."),
    "recited": Word("recited", "Stands word for word in a longer document."),
    "none yet": Word("g samples now", "Here stands what the model writes, from step 100 on."),
    "film": Word("the film", "What the model wrote after these steps, with the same dice.",
        "So only the model makes a difference."),
    "film step": Word("150", "The row was written after so many steps; 0 is the start.",
        "Rows are 5 steps apart, then 50, 500, 5,000."),
    "film loss": Word("2.503 ███", "The average loss of training after this step.",
        "The bar: how far it is below a blind guess."),
    "film here": Word("▸", "The row where the run stands; the rows after it are dim."),
    "trouble": Word("! a prompt", "Why there are no chances now, and what to do."),
}  # fmt: skip

WORDS: dict[int, Mapping[str, Word]] = {
    TOP: _OF_THE_TOP,
    DATA: _OF_THE_DATA,
    LOSS: _OF_THE_LOSS,
    PARAMETERS: _OF_THE_PARAMETERS,
    SAMPLING: _OF_SAMPLING,
}
"""The words by the part of the screen where they stand, each under a name of its own."""


def word_of(name: str) -> Word:
    """The word of that name. Raises KeyError."""
    for words in WORDS.values():
        if name in words:
            return words[name]
    raise KeyError(name)


def panel_word(number: int) -> Word:
    """A panel as a word: its first sentence, and the second."""
    title, text = LOOKING_AT[number]
    first, _, rest = text.partition(". ")
    first, second = f"{first}.", rest.partition(". ")[0]
    return Word(f"{number} {title}", first, f"{second}." if second else "")


def table(part: int) -> Iterable[tuple[str, str]]:
    """Each word of a part of the screen, and its explanation."""
    return ((word.name, word.whole) for word in WORDS.get(part, {}).values())
