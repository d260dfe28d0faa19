"""The microscope: one screen for one text, inside the model, in eight views.

`screen.py` has the keys, one file draws each view, `state.py` holds what a person chose, `page.py`
what the views draw with, `top.py` the text as tiles above every view, `graph_names.py` the names by
which view 7 opens a number of another view, and `words.py` every sentence that explains a view.
`control/inside.py` asks the lab.
"""
