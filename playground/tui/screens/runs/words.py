"""How to read the screen of all runs, in words, behind `?`."""

from __future__ import annotations

ABOUT = (
    "Runs",
    "Every run that was trained here is kept by itself. A run without a name is told by what is "
    "unlike in it, as (lr 0.02) or (seed 7), and a fork stands below (└) the run that it was "
    "forked from. The loss is the average of about 20 steps; held out is the loss on texts that "
    "the run never trains on.\n"
    "space marks. Two marked runs are compared, up to eight are drawn over each other, each with "
    "a letter at its end; ≠ stands where losses cannot be compared, because the texts or the "
    "tokens differ. Of several runs v draws another loss, and j counts tokens or seconds in the "
    "place of steps. R races two runs: the marked ones, or this one and the one that is open.\n"
    "/ searches by words and conditions, as lr>=0.01 dataset=names touched<2d. What is deleted is "
    "put away, and u brings it back.",
)
"""The title and the text of the help."""
