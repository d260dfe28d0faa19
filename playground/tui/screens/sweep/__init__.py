"""The screens of sweeps: the list, the dialog that varies a run, and one sweep.

`view.py` holds what a person sees and chose, without widgets; `screen.py` has the widgets and
`keys.py` the keys; `vary.py` asks what a new sweep varies; `list.py` lists the sweeps.
"""
