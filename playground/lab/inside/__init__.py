"""The microscope's side of the worker: what it shows of one text, computed from the weights.

It knows runs and the protocol; it knows neither store, nor process, nor screen. `look.py` answers a
Look; each view has a file of its own.
"""
