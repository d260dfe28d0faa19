"""The screen's side of the lab: workers as processes, requests to them, and their recovery.

All of it runs in the SCREEN's process, in its event loop, and blocks it nowhere. No plugin code
runs here: what the worker can make arrives as a Catalog of plain data. lab.py is what the screen
holds; it knows nothing of widgets.
"""
