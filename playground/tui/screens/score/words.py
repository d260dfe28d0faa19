"""How to read the score, in words, behind `?`."""

from __future__ import annotations

SCORE = (
    "How good the model is on texts that it has not seen, and what it writes. The worker of "
    "the run computes it, of the weights at the moment at which it was asked: a run that "
    "trains goes on training meanwhile, a little slower, and r scores it again where it "
    "stands by then. esc gives up. Every figure has its 95 % interval.\n"
    "Losses: bits a character can be compared between tokenizers; effective choices are among "
    "how many equally likely tokens the model hesitates. The ladder has the model among "
    "counts of one, two and three tokens (unigram, bigram, trigram) and the compressors of "
    "the standard library, all on the same texts, the best one last. Not told apart: the "
    "interval of the difference holds 0.\n"
    "Calibration: predictions by how likely the model found the likeliest token. The line ┆ "
    "is what it said, ● how often that token came, ─ the interval. A calibrated model has ● "
    "on ┆.\n"
    "Worst: the tokens with the highest mean loss, and the contexts after which most of the "
    "loss is made.\n"
    "Samples: drawn by the model's own probabilities. Recited ones are training texts, whole "
    "or in pieces of 12 characters or more. Edits count insertions, deletions and "
    "substitutions to the nearest training text. e takes a rule, a regular expression that a "
    "valid sample matches from end to end; without one, that of the run's metric valid-share "
    "counts.\n"
    "microgpt-play score prints the same, and docs/score.md describes every figure."
)
