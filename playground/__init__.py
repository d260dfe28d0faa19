"""The playground around microgpt: what a person starts, sees and extends.

Layers, each of which knows only those after it: cli, tui, lab, hooks, testing, api; below them
plain values (catalog.py), words (words.py) and files (files.py), and the GPT itself (the package
microgpt). docs/architecture.md is the map.
"""
