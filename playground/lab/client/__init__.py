"""The screen's side of the lab: workers as processes, requests to them, and their recovery.

The files here run in the SCREEN's process, in its event loop, and never block that loop. No plugin
code runs here: what the worker can make arrives as a Catalog of plain data. The screen holds a Lab
(lab.py), which knows nothing of widgets.
"""
