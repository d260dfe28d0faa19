"""How good the model is, on screen: `screen.py` is the dialog with its keys, `drawing.py` draws its
views, `words.py` says how to read them. The worker computes the score (playground.lab.score)."""
