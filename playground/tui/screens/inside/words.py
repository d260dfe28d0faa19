"""Every sentence that explains a view: what is seen, and how to read it, behind `?`."""

from __future__ import annotations

from collections.abc import Sequence

from playground.lab.protocol.inside import View

TITLES: dict[View, str] = {
    "flow": "Flow",
    "attention": "Attention",
    "depth": "Depth",
    "credit": "Credit",
    "neurons": "Neurons",
    "lines": "Lines",
    "number": "Number",
    "step": "Step",
}

SEEN: dict[View, str] = {
    "flow": (
        "The machine from top to bottom at one position: every stage, its shape, its numbers. "
        "The line │ is the residual stream, which each layer only adds to."
    ),
    "attention": (
        "Each row is a position, each cell one that it reads. There is no mask: a position is "
        "read before later ones exist. Position 0 reads only itself: 1.000."
    ),
    "depth": (
        "What the model would say if it ended at a stage: the likeliest token there. The fuller "
        "the shade, the likelier is what comes next, or the pinned token."
    ),
    "credit": (
        "Everything that adds to one logit, the largest first. The bars begin at 0, each where "
        "the one before ended, and end at the logit, exactly."
    ),
    "neurons": (
        "The hidden neurons of the MLP: the fuller, the stronger it fires. ○ never fires in "
        "this text, · is silent there."
    ),
    "lines": (
        "The function that computes all this, statement by statement as it is run at the chosen "
        "position, and what the marked statement made."
    ),
    "number": (
        "One number and what it is made from. Its gradient says by how much the loss grows when "
        "the number does."
    ),
    "step": (
        "What the last step did, and who made it do that: how much of each matrix's update was "
        "memory of earlier steps, and how much each letter pulled."
    ),
}

HELP: dict[View, str] = {
    "flow": (
        "Read it from top to bottom, as the model computes. The token's row of wte and the "
        "position's row of wpe are added and normalized: that is the residual stream x, drawn "
        "as a line at the left. Each layer reads a normalized copy of the stream, works on the "
        "copy, and adds what it found back to the stream: first attention, which looks at "
        "earlier positions, then the MLP. lm_head turns the stream into one logit for each "
        "token, and softmax turns logits into probabilities. A strip shows the numbers "
        "themselves, one cell each, on a scale of its own. Enter opens the view, or the matrix, "
        "behind a stage; , and . choose one of its numbers, and o opens that number in Number."
    ),
    "attention": (
        "A head compares the query of the position that reads with the keys of all positions up "
        "to that one: their dot product, divided by √head_dim, is the score, and softmax makes "
        "attention weights α of the scores, which add up to 1 in each row. The head then writes "
        "the values of those positions, weighted by α, through its columns of W_O into the "
        "residual stream. A large α alone says little: n switches to how much is written for "
        "each position, and to what that adds to the logit of the token that is explained. No "
        "mask is needed: the model reads one position after the other, as when it writes, and "
        "keeps the keys and values of the ones before; a later position does not exist yet when "
        "a position is read. Position 0 has nothing but itself to read, so its weight is 1.000 "
        "in every head. Heads and layers count from 0, as in the names of the matrices."
    ),
    "depth": (
        "The logit lens. microgpt has no norm before lm_head, so lm_head can be applied to the "
        "residual stream at any depth, and what comes out is exact. Each row is a stage, from "
        "the embedding at the top to the last layer at the bottom, where the model's own answer "
        "stands; a row of a head shows the stream with the write of that head alone. Each "
        "column is a position. Enter pins the token under the cursor: the shades, and the bars "
        "at the right, then follow that token's probability through the depth. t goes on to "
        "another token."
    ),
    "credit": (
        "A logit is a sum: a part from the token's embedding, one from the position's, one from "
        "each head for each position that it reads, and one from each hidden neuron that fires. "
        "The parts are exact, and the last line compares their sum with the logit that the "
        "model computed. A bar to the right raises the logit, a bar to the left lowers it. n "
        "takes off the mean logit, which explains the loss, or the logit of another token, "
        "which explains why the one and not the other. ◆ marks the parts of the head that is "
        "chosen in Attention. Enter opens a head in Attention, a neuron in Neurons, an "
        "embedding in Parameters, the sum in Number. o opens in Number what a part comes by: "
        "the attention weight, the activation of the neuron, the embedding, the logit."
    ),
    "neurons": (
        "Each hidden neuron is a row of mlp_fc1, a bend at 0, and a column of mlp_fc2: it fires "
        "where the stream looks like its row, and then writes its column. Most are silent at "
        "most positions. Enter opens one: the tokens that it promotes and demotes, by U times "
        "its column; what wakes and quiets it, by its row times each token's embedding; and the "
        "documents of the data that fire it most. o opens what it makes at the position in "
        "Number."
    ),
    "lines": (
        "The source of gpt in the scalar engine, as installed, run line by line. The marked "
        "lines are the statement that was just run; at the right is every name that the "
        "statement made or changed, with its shape and its numbers. n or ↓ runs the next one, b "
        "or ↑ goes back to the one before, N goes on to the next token. b goes back a training "
        "step in every other view. Enter or o opens the first number of the statement in "
        "Number."
    ),
    "number": (
        "Everything that the loss was computed from, one number a line. The children of a "
        "number are what it was made from, indented below; a long chain of additions is one Σ, "
        "with its largest terms first. The gradient of a number is its local gradient times the "
        "gradient of the number above, and where several numbers are made from one, these add "
        "up: they stand above it, marked ↖, and u goes up to the first. Enter opens and closes "
        "a number; Enter on a weight leaves for that weight in Parameters, and i comes back "
        "here. backspace goes back to the number before."
    ),
    "step": (
        "The last step is done again from the state before it, so nothing here is estimated. g·Δθ "
        "is what the gradient foretells for the step's own text; what the loss did beside that is "
        "curvature: the step was too long to be straight. A row of the table is a matrix. ‖Δ‖/‖θ‖ "
        "says how far it was moved, in lengths of its own: about 0.001 is usual. cos says whether "
        "the gradient points the way that the first moment m of Adam remembers: 1 the same way, "
        "0 across, -1 against. The shares add up to 1 in each row; one below 0 pulled the other "
        "way. That is exact, since Adam's update is linear in the gradients once √v̂ is known. "
        "Held out tells what the step did to texts that the model never learns from: ± is the "
        "standard error of the difference, text by text. The gradient check nudges all weights in "
        "a random direction and compares the slope of the loss with the gradient: 1.000 if the "
        "engine's gradient is right. Enter opens the weight of the matrix that was moved farthest; "
        "8 on a weight in Number opens that one. Enter on an opened weight leaves for Parameters, "
        "o opens the weight in Number, esc closes it. w makes the run again without this step."
    ),
}


def seen(view: View, parts: Sequence[str]) -> str:
    """What a view shows of a model with these parts, and how to read it."""
    if view == "flow" and "residual" not in parts:
        adds = "which each layer only adds to"
        return SEEN[view].replace(adds, "whose place the output of each block takes")
    return SEEN[view]


SGD = (
    " This run is trained by SGD, which remembers nothing: the update is the learning rate times "
    "the gradient, memory is 0, and there is no first moment for cos to compare with."
)
"""What is to be said of a step of SGD, behind what is said of every step."""


def left_out(parts: Sequence[str]) -> str:
    """What is to be said of a model that lacks parts, behind what is said of every model."""
    from playground.lab.spec import WITHOUT

    return "".join(
        f" This model is without {part}: {words}."
        for part, words in WITHOUT.items()
        if part not in parts
    )


WITHOUT_STEP = (
    "The run is made again from the state before this step, with the step passed over: its "
    "documents do not train, and every other step keeps its number, its documents, its learning "
    "rate and what was done by hand. Both runs are then compared after the last step that is "
    "known of this run, which is where it stands unless it was taken back. Nothing here is "
    "estimated. Its text is what the step learnt from; held out are texts that neither run learns "
    "from, and ± is the standard error of the difference, text by text. The samples are drawn "
    "with the same dice, so that only the weights make them differ. The distance of the weights "
    "says how far a single step sends a run another way, though the losses may hardly differ."
)
INFLUENCE = (
    "Which steps made this prediction what it is. The figures say what its loss would be without "
    "the step, less what it is, in nats: above 0 the documents of the step taught the model this, "
    "below 0 they spoke against it. By formula, for all steps: the gradient of the prediction "
    "times what the step's documents moved the weights by, at the step and by what Adam remembers "
    "of them later (TracIn, Pruthi et al. 2020). It is of first order, and knows nothing of what "
    "later steps would have learnt instead. The first ten are replayed: the run is made again "
    "without the step, up to where it stands, which is the truth. Spearman's correlation says how "
    "well the ranks of the two agree: 1 for the same order, 0 for none. Enter goes to the step and "
    "takes it apart; w there makes the run again without it."
)
WAITING = "Looking ..."
NOTHING = "No document is open yet."
EMPTY = "Type a text: enter reads it, esc leaves the field."
