"""How to read the sheets of surgery, in words, behind `?`."""

from __future__ import annotations

CUT = (
    "What one part of the model is worth: the sheet tries what is chosen on the model as it "
    "stands, and nothing is changed before enter or h. To take a part out is to set its weights to "
    "0: of a head its columns of attn_wo, of a neuron its column of mlp_fc2, so that the part "
    "still computes and nothing of it is written. A head can also write what it writes on average: "
    "then the layers above find what they are used to. No weights do that, so it is only tried. "
    "To put in a part is to take its weights from another step of this run, or from another run of "
    "the same sizes: tab changes from the step to the run, enter first fetches and tries it.\n"
    "The held-out figure is the mean of what is added to the loss, in nats a token, text by text; "
    "± is the standard error of that. Less than twice ± is within the noise: these texts cannot "
    "tell it from nothing. Below stand the loss of each letter of the text, and what may come "
    "after it, before and after.\n"
    "enter is an edit of the run, like another learning rate: it is marked on the timeline, the "
    "steps that follow begin from there, and u at that step takes it back. h holds: the weights "
    "have their values again after every step, so that you see whether the model heals around it."
)

RANK = (
    "Every head, neuron, matrix and position of the model, each taken out alone and put in again: "
    "the bar is what the held-out loss then is above the model's own, in nats a token, and ± is "
    "the standard error of the difference, text by text. What is within the noise is pale: these "
    "texts cannot tell it from nothing. A figure below 0 means that the model is better without "
    "the part. The sum of two cuts is not the two together: what one head lost, another "
    "may do. While the ranking goes on, the parts that are done stand in their order so far. f "
    "shows one kind alone, enter opens the sheet for a part while the ranking goes on; there, r "
    "comes back to it. esc gives the ranking up. (Michel et al. 2019.)"
)

PATCH = (
    "Two texts that differ a little lead to two answers. Each cell takes one activation from the "
    "clean text, puts it into the model while it reads the other text, and measures how much of "
    "the way back to the clean answer that alone goes: (LD patched - LD other) / (LD clean - LD "
    "other), where LD is the logit of the clean answer minus that of the other. 1 is all of it, 0 "
    "nothing; more than 1 goes too far, below 0 the wrong way. So a cell that is full carries the "
    "difference there. Both texts must have as many tokens. (Zhang and Nanda 2023.)"
)
