"""The screens of surgery: what one part of the model is worth, tried and then done.

`cut.py` is the sheet for one part, `rank.py` the list of all parts by what they cost, and
`patch.py` compares two texts, activation by activation.
"""
